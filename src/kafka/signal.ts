/** Wakes whoever waits for a change. A wake without a waiter is kept for the next one. */
export class Signal {
  #pending = false
  #waiters: (() => void)[] = []

  wake(): void {
    const waiters = this.#waiters
    this.#waiters = []
    this.#pending = waiters.length === 0
    for (const resume of waiters) resume()
  }

  /** Resolves at the next wake, at once if one is kept, or when the time is over. */
  wait(maxWaitMs: number): Promise<void> {
    if (this.#pending) {
      this.#pending = false
      return Promise.resolve()
    }
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#waiters = this.#waiters.filter((waiter) => waiter !== resume)
        resolve()
      }, maxWaitMs)
      const resume = () => {
        clearTimeout(timer)
        resolve()
      }
      this.#waiters.push(resume)
    })
  }
}
