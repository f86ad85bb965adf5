/** The policy as JSON Schema draft-07, for editors; and the keys it knows at a place, for "did you mean". Derived from the zod schema. */
import { z } from 'zod'
import type { KeyPath } from './faults.ts'
import { policySchema } from './policy.ts'

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly additionalProperties?: SchemaNode | boolean
  readonly items?: SchemaNode
  readonly anyOf?: readonly SchemaNode[]
  /** What holds others of its kind is said once. */
  readonly $ref?: string
  readonly definitions?: Readonly<Record<string, SchemaNode>>
}

/** What the file may hold, before defaults are written in. */
export function policyJsonSchema(): Readonly<Record<string, unknown>> {
  const { $schema, ...body } = z.toJSONSchema(policySchema, { target: 'draft-7', io: 'input' })
  return { $schema, $id: 'flyball-policy', title: 'Flyball policy', ...body }
}

/** Made once: a file can have thousands of unknown keys. */
let whole: SchemaNode | null = null

/** Keys known at a path, of all the forms that may stand there. */
export function keysAt(path: KeyPath): readonly string[] {
  whole ??= policyJsonSchema() as SchemaNode
  let nodes: readonly SchemaNode[] = [whole]
  for (const step of path) nodes = nodes.flatMap(branches).flatMap((node) => below(node, step))
  return [...new Set(nodes.flatMap(branches).flatMap((node) => Object.keys(node.properties ?? {})))]
}

function branches(node: SchemaNode): readonly SchemaNode[] {
  if (node.$ref !== undefined) return branches(whole!.definitions![node.$ref.slice('#/definitions/'.length)]!)
  return node.anyOf === undefined ? [node] : node.anyOf.flatMap(branches)
}

function below(node: SchemaNode, step: PropertyKey): readonly SchemaNode[] {
  if (typeof step === 'number') return node.items === undefined ? [] : [node.items]
  const named = node.properties?.[String(step)]
  if (named !== undefined) return [named]
  return typeof node.additionalProperties === 'object' ? [node.additionalProperties] : []
}
