/** What avsc hands out has prototypes of its own, and Avro names know no hyphen: both are smoothed here, for records of little traffic. */

/** The same data as plain objects and arrays; bytes stay Buffers. The caller says what the schema promises. */
export function plain<T>(value: unknown): T {
  return copy(value) as T
}

function copy(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return value
  if (Array.isArray(value)) return value.map(copy)
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, copy(part)]))
}

/** `step-down` → `step_down`, as Avro symbols must be spelled. */
export function toSymbol(name: string): string {
  return name.replace('-', '_')
}

/** `step_down` → `step-down`. The schema has checked that it is one of the names. */
export function fromSymbol<T extends string>(symbol: string): T {
  return symbol.replace('_', '-') as T
}

/** A record of a topic that carries several kinds: avsc names the kind as the only key. */
export function branchOf(value: unknown): { readonly kind: string; readonly body: unknown } {
  const entry = Object.entries(value as object)[0]
  if (entry === undefined) throw new Error('empty union')
  return { kind: entry[0], body: entry[1] }
}
