/**
 * Mirrored candidates: of a plan with a shadow, the control and the candidate answer the same request under the same id. The candidate's
 * predictions are held under another id, made of theirs, so that neither is a duplicate of the other; an outcome is looked up under both.
 */
import type { PredictionBatch } from '../domain.ts'
import type { Layout } from '../policy/layout.ts'

/** Any constant: ids are hashes. */
const OTHER_ROOM = 0x5bd1e995

/** The id of the same request in the other room; of that, this one. */
export function twinOf(id1: number): number {
  return id1 ^ OTHER_ROOM
}

export class Mirrors {
  /** Some plan has a shadow. */
  readonly some: boolean
  /** Version that is mirrored, by model; -1: none. */
  readonly #candidates: readonly number[]
  #ids = new Int32Array(1024)

  constructor(layout: Layout) {
    this.#candidates = layout.models.map(({ plan, candidate }) => (plan.rollout.shadow === null ? -1 : candidate))
    this.some = this.#candidates.some((candidate) => candidate >= 0)
  }

  /** First halves of the ids under which the rows [from, to) are held, at the rows' own places. */
  idsOf({ id1, model, version }: PredictionBatch, from: number, to: number): Int32Array {
    if (!this.some) return id1
    if (this.#ids.length < to) this.#ids = new Int32Array(Math.max(to, this.#ids.length * 2))
    const ids = this.#ids
    for (let row = from; row < to; row++) ids[row] = version[row] === this.#candidates[model[row]!] ? twinOf(id1[row]!) : id1[row]!
    return ids
  }
}
