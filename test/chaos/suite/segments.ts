/**
 * Deletes old records under the readers' feet, as retention does: up to the place from which nobody will ever read again. That place is
 * what the daemon has written down (rewind offsets in its checkpoints, positions in its state); what goes is kept for the checker.
 */

import { partitionOf } from '../../../src/kit/hash.ts'
import { decodeCheckpoint } from '../../../src/wire/checkpoints.ts'
import { decodeState } from '../../../src/wire/state.ts'
import type { Dump } from './broker-hand.ts'
import { INPUT_PARTITIONS, JUDGE_PARTITIONS, MODELS } from './policy.ts'
import type { Stage } from './stage.ts'

interface Place {
  readonly topic: string
  readonly partition: number
  readonly upTo: number
}

export async function deleteWhatNobodyNeeds({ cluster, topics, archive }: Stage, target: number): Promise<boolean> {
  const needed = await cluster.hand.dump([topics.checkpoints, topics.state])
  const places = [...inputPlaces(needed, topics.checkpoints), ...panePlaces(needed, topics.state, topics.panes)].filter(
    ({ upTo }) => upTo > 0,
  )
  if (places.length === 0) return false
  const { topic, partition, upTo } = places[target % places.length]!
  archive.add(await cluster.hand.dump([`${topic}/${partition}`]))
  await cluster.hand.deleteUpTo(topic, partition, upTo)
  return true
}

/** By key, as compaction would leave them. */
function newest({ records }: Dump, topic: string): Map<string, Buffer> {
  const values = new Map<string, Buffer>()
  for (const record of records) {
    if (record.topic !== topic || record.key === null) continue
    const key = record.key.toString()
    if (record.value === null) values.delete(key)
    else values.set(key, record.value)
  }
  return values
}

function inputPlaces(dump: Dump, checkpoints: string): Place[] {
  const rewinds = new Map<string, number>()
  for (const value of newest(dump, checkpoints).values()) {
    const found = decodeCheckpoint(value)
    if (found.kind !== 'checkpoint') continue
    const body = JSON.parse(found.body.toString()) as Record<'predictions' | 'outcomes', { rewindOffset: number }>
    const partition = found.source.split('/').at(-1)
    for (const topic of ['predictions', 'outcomes'] as const) {
      const place = `${topic}/${partition}`
      rewinds.set(place, Math.min(rewinds.get(place) ?? Number.POSITIVE_INFINITY, body[topic].rewindOffset))
    }
  }
  return Array.from({ length: INPUT_PARTITIONS }, (_, partition) => partition).flatMap((partition) =>
    ['predictions', 'outcomes'].map((topic) => ({ topic, partition, upTo: rewinds.get(`${topic}/${partition}`) ?? 0 })),
  )
}

function panePlaces(dump: Dump, state: string, panes: string): Place[] {
  const values = newest(dump, state)
  const positions = MODELS.map((model) => {
    const value = values.get(model)
    const found = value === undefined ? null : decodeState(value)
    const read = found?.kind === 'ladder' ? (JSON.parse(found.body.toString()) as { positions: { panes: number } }).positions.panes : 0
    return { partition: partitionOf(Buffer.from(model), JUDGE_PARTITIONS), read }
  })
  return Array.from({ length: JUDGE_PARTITIONS }, (_, partition) => {
    const mine = positions.filter((each) => each.partition === partition).map(({ read }) => read)
    return { topic: panes, partition, upTo: mine.length === 0 ? 0 : Math.min(...mine) }
  })
}
