/**
 * The anchor of a day: a record in a model's chain of decisions that decides nothing. It names the head of the chain and the anchor before
 * it, and is signed where the daemon has a key. Kept outside, it is what a chain that was written anew is found by.
 */

/** Rule of the decision (`recorded`) that is an anchor. */
export const ANCHOR_RULE = 'anchor'

const DAY_MS = 86_400_000
const HASH = /^[0-9a-f]{64}$/

/** A record of a model's chain: its number, and the SHA-256 (hex) of its bytes. */
export interface ChainPoint {
  readonly number: number
  readonly hash: string
}

/** What an anchor says, as the body of its decision. */
export interface AnchorBody {
  /** The record before it: with its hash everything up to there is told. */
  readonly head: ChainPoint
  /** Null: it is the model's first. */
  readonly previous: ChainPoint | null
}

export function isAnchor({ verdict }: { readonly verdict: { readonly kind: string; readonly rule: string } }): boolean {
  return verdict.kind === 'recorded' && verdict.rule === ANCHOR_RULE
}

/** Days are those of UTC, counted from 1970. */
export function dayOf(timeMs: number): number {
  return Math.floor(timeMs / DAY_MS)
}

export function anchorText({ head, previous }: AnchorBody): string {
  return JSON.stringify({ head, previous })
}

/** Null: the text is none of an anchor. */
export function anchorOf(text: string): AnchorBody | null {
  let found: unknown
  try {
    found = JSON.parse(text)
  } catch {
    return null
  }
  const { head, previous } = (found ?? {}) as { readonly head?: unknown; readonly previous?: unknown }
  return isPoint(head) && (previous === null || isPoint(previous)) ? { head, previous } : null
}

export function isHash(text: string): boolean {
  return HASH.test(text)
}

function isPoint(value: unknown): value is ChainPoint {
  const { number, hash } = (value ?? {}) as { readonly number?: unknown; readonly hash?: unknown }
  return Number.isSafeInteger(number) && typeof hash === 'string' && isHash(hash)
}
