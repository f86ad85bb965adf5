/** Records of the inputs: whether there are any, whether they can be read, whether outcomes meet their predictions, whose clock is wrong. */
import type { DropReason } from '../domain.ts'
import type { About, Facts, Known } from './facts.ts'
import { type Finding, finding } from './findings.ts'
import type { InputSample, Refused } from './sample.ts'
import { ageText, holdsNothing, percent, upon } from './words.ts'

const QUIET_MS = 3_600_000
/** From here on a topic is judged by a part of itself. */
const UNUSABLE_SHARE = 0.5
const ODD_SHARE = 0.01
/** Said for themselves: they may belong to nobody who is governed. */
const UNNAMED: readonly DropReason[] = ['unknown-model', 'unknown-version']

export const samplesOf = ({ predictions, outcomes, described }: Facts): readonly Known<InputSample>[] =>
  [predictions, outcomes, described].filter((sample) => sample !== undefined)

export function recordFindings(facts: Facts): readonly Finding[] | null {
  return upon('records', samplesOf(facts), (sample) => {
    if (sample.records === 0) return [finding('records', 'input-empty', { ...names(facts.about), topic: sample.topic })]
    return [...quiet(sample, facts.about), ...unusable(sample, facts.about), ...unnamed(sample, facts.about)]
  })
}

export function schemaFindings({ about, schemas }: Facts): readonly Finding[] | null {
  if (schemas.length === 0) return null
  return schemas.flatMap(({ topic, problem }) =>
    problem === null ? [] : [finding('schemas', 'schema-unusable', { policy: about.policy, topic, problem })],
  )
}

const names = ({ policy, bootstrap }: About) => ({ policy, bootstrap })

function quiet({ topic, newestMs }: InputSample, about: About): readonly Finding[] {
  const newest = Math.max(...newestMs.values())
  const ageMs = about.nowMs - newest
  // Records without a time are none of yesterday.
  return newest < 0 || ageMs <= QUIET_MS ? [] : [finding('records', 'input-quiet', { topic, by: ageText(ageMs) })]
}

function unusable({ topic, records, refused }: InputSample, about: About): readonly Finding[] {
  const odd = [...refused].filter(([reason]) => !UNNAMED.includes(reason)).sort(([, one], [, other]) => other.count - one.count)
  const count = odd.reduce((sum, [, one]) => sum + one.count, 0)
  const [most] = odd
  if (most === undefined || count < records * ODD_SHARE) return []
  const id = count < records * UNUSABLE_SHARE ? 'records-odd' : 'records-unusable'
  const detail = { topic, records, share: percent(count, records), reason: most[0], example: most[1].examples.join('; ') }
  return [finding('records', id, { ...names(about), ...detail })]
}

function unnamed({ topic, refused }: InputSample, about: About): readonly Finding[] {
  const said = (id: 'model-unnamed' | 'version-unnamed', found: Refused | undefined) =>
    found === undefined ? [] : [finding('records', id, { ...names(about), topic, count: found.count, example: found.examples.join('; ') })]
  return [...said('model-unnamed', refused.get('unknown-model')), ...said('version-unnamed', refused.get('unknown-version'))]
}

/** So many matches are evidence. A key that was changed lately leaves some apart. */
const MATCHES_MIN = 20
const APART_SHARE_MAX = 0.01

export function partitioningFindings({ about, predictions, outcomes }: Facts): readonly Finding[] | null {
  if (predictions === undefined || outcomes === undefined || about.layout.predictions.rekeyedFrom !== undefined) return null
  if (holdsNothing(predictions) || holdsNothing(outcomes)) return null
  return upon('co-partitioning', [predictions], (predicted) =>
    [outcomes].flatMap((other) => ('known' in other ? apart(predicted, other.known, about) : [])),
  )
}

function apart(predictions: InputSample, outcomes: InputSample, about: About): readonly Finding[] {
  const [asked, there] = [outcomes.ids, predictions.ids]
  if (asked.size === 0 || there.size === 0) return []
  const matched = [...asked].filter(([id]) => there.has(id))
  const elsewhere = matched.filter(([id, partition]) => there.get(id) !== partition).length
  const policy = about.policy
  if (matched.length === 0) {
    const detail = { policy, outcomes: asked.size, predictions: there.size, more: predictions.records * 10 }
    return [finding('co-partitioning', 'ids-unmatched', detail)]
  }
  if (elsewhere <= matched.length * APART_SHARE_MAX || (matched.length < MATCHES_MIN && elsewhere < matched.length / 2)) return []
  return [finding('co-partitioning', 'not-co-partitioned', { policy, matched: matched.length, apart: elsewhere })]
}

const APART_MS = 600_000

export function clockFindings(facts: Facts): readonly Finding[] | null {
  return upon('clocks', samplesOf(facts), (sample) => [...ahead(sample, facts.about), ...behind(sample, facts.about)])
}

function ahead({ topic, newestMs }: InputSample, { nowMs, layout, policy }: About): readonly Finding[] {
  return [...newestMs].flatMap(([partition, newest]) =>
    newest - nowMs <= layout.maxClockSkewMs
      ? []
      : [finding('clocks', 'clock-ahead', { policy, topic, partition, by: ageText(newest - nowMs) })],
  )
}

function behind({ topic, newestMs }: InputSample, about: About): readonly Finding[] {
  const newest = Math.max(...newestMs.values())
  return [...newestMs].flatMap(([partition, at]) =>
    newest - at <= APART_MS ? [] : [finding('clocks', 'partitions-apart', { ...names(about), topic, partition, by: ageText(newest - at) })],
  )
}
