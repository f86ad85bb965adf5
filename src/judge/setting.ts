/** What a look at a model is given beside its state, and what it may find in the way. */
import type { StreamTimeMs } from '../domain.ts'
import type { Layout, ModelLayout } from '../policy/layout.ts'

export interface Setting {
  readonly nowMs: StreamTimeMs
  readonly wallMs: number
  readonly model: ModelLayout
  readonly layout: Layout
}

/** Something that stands in the way: what kind of thing (the audit log names a change of it once) and the words with the numbers. */
export interface Missing {
  readonly kind: string
  readonly words: string
}
