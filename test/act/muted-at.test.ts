/** What was silenced once costs nothing afterwards: a look at what is due asks no silence that is over, however many there were. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hear, type Known } from '../../src/act/incidents.ts'
import { plan } from '../../src/act/plan.ts'
import { nobodyTook } from '../../src/act/taken.ts'
import type { Silence } from '../../src/domain.ts'
import { alertOf, BEGIN_MS, HOUR, PAGED } from './told-world.ts'

test('silences that are over are asked for a message alone, and only those that ended since the one before it', () => {
  const incidents = new Map<string, Known>()
  for (let index = 0; index < 50; index++) hear(incidents, alertOf({ model: `m${index}`, incident: `i${index}` }), BEGIN_MS)
  let asked = 0
  const silences = new Map(
    Array.from({ length: 20 }, (_, index): [string, Silence] => {
      const silence = { id: `s${index}`, author: 'ada', reason: 'r', beginsAtMs: BEGIN_MS - 2, endsAtMs: BEGIN_MS - 1 }
      const match = () => {
        asked++
        return { model: ['*'] }
      }
      return [silence.id, Object.defineProperty(silence, 'match', { get: match }) as unknown as Silence]
    }),
  )
  const state = { incidents, deliveries: new Map(), silences, taken: nobodyTook(), sinceMs: BEGIN_MS }
  const [telling] = plan(state, PAGED, BEGIN_MS + HOUR)
  assert.equal(asked, 0)
  const told = { status: 'firing', severity: 'critical', fingerprint: 'f', sinceMs: BEGIN_MS, atMs: BEGIN_MS, reference: '' } as const
  const delivery = { group: telling!.group, sink: telling!.sink, told, attempt: null, messages: 1 }
  const deliveries = new Map([[telling!.key, delivery]])
  const again = plan({ ...state, deliveries }, PAGED, BEGIN_MS + HOUR).find(({ key }) => key === telling!.key)!
  assert.deepEqual([again.message().news, asked], [[], 0])
})
