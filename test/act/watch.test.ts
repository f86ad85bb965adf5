/** What watchdogs notice, when whoever watches was suspended or its clock was set: nobody is missed who was not given time to be heard. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Known } from '../../src/act/incidents.ts'
import { Watch } from '../../src/act/watch.ts'
import { emptyWatched } from '../../src/act/watchdogs.ts'
import { parsePolicy } from '../../src/policy/load.ts'
import { policyText } from '../policy/minimal.ts'
import { BEGIN_MS, MINUTE, SECOND } from './told-world.ts'

class Watcher {
  readonly watched = emptyWatched()
  readonly incidents = new Map<string, Known>()
  nowMs = BEGIN_MS
  readonly #watch = new Watch(parsePolicy(policyText.replace('fraud:', 'fraud:\n    mode: enforce'), '/flyball.yaml').layout, BEGIN_MS)

  beat(): void {
    this.watched.heartbeats.set('fraud', { atMs: this.nowMs, exposed: true })
  }

  look(): void {
    this.#watch.look(this.watched, this.incidents, this.nowMs)
  }

  watch(ms: number, beats: boolean): void {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs; this.nowMs += 5 * SECOND) {
      if (beats) this.beat()
      this.look()
    }
  }

  get holding(): readonly string[] {
    return [...this.incidents.values()].flatMap(({ alert, endedMs }) => (endedMs === null ? [alert.cause] : []))
  }
}

test('whoever was suspended misses nobody at once, and whoever is still silent after a while', () => {
  const watcher = new Watcher()
  watcher.watch(5 * MINUTE, true)
  watcher.nowMs += 10 * MINUTE
  watcher.watch(30 * SECOND, false)
  assert.deepEqual([...watcher.incidents.keys()], [])
  watcher.watch(2 * MINUTE, false)
  assert.deepEqual(watcher.holding, ['judge-stalled'])
})

test('what was missed before this was suspended stays missed, and ends when it is heard of', () => {
  const watcher = new Watcher()
  watcher.watch(MINUTE, true)
  watcher.watch(5 * MINUTE, false)
  watcher.nowMs += 10 * MINUTE
  watcher.look()
  assert.deepEqual(watcher.holding, ['judge-stalled'])
  assert.equal([...watcher.incidents.values()][0]!.changesMs.length, 1)
  watcher.watch(10 * SECOND, true)
  assert.deepEqual(watcher.holding, [])
})

test('a clock that is set back by a day blinds no watchdog for a day', () => {
  const watcher = new Watcher()
  watcher.watch(5 * MINUTE, true)
  watcher.nowMs -= 24 * 60 * MINUTE
  watcher.watch(MINUTE, true)
  watcher.watch(5 * MINUTE, false)
  assert.deepEqual(watcher.holding, ['judge-stalled'])
})
