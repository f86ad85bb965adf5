/** What the doctor finds without a broker: files with secrets, schemas, and what destinations of alerts answer to a test message. */
import { statSync } from 'node:fs'
import { access } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Answer, Message, Outside, Sink } from '../act/contract.ts'
import { beat } from '../act/sinks/heartbeat.ts'
import { sinkOf } from '../act/sinks/index.ts'
import type { SchemaPlace, SecretFile, SinkAnswer } from '../doctor/facts.ts'
import { fileSchema } from '../ingest/schemas.ts'
import { NO_DETAIL } from '../kit/no-detail.ts'
import { type Connection, exposedFile } from '../policy/connection.ts'
import type { Alerting, InputLayout, Layout, SinkPlan } from '../policy/layout.ts'
import type { Policy } from '../policy/policy.ts'
import { secret } from './act-start.ts'

const REGISTRY_MS_MAX = 5_000

/** And the public keys of those whose signatures are believed, which everybody may read. `folder`: of the policy. */
export function secretFiles(policy: Policy, layout: Layout, connection: Connection | null, folder: string): readonly SecretFile[] {
  const { ssl, sasl } = connection ?? {}
  const tokenFile = policy.metrics?.tokenFile
  const named: readonly (readonly [string, string | null | undefined])[] = [
    ['kafka.ssl.keyFile', typeof ssl === 'object' ? ssl.keyFile : null],
    ['kafka.sasl.passwordFile', sasl?.passwordFile],
    ['kafka.sasl.tokenFile', sasl?.tokenFile],
    ['kafka.sasl.tokenEndpoint.clientSecretFile', sasl?.tokenEndpoint?.clientSecretFile],
    ['privacy.keyFile', layout.privacy?.keyFile],
    ['security.signing.keyFile', layout.security?.signing?.keyFile],
    ['metrics.tokenFile', tokenFile === undefined ? null : resolve(folder, tokenFile)],
    ['telemetry.traces.headersFile', layout.traces?.headersFile],
    ...Object.entries(layout.alerting?.sinks ?? {}).flatMap(([name, plan]) => sinkSecrets(`alerts.sinks.${name}`, plan)),
  ]
  const secrets = named.flatMap(([name, file]) => (file === null || file === undefined ? [] : [looked(name, file)]))
  const known = (layout.security?.trusted ?? []).map(({ keyId, file }) => looked(`security.trusted, ${keyId}`, file))
  return [...secrets, ...known.map((file) => ({ ...file, isExposed: false }))]
}

function sinkSecrets(name: string, plan: SinkPlan): readonly (readonly [string, string | null])[] {
  switch (plan.kind) {
    case 'slack-webhook':
      return [[`${name}.webhookFile`, plan.urlFile]]
    case 'slack-bot':
      return [[`${name}.tokenFile`, plan.tokenFile]]
    case 'pagerduty':
      return [[`${name}.routingKeyFile`, plan.routingKeyFile]]
    case 'alertmanager':
      return [[`${name}.tokenFile`, plan.tokenFile]]
    case 'webhook':
      return [[`${name}.secretFile`, plan.secretFile]]
    case 'heartbeat':
    case 'log':
      return []
  }
}

function looked(name: string, file: string): SecretFile {
  try {
    // A pipe is read by whoever it is for.
    const isEmpty = statSync(file).isFile() && secret(file) === ''
    return { name, file, problem: isEmpty ? `${file} is empty` : null, isExposed: exposedFile(file).length > 0 }
  } catch (error) {
    return { name, file, problem: (error as Error).message, isExposed: false }
  }
}

/** Those that an input needs; JSON needs none. */
export async function schemaPlaces(inputs: readonly InputLayout[], ask: typeof fetch): Promise<readonly SchemaPlace[]> {
  const found = inputs.map(async (input) => {
    if (input.format === 'json') return []
    const problem = await schemaProblem(input, ask).catch((error: unknown) => (error as Error).message)
    return [{ topic: input.rekeyedFrom ?? input.topic, problem }]
  })
  return (await Promise.all(found)).flat()
}

async function schemaProblem({ format, schemaFile, registry }: InputLayout, ask: typeof fetch): Promise<string | null> {
  if (format === 'avro' && schemaFile !== null) fileSchema(schemaFile)
  if (format === 'avro' || registry === null) return null
  if (registry.kind === 'directory') {
    await access(registry.location)
    return null
  }
  return await serverProblem(registry.location, ask)
}

/** Only the host is named: an address may hold a password. */
async function serverProblem(location: string, ask: typeof fetch): Promise<string | null> {
  const { host } = new URL(location)
  const url = `${location.replace(/\/+$/, '')}/schemas/types`
  const status = await ask(url, { signal: AbortSignal.timeout(REGISTRY_MS_MAX) }).then(
    async ({ status: answered, body }) => {
      await body?.cancel()
      return answered
    },
    () => null,
  )
  if (status === null) return `the registry at ${host} cannot be reached`
  // A registry that has no such list is one all the same; one that asks who we are would ask for every schema, too.
  return status >= 500 || status === 401 || status === 403 ? `the registry at ${host} answered ${status}` : null
}

// ── test messages ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** One message that says that it is a test, and, where that was taken, its end: nothing stays open anywhere. */
export async function testSinks({ sinks }: Alerting, environment: string, outside: Outside): Promise<readonly SinkAnswer[]> {
  const signal = new AbortController().signal
  const answers = Object.entries(sinks).map(async ([sink, plan]) => {
    const answer = plan.kind === 'heartbeat' ? await beat(plan, outside, signal) : await tested(sinkOf(plan, outside), environment, outside)
    return { sink, answer }
  })
  return await Promise.all(answers)
}

async function tested(sink: Sink, environment: string, outside: Outside): Promise<Answer> {
  const signal = new AbortController().signal
  const begins = testMessage(environment, outside.nowMs())
  const answer = await sink.send(begins, signal)
  if (answer.result !== 'delivered') return answer
  const incidents = begins.incidents.map((incident) => ({
    ...incident,
    alert: { ...incident.alert, status: 'resolved' as const },
    endedMs: outside.nowMs(),
  }))
  return await sink.send({ ...begins, status: 'resolved', incidents, news: [], reference: answer.reference }, signal)
}

function testMessage(environment: string, atMs: number): Message {
  const incident = `${environment}/doctor/${atMs}`
  const alert = {
    ...{ incident, environment, model: 'flyball', version: '', cause: 'doctor', severity: 'info' as const, status: 'firing' as const },
    summary: 'A test message of flyball doctor: nothing has happened, and nothing is to be done.',
    ...{ decisionId: '', judgeTimeMs: atMs, detail: NO_DETAIL },
  }
  return {
    ...{ key: incident, status: 'firing', severity: 'info', labels: { environment, model: 'flyball', cause: 'doctor' } },
    incidents: [{ alert, beganMs: atMs, endedMs: null, flapping: false, link: '', takenBy: null }],
    ...{ omitted: 0, news: [incident], repeated: false, acknowledges: false, reference: '', atMs },
  }
}
