/** What the person at the terminal sees while it happens: one line for each thing that happened, and one that is always new. */
import { systemClock } from '../src/kit/clock.ts'

const STYLES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const
export type Style = keyof typeof STYLES

/** How often the present state is told where no line can be written over. */
const PLAIN_EVERY_MS = 10_000
const COLUMNS_DEFAULT = 120

export class Narrator {
  readonly #out: NodeJS.WriteStream
  readonly #beganMs = systemClock.monotonicMs()
  #progress = ''
  #plainMs = 0

  constructor(out: NodeJS.WriteStream = process.stdout) {
    this.#out = out
  }

  paint(style: Style, text: string): string {
    if (!this.#out.isTTY || (process.env['NO_COLOR'] ?? '') !== '') return text
    return `\u001b[${STYLES[style]}m${text}\u001b[0m`
  }

  /** A paragraph's heading. */
  head(text: string): void {
    this.#write(`\n${this.paint('bold', text)}`)
  }

  text(text: string): void {
    this.#write(text)
  }

  /** Something happened just now. */
  tell(text: string, style?: Style): void {
    const stamp = this.paint('dim', `${this.#seconds().padStart(6)} s`)
    this.#write(`${stamp}  ${style === undefined ? text : this.paint(style, text)}`)
  }

  /** How things stand. */
  progress(text: string): void {
    if (!this.#out.isTTY) {
      const nowMs = systemClock.monotonicMs()
      if (nowMs - this.#plainMs < PLAIN_EVERY_MS) return
      this.#plainMs = nowMs
      this.tell(`… ${text}`)
      return
    }
    const room = (this.#out.columns ?? COLUMNS_DEFAULT) - 12
    this.#progress = `${this.#seconds().padStart(6)} s  ${text.slice(0, room)}`
    this.#out.write(`\r\u001b[2K${this.#progress}`)
  }

  progressDone(): void {
    if (this.#progress !== '') this.#out.write('\r\u001b[2K')
    this.#progress = ''
  }

  elapsedSeconds(): number {
    return (systemClock.monotonicMs() - this.#beganMs) / 1000
  }

  #seconds(): string {
    return this.elapsedSeconds().toFixed(1)
  }

  #write(text: string): void {
    const again = this.#progress
    if (again !== '') this.#out.write('\r\u001b[2K')
    this.#out.write(`${text}\n`)
    if (again !== '') this.#out.write(again)
  }
}

/** ▕████░░░░▏ */
export function bar(percent: number, cells = 20): string {
  const full = Math.round((percent / 100) * cells)
  return `▕${'█'.repeat(full)}${'░'.repeat(cells - full)}▏`
}
