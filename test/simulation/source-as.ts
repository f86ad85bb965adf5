/** A source that does as another does, but for what a test changes. */
import type { Source } from '../../src/kafka/contract.ts'

export function sourceAs(source: Source, changes: { readonly take: Source['take']; readonly caughtUp?: () => boolean }): Source {
  return {
    topic: source.topic,
    partition: source.partition,
    get next() {
      return source.next
    },
    get end() {
      return source.end
    },
    get caughtUp() {
      return changes.caughtUp?.() ?? source.caughtUp
    },
    take: changes.take,
    close: () => source.close(),
  }
}
