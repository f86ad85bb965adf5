/**
 * Avro schemas: one from a file, or by id from a registry (a directory of `<id>.avsc`, or HTTP `GET /schemas/ids/{id}`).
 *
 * An id that the registry does not know is remembered as a miss for a while: a topic full of corrupt prefixes is no flood of requests.
 * A registry that does not answer is another matter: its records are fine, so loading tries again and then fails, and nothing is lost.
 */
import { readFileSync } from 'node:fs'
import { access, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import avro from 'avsc'
import type { Clock } from '../kit/clock.ts'
import { FlyballError } from '../kit/errors.ts'

const MISS_MS = 60_000
const MISSES_MAX = 10_000
const LOOKUPS_PER_BATCH_MAX = 64
const LOOKUPS_AT_ONCE = 4
const ATTEMPTS = 5
const FIRST_PAUSE_MS = 200
const REQUEST_MS_MAX = 5_000
const SCHEMA_BYTES_MAX = 4 << 20

export function fileSchema(file: string): avro.Type {
  try {
    return typeOf(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new FlyballError('FLY-INGEST-001', { file, problem: messageOf(error) }, { cause: error })
  }
}

/** Unions are wrapped so that avsc accepts every union; our reader never builds the wrapper. */
function typeOf(text: string): avro.Type {
  return avro.Type.forSchema(JSON.parse(text), { wrapUnions: 'always' })
}

interface Miss {
  readonly detail: string
  readonly untilMs: number
}

export class SchemaRegistry {
  private readonly registry: { readonly kind: 'directory' | 'http'; readonly location: string }
  private readonly clock: Clock
  private readonly types = new Map<number, avro.Type>()
  private readonly misses = new Map<number, Miss>()

  constructor(registry: { readonly kind: 'directory' | 'http'; readonly location: string }, clock: Clock) {
    this.registry = registry
    this.clock = clock
  }

  find(id: number): avro.Type | null {
    return this.types.get(id) ?? null
  }

  /** Why a schema is not there. */
  missing(id: number): string {
    return this.misses.get(id)?.detail ?? `schema ${id} was not looked up: too many unknown ids at once`
  }

  /** True when it is worth asking the registry for this id. */
  wants(id: number): boolean {
    if (this.types.has(id)) return false
    const miss = this.misses.get(id)
    return miss === undefined || miss.untilMs <= this.clock.monotonicMs()
  }

  async load(ids: readonly number[]): Promise<void> {
    const queue = ids.slice(0, LOOKUPS_PER_BATCH_MAX)
    const worker = async () => {
      for (let id = queue.shift(); id !== undefined; id = queue.shift()) await this.loadOne(id)
    }
    await Promise.all(Array.from({ length: LOOKUPS_AT_ONCE }, worker))
  }

  private async loadOne(id: number): Promise<void> {
    const text = await this.patiently(() => (this.registry.kind === 'directory' ? this.fromDirectory(id) : this.fromServer(id)))
    if (text === null) return this.miss(id, `the registry does not know schema ${id}`)
    try {
      this.types.set(id, typeOf(text))
      this.misses.delete(id)
    } catch (error) {
      this.miss(id, `schema ${id} is no Avro schema we can use: ${messageOf(error)}`)
    }
  }

  private miss(id: number, detail: string): void {
    if (this.misses.size >= MISSES_MAX) this.misses.clear()
    this.misses.set(id, { detail, untilMs: this.clock.monotonicMs() + MISS_MS })
  }

  private async patiently(ask: () => Promise<string | null>): Promise<string | null> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await ask()
      } catch (error) {
        if (attempt === ATTEMPTS) {
          throw new FlyballError('FLY-INGEST-002', { location: this.registry.location, problem: messageOf(error) }, { cause: error })
        }
        await this.clock.sleep(FIRST_PAUSE_MS * 2 ** (attempt - 1))
      }
    }
  }

  private async fromDirectory(id: number): Promise<string | null> {
    try {
      return await readFile(join(this.registry.location, `${id}.avsc`), 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      await access(this.registry.location) // a registry that is not there knows nothing, but says nothing either
      return null
    }
  }

  private async fromServer(id: number): Promise<string | null> {
    const url = `${this.registry.location.replace(/\/+$/, '')}/schemas/ids/${id}`
    const reply = await fetch(url, {
      headers: { accept: 'application/vnd.schemaregistry.v1+json, application/json' },
      signal: AbortSignal.timeout(REQUEST_MS_MAX),
    })
    const text = await textOf(reply, url)
    if (reply.status === 404) return null
    if (!reply.ok) throw new Error(`${url} answered ${reply.status}`)
    return schemaText(JSON.parse(text))
  }
}

/** Not collected beyond the limit, whatever is still coming. */
async function textOf(reply: Response, url: string): Promise<string> {
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of reply.body ?? []) {
    bytes += part.length
    if (bytes > SCHEMA_BYTES_MAX) throw new Error(`${url} answered with more than ${SCHEMA_BYTES_MAX} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

/** The registry's reply is `{ schema: "<Avro as text>", schemaType? }`; what is not Avro is not JSON for us either. */
function schemaText(reply: unknown): string {
  const { schema, schemaType = 'AVRO' } = reply as { schema?: unknown; schemaType?: unknown }
  if (typeof schema !== 'string') throw new Error('the registry answered without a schema')
  return schemaType === 'AVRO' ? schema : JSON.stringify(`a ${String(schemaType)} schema`)
}

function messageOf(error: unknown): string {
  const { message, cause } = error as Error
  const below = cause instanceof Error && cause.message !== '' ? `: ${cause.message}` : ''
  return `${message}${below}`.slice(0, 200)
}
