/**
 * The contract of the log (`src/kafka/contract.ts`) as tests: the same for every log that claims to keep it.
 *
 * What a log does not keep is named in its list of exceptions, with the reason, and shows as a skipped test; a name that is no test's is
 * an error, so that the list cannot outlive what it excuses.
 */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { EventLog } from '../../src/kafka/contract.ts'
import { ADMIN, CLOSING, GROUPS } from './log-groups.ts'
import { RANGES, READING } from './log-reading.ts'
import { type ContractTest, type LogPlace, LogStage } from './log-stage.ts'
import { FENCING, TRANSACTIONS } from './log-transactions.ts'

export interface Exception {
  /** Title of the test that this log does not pass. */
  readonly title: string
  readonly reason: string
}

const CONTRACT: readonly ContractTest[] = [...READING, ...RANGES, ...TRANSACTIONS, ...FENCING, ...GROUPS, ...ADMIN, ...CLOSING]

export function keepsTheContract(name: string, place: LogPlace, exceptions: readonly Exception[] = []): void {
  let log: Promise<EventLog> | null = null
  const shared = () => (log ??= place.connect())
  after(async () => (await log)?.close())
  for (const { title, run } of CONTRACT) {
    const exception = exceptions.find((one) => one.title === title)
    const options = exception === undefined ? place.options : { ...place.options, skip: exception.reason }
    test(`${name}: ${title}`, options, async () => run(new LogStage(place, await shared())))
  }
  test(`${name}: every exception excuses a test that exists`, () => {
    const titles = new Set(CONTRACT.map(({ title }) => title))
    assert.equal(titles.size, CONTRACT.length)
    assert.deepEqual(
      exceptions.filter(({ title }) => !titles.has(title)),
      [],
    )
  })
}
