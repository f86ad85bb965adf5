/** Draws of the fuzzers: everything they make comes from one stream of random numbers. */
import type { Random } from '../../src/kit/random.ts'

export class Chance {
  readonly random: Random

  constructor(random: Random) {
    this.random = random
  }

  int(count: number): number {
    return Math.floor(this.random() * count)
  }

  chance(share: number): boolean {
    return this.random() < share
  }

  pick<T>(list: readonly T[]): T {
    return list[this.int(list.length)]!
  }
}
