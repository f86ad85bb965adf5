/** What an audit can find, and which part of the log it was asked about. */

/**
 * undecodable: not a decision. damaged: the batch around it is. changed: other bytes than when it was written. missing: removed.
 * repeated: the same bytes twice. foreign: added by somebody else. number, order, time, key, partition: that part of it is wrong.
 * state: what `state` says cannot be used, or contradicts the log. anchor: one that does not fit the chain, or is owed. signature: of an
 * anchor, missing or not to be believed. rewritten: another record than the one that was kept outside.
 */
export type FindingKind =
  | 'undecodable'
  | 'damaged'
  | 'changed'
  | 'missing'
  | 'repeated'
  | 'foreign'
  | 'number'
  | 'order'
  | 'time'
  | 'key'
  | 'partition'
  | 'state'
  | 'anchor'
  | 'signature'
  | 'rewritten'

export interface Finding {
  readonly kind: FindingKind
  /** Empty when the record does not say. */
  readonly model: string
  /** The decision that is bad; of several that are missing the first. Null: nobody can tell. */
  readonly number: number | null
  /** Of several that are missing the last; else the same number. */
  readonly toNumber: number | null
  readonly partition: number
  /** Null for what is not there. */
  readonly offset: number | null
  /** Where in the partition it shows: for what is not there, the record before it. */
  readonly near: number
  /** Judge time of the record, or of the one before what is missing; null: unknown. */
  readonly judgeTimeMs: number | null
  /** A sentence for people. */
  readonly what: string
  /** What the chain wants, and what is there; null where hashes play no part. */
  readonly expectedHash: string | null
  readonly foundHash: string | null
}

/** Ends included; null: open. Numbers of decisions, or judge times. */
export interface Bounds {
  readonly fromNumber: number | null
  readonly toNumber: number | null
  readonly fromMs: number | null
  readonly toMs: number | null
}

export const ALL: Bounds = { fromNumber: null, toNumber: null, fromMs: null, toMs: null }

/** Is a record within them, by its own words? */
export function isWithin(bounds: Bounds, number: number, timeMs: number): boolean {
  const numbered = number >= (bounds.fromNumber ?? 0) && number <= (bounds.toNumber ?? Infinity)
  const timed = timeMs >= (bounds.fromMs ?? -Infinity) && timeMs <= (bounds.toMs ?? Infinity)
  return numbered && timed
}

/** A number and a time, as a sound record has them. */
interface Sound {
  readonly number: number
  readonly judgeTimeMs: number | null
}

/**
 * May what was found between these two sound records lie within the bounds? Where there is none the range is open; and the last one of
 * a chain belongs to it, for nobody after it vouches for it.
 */
export function mayConcern(bounds: Bounds, before: Sound | null, after: Sound | null): boolean {
  const [low, high] = [before?.number ?? -Infinity, after?.number ?? Infinity]
  const between = after !== null && high - low > 1 ? [low + 1, high - 1] : [low, after === null ? Infinity : Math.max(low, high)]
  const times = [before?.judgeTimeMs ?? -Infinity, after?.judgeTimeMs ?? Infinity]
  const meets = ([first, last]: readonly number[], from: number | null, to: number | null) =>
    last! >= (from ?? -Infinity) && first! <= (to ?? Infinity)
  return meets(between, bounds.fromNumber, bounds.toNumber) && meets([Math.min(...times), Math.max(...times)], bounds.fromMs, bounds.toMs)
}

/** In the order of the log. */
export function inOrder(findings: readonly Finding[]): readonly Finding[] {
  return [...findings].sort((a, b) => a.partition - b.partition || a.near - b.near)
}
