/**
 * Sends spans to a collector, beside everything else: what waits is bounded, what is too much is dropped and counted, and nothing ever
 * waits for the collector. Loaded only where the policy asks for it.
 */
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import type { Outside } from '../act/contract.ts'
import { exchange } from '../act/http.ts'
import type { Clock } from '../kit/clock.ts'
import { FlyballError } from '../kit/errors.ts'
import type { Layout, Traces } from '../policy/layout.ts'
import type { Emit, FlyballEvent, SpanDropReason } from '../telemetry/events.ts'
import { exportRequest, type Resource, rejectedIn } from '../telemetry/otlp.ts'
import { type Span, spanOf } from '../telemetry/spans.ts'

export interface TraceOptions {
  readonly layout: Layout
  readonly traces: Traces
  readonly clock: Clock
  readonly version: string
  /** What becomes of spans is told as events. */
  readonly emit: Emit
}

const WAITING_MAX = 2_048
const AT_ONCE_MAX = 512
const EVERY_MS = 1_000
const TIMEOUT_MS = 10_000
const BACKOFF_MS_MAX = 30_000
const CLOSE_MS = 2_000
/** Longer is an outage, which is asked about again meanwhile. */
const RETRY_AFTER_MS_MAX = 5 * 60_000
/** What is asked for so long in vain may be what the collector, or something before it, cannot take: it must not hold up the others. */
const GIVE_UP_MS = 5 * 60_000
/** As OTLP has it: what passes by itself. */
const PASSING: readonly number[] = [429, 502, 503, 504]

type Sent = { readonly refused: number } | { readonly later: string; readonly notBeforeMs: number } | { readonly never: string }

export class TraceSender {
  readonly #options: TraceOptions
  readonly #url: string
  readonly #resource: Resource
  readonly #outside: Outside
  #waiting: Span[] = []
  /** In one request: on their way, or to be sent again. */
  #leaving: readonly Span[] = []
  /** Monotonic: when those were sent first. */
  #sentFirstMs = 0
  #timer: NodeJS.Timeout | null = null
  #sending: Promise<void> | null = null
  #giveUp: AbortController | null = null
  #failures = 0
  #notBeforeMs = 0
  #answers: boolean | null = null
  #closed = false

  /** Throws where the file with headers cannot be used. */
  constructor(options: TraceOptions) {
    const { layout, traces, version } = options
    this.#options = options
    this.#url = `${traces.endpoint.replace(/\/+$/, '')}/v1/traces`
    this.#resource = {
      'service.name': 'flyball',
      'service.version': version,
      'service.instance.id': `${hostname()}-${process.pid}`,
      'deployment.environment.name': layout.environment,
    }
    this.#outside = { fetch, nowMs: () => options.clock.nowMs(), secret: () => '', write: () => undefined }
    headersIn(traces.headersFile)
  }

  /** Never throws, never waits. */
  observe(event: FlyballEvent): void {
    const { layout, clock } = this.#options
    const span = spanOf(event, layout.environment, clock.nowMs())
    if (span === null) return
    if (this.#closed) return this.#drop('stopped', 1)
    if (this.#held >= WAITING_MAX && !this.#makeRoom(span)) return this.#drop('full', 1)
    this.#waiting.push(span)
    // Once, as it fills: were it put off by each that comes, it would never be.
    if (this.#waiting.length === AT_ONCE_MAX && this.#failures === 0) this.#forget()
    this.#later(this.#waiting.length >= AT_ONCE_MAX ? 0 : EVERY_MS)
  }

  /** What waits is sent as far as the collector takes it in this time; the rest is dropped. */
  async close(withinMs = CLOSE_MS): Promise<void> {
    this.#closed = true
    this.#forget()
    const late = setTimeout(() => this.#giveUp?.abort('given up'), withinMs)
    const untilMs = this.#options.clock.monotonicMs() + withinMs
    await this.#sending
    this.#failures = 0
    while (this.#held > 0 && this.#failures === 0 && this.#options.clock.monotonicMs() < untilMs) await this.#send()
    clearTimeout(late)
    this.#drop('stopped', this.#held)
    this.#waiting = []
    this.#leaving = []
  }

  get #held(): number {
    return this.#waiting.length + this.#leaving.length
  }

  /** Decisions are few, and worth more than a batch. False: there is none. */
  #makeRoom({ kind }: Span): boolean {
    const batch = kind === 'decision' ? this.#waiting.findIndex((span) => span.kind === 'batch') : -1
    if (batch < 0) return false
    this.#waiting.splice(batch, 1)
    this.#drop('full', 1)
    return true
  }

  #later(ms: number): void {
    if (this.#timer !== null || this.#sending !== null || this.#closed || this.#failures > 0) return
    this.#schedule(ms)
  }

  #forget(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }

  #schedule(ms: number): void {
    // Nobody's end is put off by it.
    this.#timer = setTimeout(() => {
      this.#timer = null
      this.#sending = this.#send().finally(() => {
        this.#sending = null
        if (this.#closed || this.#held === 0) return
        this.#schedule(this.#pauseMs())
      })
    }, ms).unref()
  }

  #pauseMs(): number {
    if (this.#failures === 0) return this.#waiting.length < AT_ONCE_MAX ? EVERY_MS : 0
    return Math.max(this.#notBeforeMs, Math.min(BACKOFF_MS_MAX, EVERY_MS * 2 ** Math.min(this.#failures - 1, 10)))
  }

  async #send(): Promise<void> {
    if (this.#leaving.length === 0) this.#leave()
    const leaving = this.#leaving
    const sent = await this.#ask(exportRequest(leaving, this.#resource, this.#options.version))
    if ('later' in sent) return this.#failed(sent.later, sent.notBeforeMs)
    this.#leaving = []
    this.#failures = 0
    if ('never' in sent) {
      this.#count('refused', leaving.length)
      return this.#tell(false, sent.never)
    }
    const refused = Math.min(sent.refused, leaving.length)
    this.#count('delivered', leaving.length - refused)
    this.#count('refused', refused)
    this.#tell(true, '')
  }

  #leave(): void {
    this.#leaving = this.#waiting.splice(0, AT_ONCE_MAX)
    this.#sentFirstMs = this.#options.clock.monotonicMs()
  }

  #failed(problem: string, notBeforeMs: number): void {
    this.#failures++
    this.#notBeforeMs = notBeforeMs
    this.#tell(false, problem)
    if (this.#options.clock.monotonicMs() - this.#sentFirstMs < GIVE_UP_MS) return
    this.#drop('late', this.#leaving.length)
    this.#leaving = []
  }

  async #ask(body: string): Promise<Sent> {
    const giveUp = new AbortController()
    this.#giveUp = giveUp
    const timer = setTimeout(() => giveUp.abort('no answer in time'), TIMEOUT_MS).unref()
    try {
      const asked = { url: this.#url, headers: headersIn(this.#options.traces.headersFile), body }
      const heard = await exchange(this.#outside, asked, giveUp.signal)
      if ('result' in heard) return { later: heard.problem, notBeforeMs: 0 }
      const { status, text, retryAfterMs } = heard
      if (status >= 200 && status < 300) return { refused: rejectedIn(text) }
      return PASSING.includes(status)
        ? { later: `answered ${status}`, notBeforeMs: Math.min(retryAfterMs ?? 0, RETRY_AFTER_MS_MAX) }
        : { never: `answered ${status}` }
    } catch (error) {
      // The file with headers: somebody may be writing it.
      if (error instanceof FlyballError) return { later: error.message, notBeforeMs: 0 }
      throw error
    } finally {
      clearTimeout(timer)
      this.#giveUp = null
    }
  }

  #count(result: 'delivered' | 'refused', count: number): void {
    if (count > 0) this.#options.emit({ event: 'spans-told', result, reason: '', count })
  }

  #drop(reason: SpanDropReason, count: number): void {
    if (count > 0) this.#options.emit({ event: 'spans-told', result: 'dropped', reason, count })
  }

  /** When it changes. */
  #tell(answers: boolean, problem: string): void {
    if (this.#answers === answers) return
    this.#answers = answers
    this.#options.emit({ event: 'trace-collector', answers, problem })
  }
}

/** `name: value`, a line each; read for every request, so that a token can change. */
function headersIn(file: string | null): Readonly<Record<string, string>> {
  if (file === null) return {}
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new FlyballError('FLY-POLICY-002', { file, problem: (error as Error).message }, { cause: error })
  }
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  return Object.fromEntries(
    lines.map((line) => {
      const [, name = '', value = ''] = /^\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*:\s*([\x20-\x7e]+?)\s*$/.exec(line) ?? []
      if (name === '') throw new FlyballError('FLY-POLICY-002', { file, problem: 'every line must be `name: value`' })
      return [name, value]
    }),
  )
}
