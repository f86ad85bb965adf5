/** Puts traffic into topics of any log, in order per partition, and reads what Flyball wrote back out of its own. */
import type { LogRecord, OutgoingRecord, Pane } from '../../src/domain.ts'
import type { EventLog } from '../../src/kafka/contract.ts'
import { isInternalKey } from '../../src/wire/keys.ts'
import { decodePane } from '../../src/wire/panes.ts'
import type { Placed } from './traffic.ts'

/** Creates the topic when it is missing. Records keep their times for ever: old ones are not removed. */
export async function fill(log: EventLog, topic: string, partitions: number, placed: readonly Placed[]): Promise<void> {
  await log.admin.create([{ topic, partitions, config: { 'retention.ms': '-1', 'max.message.bytes': '4194304' } }])
  const writer = await log.writer()
  for (let partition = 0; partition < partitions; partition++) {
    const records = placed.filter((one) => one.partition === partition).map((one) => one.record)
    for (const part of portions(records)) await writer.send(topic, partition, part)
  }
  await writer.close()
}

/** At most 500 records and about a megabyte: one batch each. */
function portions(records: readonly OutgoingRecord[]): OutgoingRecord[][] {
  const all: OutgoingRecord[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const record of records) {
    const size = record.value?.length ?? 0
    if (bytes + size > 1_000_000 || all.at(-1)!.length >= 500) {
      all.push([])
      bytes = 0
    }
    all.at(-1)!.push(record)
    bytes += size
  }
  return all
}

/** Every committed record of a topic; marks of Flyball's own (and records without a key) only when asked for. */
export async function recordsIn(log: EventLog, topic: string, marks = false): Promise<{ partition: number; record: LogRecord }[]> {
  const reader = log.reader()
  const records: { partition: number; record: LogRecord }[] = []
  try {
    for (const { partition, start, end } of await log.admin.offsets(topic)) {
      const each = (record: LogRecord) => void ((!marks && isInternalKey(record.key)) || records.push({ partition, record }))
      await reader.readRange(topic, partition, start, end, each)
    }
  } finally {
    await reader.close()
  }
  return records
}

/** Panes as the judge sees them: one per chain link, the first one written. `written` counts all of them. */
export async function panesIn(log: EventLog, topic: string): Promise<{ panes: Map<string, Pane>; written: number; refused: string[] }> {
  const panes = new Map<string, Pane>()
  const refused: string[] = []
  let written = 0
  for (const { record } of await recordsIn(log, topic)) {
    const found = record.value === null ? null : decodePane(record.value)
    if (found === null || found.kind !== 'pane') continue
    written++
    const link = `${found.source}|${found.chain}|${found.model}|${found.from}|${found.to}`
    const before = panes.get(link)
    if (before === undefined) panes.set(link, found)
    else if (plain(before) !== plain(found)) refused.push(link)
  }
  return { panes, written, refused }
}

/** A pane without its stamp, as text: equal panes of two owners are equal here. */
export function plain(pane: Pane): string {
  const cells = pane.cells
    .map((cell) => ({
      key: `${cell.version}|${cell.scope}|${cell.population}`,
      blocks: [...cell.blocks].map(([id, { counts, sums }]) => [id, [...counts], [...sums]]).sort(byFirst),
    }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
  const { from, to, sliceStartMs, sliceEndMs, finalAtMs, sampleRate } = pane
  return JSON.stringify({ from, to, sliceStartMs, sliceEndMs, finalAtMs, sampleRate, cells })
}

const byFirst = (a: unknown[], b: unknown[]): number => (String(a[0]) < String(b[0]) ? -1 : 1)
