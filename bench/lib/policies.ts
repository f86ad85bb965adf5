/** The example policy of the workload, on other topics and in another format. */
import { readFileSync } from 'node:fs'
import { parse, stringify } from 'yaml'
import { repository } from './child.ts'
import { SCHEMAS } from './encodings.ts'
import type { FilledTopics } from './fill.ts'

interface PolicyInput {
  topic: string
  format?: string
  registry?: { readonly directory: string }
}

export function throughputPolicy({ format, predictions, outcomes }: FilledTopics, prefix: string): string {
  const text = readFileSync(repository('examples/policies/throughput.yaml'), 'utf8')
  const policy = parse(text, { merge: true }) as { readonly inputs: Record<'predictions' | 'outcomes', PolicyInput> }
  const place = (input: PolicyInput, topic: string): void => {
    input.topic = topic
    if (format === 'avro') Object.assign(input, { format: 'confluent', registry: { directory: SCHEMAS } })
  }
  place(policy.inputs.predictions, predictions)
  place(policy.inputs.outcomes, outcomes)
  return stringify({ ...policy, kafka: { prefix } }, { aliasDuplicateObjects: false })
}
