/** `flyball baseline`: the same counts as the daemon's, bins that can be pasted, and faults named by file and line. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { recordTopic } from '../../src/cli/baseline.ts'
import { quantileEdges } from '../../src/cli/baseline-features.ts'
import { cellsOf, type InputRow, rowsOf } from '../../src/cli/baseline-input.ts'
import { MemoryBroker } from '../../src/kafka/log/memory-broker.ts'
import { MemoryLog } from '../../src/kafka/log/memory-log.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { seededRandom } from '../../src/kit/random.ts'
import { loadPolicy, parsePolicy } from '../../src/policy/load.ts'
import { profileSchema } from '../../src/policy/profile.ts'
import { flyball, inFolder } from './run-flyball.ts'

const BEGIN_MS = Date.parse('2024-05-06T00:00:00Z')

const POLICY = `version: 1
inputs:
  predictions: { topic: predictions }
models:
  fraud:
    control: v1
    candidate: v2
    features:
      age: { low: 0, high: 100, bins: 20 }
      country: { values: [DE, US] }
    guardrails:
      - { kind: error-rate }
      - { kind: baseline-drift, profile: flyball-profile.json }
      - { kind: volume, profile: flyball-profile.json }
`

interface Made {
  readonly id: string
  readonly model: string
  readonly version: string
  readonly time: number
  readonly score: number
  readonly latencyMs: number
  readonly error: boolean
  readonly features: { readonly age: number; readonly country: string; readonly plan: string }
}

/** Two weeks and a little more, ten rows an hour. */
function made(count: number): Made[] {
  const random = seededRandom(5)
  return Array.from({ length: count }, (_, index) => ({
    id: `p${index}`,
    model: 'fraud',
    version: index % 4 === 0 ? 'v2' : 'v1',
    time: BEGIN_MS + index * 360_000,
    score: random(),
    latencyMs: 10 + 50 * random(),
    error: index % 50 === 0,
    features: { age: Math.round(20 + 60 * random()), country: ['DE', 'US', 'FR'][index % 3]!, plan: index % 2 === 0 ? 'free' : 'paid' },
  }))
}

const jsonLines = (rows: readonly object[]) => `${rows.map((row) => JSON.stringify(row)).join('\n')}\n`

function csvOf(rows: readonly Made[]): string {
  const header = 'id,model,version,time,score,latencyMs,error,features.age,features.country,features.plan'
  const lines = rows.map((row) =>
    [
      row.id,
      row.model,
      row.version,
      row.time,
      row.score,
      row.latencyMs,
      row.error,
      row.features.age,
      `"${row.features.country}"`,
      row.features.plan,
    ].join(','),
  )
  return `${[header, ...lines].join('\r\n')}\r\n`
}

const ROWS = made(3_400)

test('a profile recorded from JSON lines counts what a pane would count, and the policy takes it', () => {
  inFolder((folder) => {
    writeFileSync(join(folder, 'flyball.yaml'), POLICY)
    writeFileSync(join(folder, 'rows.jsonl'), jsonLines(ROWS))
    assert.match(flyball(['validate'], folder).stderr, /FLY-POLICY-006 baseline-drift cannot use the profile/)
    const ended = flyball(['baseline', 'rows.jsonl'], folder)
    assert.equal(ended.code, 0, ended.stderr)
    assert.match(ended.stdout, /flyball-profile\.json: 3,400 rows of rows\.jsonl, 0 left out, 2024-05-06T00:00:00\.000Z to /)
    const profile = profileSchema.parse(JSON.parse(readFileSync(join(folder, 'flyball-profile.json'), 'utf8')))
    const [model] = profile.models
    const [every, control, candidate] = model!.versions
    assert.deepEqual([every!.rows, control!.rows, candidate!.rows, every!.errors], [3_400, 2_550, 850, 68])
    const ages = every!.blocks.find((block) => block.id === 'feature:age')!.counts
    const inBin = (bin: number) => ROWS.filter((row) => Math.min(19, Math.floor(row.features.age / 5)) === bin).length
    assert.deepEqual(
      ages.slice(1, 21),
      Array.from({ length: 20 }, (_, bin) => inBin(bin)),
    )
    assert.deepEqual(every!.blocks.find((block) => block.id === 'feature:country')!.counts, [1_134, 1_133, 1_133, 0, 0])
    assert.deepEqual([...new Set(model!.hourOfWeek)], [10])
    const { layout } = loadPolicy(join(folder, 'flyball.yaml'))
    const [drift, volume] = layout.models[0]!.plan.steady!
    assert.deepEqual(drift!.reference?.counts['feature:age'], ages)
    assert.equal(volume!.reference?.hourOfWeek[17], 10)
    assert.equal(flyball(['validate'], folder).code, 0)
  })
})

test('the same rows as CSV give the same counts', () => {
  inFolder((folder) => {
    writeFileSync(join(folder, 'flyball.yaml'), POLICY)
    writeFileSync(join(folder, 'rows.jsonl'), jsonLines(ROWS))
    writeFileSync(join(folder, 'rows.csv'), csvOf(ROWS))
    const [lines, csv] = ['rows.jsonl', 'rows.csv'].map((file) => JSON.parse(flyball(['baseline', file, '--json'], folder).stdout))
    assert.deepEqual({ ...csv, source: '' }, { ...lines, source: '' })
  })
})

test('--edges prints a block that can be pasted into the policy, with features that it does not name yet', () => {
  inFolder((folder) => {
    writeFileSync(join(folder, 'flyball.yaml'), POLICY)
    writeFileSync(join(folder, 'rows.jsonl'), jsonLines(ROWS))
    const ended = flyball(['baseline', 'rows.jsonl', '--edges'], folder)
    assert.equal(ended.code, 0, ended.stderr)
    assert.match(ended.stdout, /^# fraud, from 3400 rows\nfeatures:\n {2}age: \{ edges: \[20, 23, /)
    assert.match(ended.stdout, /^ {2}country: \{ values: \["DE", "FR", "US"\] \}$/m)
    assert.match(ended.stdout, /^ {2}plan: \{ values: \["free", "paid"\] \}$/m)
    const block = ended.stdout
      .split('\n')
      .slice(1)
      .map((line) => `    ${line}`)
    const pasted = POLICY.replace(/ {4}features:\n( {6}.*\n){2} {4}guardrails:\n( {6}.*\n)+/, `${block.join('\n')}\n`)
    const { layout, warnings } = parsePolicy(pasted, 'flyball.yaml')
    assert.deepEqual(warnings, [])
    assert.equal(layout.models[0]!.exposureBlocks.filter((each) => each.id.startsWith('feature:')).length, 3)
  })
})

test('what requests use has bounds of its own, and no edges are proposed for it', () => {
  inFolder((folder) => {
    const mapped = POLICY.replace('topic: predictions', 'topic: predictions, resources: { tookMs: latencyMs }')
    writeFileSync(join(folder, 'flyball.yaml'), `${mapped}    resources: { tookMs: { bounds: { high: 100 } } }\n`)
    writeFileSync(join(folder, 'rows.jsonl'), jsonLines(ROWS))
    const ended = flyball(['baseline', 'rows.jsonl', '--edges'], folder)
    assert.equal(ended.code, 0, ended.stderr)
    assert.match(ended.stdout, /age: \{ edges/)
    assert.doesNotMatch(ended.stdout, /tookMs/)
  })
})

test('a line that cannot be used is named by file and line; with --skip-bad it is counted and left out', () => {
  inFolder((folder) => {
    writeFileSync(join(folder, 'flyball.yaml'), POLICY)
    writeFileSync(join(folder, 'bad.jsonl'), `${jsonLines(ROWS.slice(0, 3))}\n{"id": "x", "model": \n${jsonLines(ROWS.slice(3, 5))}`)
    const ended = flyball(['baseline', 'bad.jsonl'], folder)
    assert.equal(ended.code, 2)
    assert.match(ended.stderr, /FLY-CLI-010 bad\.jsonl:5: undecodable: /)
    assert.doesNotMatch(ended.stderr, /\n\s+at /)
    const skipped = flyball(['baseline', 'bad.jsonl', '--skip-bad'], folder)
    assert.match(skipped.stdout, /5 rows of bad\.jsonl, 1 left out/)
    writeFileSync(join(folder, 'short.csv'), 'id,model,version\np1,fraud,v1\np2,fraud\n')
    assert.match(flyball(['baseline', 'short.csv'], folder).stderr, /FLY-CLI-010 short\.csv:3: 2 cells, the header names 3/)
    writeFileSync(join(folder, 'open.csv'), 'id,model,version\n"p1,fraud,v1\n')
    assert.match(flyball(['baseline', 'open.csv'], folder).stderr, /FLY-CLI-010 open\.csv:2: a quote is opened/)
  })
})

const CSV_ROW = (id: string) => `${id},fraud,v1,30,DE`

test('--skip-bad leaves out lines of CSV that are no rows, each counted, and an open quote takes no other line with it', () => {
  inFolder((folder) => {
    writeFileSync(join(folder, 'flyball.yaml'), POLICY)
    const bad = ['p2,fraud', '"p3"x,fraud,v1,30,DE', '"p4,fraud,v1,30,DE']
    const good = ['p5', 'p6', '"p\n7"', 'p 5" pipe', 'p8'].map(CSV_ROW)
    const header = 'id,model,version,features.age,features.country'
    writeFileSync(join(folder, 'rows.csv'), [header, CSV_ROW('p1'), ...bad, ...good].join('\n'))
    assert.match(flyball(['baseline', 'rows.csv', '--skip-bad'], folder).stdout, /6 rows of rows\.csv, 3 left out/)
    writeFileSync(join(folder, 'torn.csv'), [header, CSV_ROW('p1'), bad[1]].join('\n'))
    assert.match(flyball(['baseline', 'torn.csv'], folder).stderr, /FLY-CLI-010 torn\.csv:3: text behind the closing quote of cell 1/)
  })
})

test('a header that names a place twice is refused: one of the two cells would be lost', () => {
  inFolder((folder) => {
    writeFileSync(join(folder, 'flyball.yaml'), POLICY)
    writeFileSync(join(folder, 'twice.csv'), `id,model,version,id\np1,fraud,v1,p2\n`)
    assert.match(flyball(['baseline', 'twice.csv'], folder).stderr, /FLY-CLI-010 twice\.csv:1: the header: id is listed twice/)
    writeFileSync(join(folder, 'both.csv'), `id,model,version,features.age,features\np1,fraud,v1,3,x\n`)
    const both = flyball(['baseline', 'both.csv', '--skip-bad'], folder)
    assert.match(both.stderr, /FLY-CLI-010 both\.csv:1: the header: features cannot hold a cell and features\.age too/)
  })
})

test('a line longer than a record may be is named with its length and not kept, and the lines behind it are read', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'flyball-lines-'))
  try {
    const input = parsePolicy(POLICY, 'flyball.yaml').layout.predictions
    writeFileSync(join(folder, 'long.jsonl'), `\uFEFF{"a":1}\r\n${'x'.repeat(300_000)}\n{"b":"\u2028"}\n`)
    const rows: InputRow[] = []
    for await (const row of rowsOf(join(folder, 'long.jsonl'), input, 1_000)) rows.push(row)
    assert.deepEqual(
      rows.map((row) => ('value' in row ? [row.line, row.value.toString()] : [row.line, row.problem])),
      [
        [1, '{"a":1}'],
        [2, 'oversized: 300000 bytes, allowed are 1000'],
        [3, '{"b":"\u2028"}'],
      ],
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a profile that knows no hour of the week says so', () => {
  inFolder((folder) => {
    writeFileSync(join(folder, 'flyball.yaml'), POLICY)
    writeFileSync(join(folder, 'rows.jsonl'), jsonLines(ROWS.map(({ time: _time, ...row }) => row)))
    const ended = flyball(['baseline', 'rows.jsonl'], folder)
    assert.equal(ended.code, 0)
    assert.match(ended.stderr, /warning fraud: no hour of the week is known/)
  })
})

test('without input, with two, with a file that is not there or holds nothing of ours, the command says so', () => {
  inFolder((folder) => {
    writeFileSync(join(folder, 'flyball.yaml'), POLICY)
    writeFileSync(join(folder, 'other.jsonl'), jsonLines([{ ...ROWS[0], model: 'churn' }]))
    assert.match(flyball(['baseline'], folder).stderr, /FLY-CLI-012 cannot record: no input is named/)
    assert.match(flyball(['baseline', 'rows.jsonl', '--topic'], folder).stderr, /FLY-CLI-012 .*exclude each other/)
    assert.match(flyball(['baseline', 'none.jsonl'], folder).stderr, /FLY-CLI-012 .*none\.jsonl/)
    assert.match(flyball(['baseline', 'other.jsonl'], folder).stderr, /FLY-CLI-011 nothing to record: other\.jsonl/)
    assert.equal(flyball(['baseline', '--topic', '--from', 'yesterday'], folder).code, 2)
  })
})

test('a profile with other bins, of too few rows or of no use is refused with the reason', () => {
  inFolder((folder) => {
    const policy = join(folder, 'flyball.yaml')
    writeFileSync(policy, POLICY)
    writeFileSync(join(folder, 'rows.jsonl'), jsonLines(ROWS))
    writeFileSync(join(folder, 'few.jsonl'), jsonLines(ROWS.slice(0, 50)))
    assert.equal(flyball(['baseline', 'few.jsonl'], folder).code, 0)
    assert.throws(() => loadPolicy(policy), /feature:age has 50 rows, at least 100 are needed/)
    assert.equal(flyball(['baseline', 'rows.jsonl'], folder).code, 0)
    assert.ok(loadPolicy(policy))
    writeFileSync(policy, POLICY.replace('bins: 20', 'bins: 10'))
    assert.throws(() => loadPolicy(policy), /feature:age has other bins in the policy/)
    writeFileSync(join(folder, 'flyball-profile.json'), '{"format": "other"}')
    assert.throws(() => loadPolicy(policy), /FLY-POLICY-006.*format/)
    writeFileSync(join(folder, 'flyball-profile.json'), 'not json')
    assert.throws(() => loadPolicy(policy), /FLY-POLICY-006.*not JSON/)
  })
})

test('codes with leading zeros stay labels, in features that the policy does not name too', () => {
  inFolder((folder) => {
    writeFileSync(join(folder, 'flyball.yaml'), POLICY)
    const lines = Array.from({ length: 200 }, (_, index) => `p${index},fraud,v1,${index},00${index % 3},DE`)
    writeFileSync(join(folder, 'codes.csv'), `id,model,version,features.age,features.zone,features.country\n${lines.join('\n')}\n`)
    const { stdout } = flyball(['baseline', 'codes.csv', '--edges'], folder)
    assert.match(stdout, /^ {2}zone: \{ values: \["000", "001", "002"\] \}$/m)
    assert.match(stdout, /^ {2}age: \{ edges: \[0, 10, 20, /m)
  })
})

test('cells of a CSV line may hold commas, quotes and nothing', () => {
  assert.deepEqual(cellsOf('a,"b, ""c""",,d'), ['a', 'b, "c"', '', 'd'])
  assert.deepEqual(cellsOf(''), [''])
  assert.deepEqual(cellsOf('a,'), ['a', ''])
  assert.deepEqual(cellsOf('"a",""'), ['a', ''])
})

test('quantile edges ascend, hold every value, and shrink where values repeat', () => {
  assert.deepEqual(quantileEdges([5, 5, 5]), [5])
  assert.deepEqual(quantileEdges([1]), [])
  const random = seededRandom(9)
  const values = Array.from({ length: 5_000 }, () => Math.exp(3 * random()))
  const edges = quantileEdges(values)
  assert.equal(edges.length, 21)
  assert.ok(edges.every((edge, index) => index === 0 || edge > edges[index - 1]!))
  assert.ok(edges[0]! <= Math.min(...values) && edges.at(-1)! >= Math.max(...values))
})

test('from a topic the newest records of each partition are taken, by their own time, and broken ones are counted', async () => {
  const broker = new MemoryBroker(systemClock)
  const log = new MemoryLog(broker)
  await log.admin.create([{ topic: 'predictions', partitions: 2, config: {} }])
  const writer = await log.writer()
  for (const partition of [0, 1]) {
    const mine = ROWS.filter((_, index) => index % 2 === partition).slice(0, 500)
    const records = mine.map((row) => ({ key: row.id, value: Buffer.from(JSON.stringify(row)), timestampMs: row.time }))
    await writer.send('predictions', partition, [
      ...records,
      { key: 'x', value: Buffer.from('{'), timestampMs: records.at(-1)!.timestampMs },
      { key: 'x', value: null, timestampMs: records.at(-1)!.timestampMs },
    ])
  }
  const loaded = parsePolicy(POLICY, 'flyball.yaml')
  const every = await recordTopic(log, loaded, { fromMs: 0, limit: 1_000_000 })
  assert.deepEqual([every.source, every.rows, every.rejected], ['topic predictions', 1_000, 4])
  const newest = await recordTopic(log, loaded, { fromMs: 0, limit: 102 })
  assert.deepEqual([newest.rows, newest.rejected], [200, 4])
  const late = await recordTopic(log, loaded, { fromMs: BEGIN_MS + 900 * 360_000, limit: 1_000_000 })
  assert.equal(late.rows, 100)
  await log.close()
})
