/** The shipped dashboards: up to date with the list of metrics, in the structure that Grafana documents, and with nothing left out. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { DASHBOARDS, dashboardQueries } from '../../scripts/lib/dashboards.ts'
import { grafanaJson } from '../../scripts/lib/grafana.ts'
import { withMetricTable } from '../../scripts/lib/metric-table.ts'
import { metricRows } from '../../src/telemetry/metric-list.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const FOLDER = join(ROOT, 'deploy/grafana/dashboards')
const text = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

const datasource = z.strictObject({ type: z.literal('prometheus'), uid: z.literal('$datasource') })
const gridPos = z.strictObject({ x: z.int().min(0).max(23), y: z.int().min(0), w: z.int().min(1).max(24), h: z.int().min(1).max(40) })
const target = z.strictObject({
  ...{ refId: z.string().regex(/^[A-Z]$/), datasource, expr: z.string().min(1), legendFormat: z.string(), editorMode: z.literal('code') },
  ...{ instant: z.boolean(), range: z.boolean(), format: z.enum(['time_series', 'table']) },
})
const common = { id: z.int().positive(), title: z.string().min(1), gridPos }
const panel = z.discriminatedUnion('type', [
  z.strictObject({ ...common, type: z.literal('row'), collapsed: z.boolean(), panels: z.array(z.never()) }),
  ...(['timeseries', 'stat', 'table'] as const).map((type) =>
    z.strictObject({
      ...{ ...common, type: z.literal(type), description: z.string().min(10), datasource },
      ...{ fieldConfig: z.object({ defaults: z.object({ unit: z.string().min(1) }), overrides: z.array(z.never()) }) },
      ...{ options: z.object({}), targets: z.array(target).min(1).max(26) },
    }),
  ),
])
const variable = z.object({ name: z.string().regex(/^[a-z]+$/), label: z.string(), type: z.enum(['datasource', 'query']) })
const annotation = z.strictObject({
  ...{ name: z.string(), enable: z.boolean(), hide: z.boolean(), iconColor: z.string(), datasource, expr: z.string(), step: z.string() },
  ...{ useValueForTime: z.literal(true), titleFormat: z.string(), textFormat: z.string() },
})
const dashboard = z.object({
  uid: z.string().regex(/^[a-zA-Z0-9_-]{1,40}$/),
  title: z.string().min(1),
  tags: z.array(z.string()),
  schemaVersion: z.literal(39),
  time: z.strictObject({ from: z.string(), to: z.string() }),
  templating: z.strictObject({ list: z.array(variable) }),
  annotations: z.strictObject({ list: z.array(annotation) }),
  panels: z.array(panel).min(5),
})

test('the dashboards and the table of docs/metrics.md are what the list says (else run scripts/dashboards.ts)', () => {
  assert.deepEqual(readdirSync(FOLDER).sort(), Object.keys(DASHBOARDS).sort())
  for (const [file, plan] of Object.entries(DASHBOARDS)) {
    assert.equal(text(`deploy/grafana/dashboards/${file}`), `${JSON.stringify(grafanaJson(plan), null, 2)}\n`, file)
  }
  assert.equal(text('docs/metrics.md'), withMetricTable(text('docs/metrics.md')))
})

test('every dashboard has the structure that Grafana documents, with ids, uids and places of their own', () => {
  const uids = new Set<string>()
  for (const file of readdirSync(FOLDER)) {
    const found = dashboard.parse(JSON.parse(text(`deploy/grafana/dashboards/${file}`)))
    uids.add(found.uid)
    const ids = found.panels.map(({ id }) => id)
    assert.equal(new Set(ids).size, ids.length, file)
    const taken = new Set<string>()
    for (const { title, gridPos: at } of found.panels) {
      assert.ok(at.x + at.w <= 24, `${file}: ${title} is too wide`)
      for (let x = at.x; x < at.x + at.w; x++)
        for (let y = at.y; y < at.y + at.h; y++) {
          assert.ok(!taken.has(`${x} ${y}`), `${file}: ${title} lies over another panel`)
          taken.add(`${x} ${y}`)
        }
    }
  }
  assert.equal(uids.size, Object.keys(DASHBOARDS).length)
})

test('every variable that an expression uses is one of its dashboard, and every label one of its metric', () => {
  const labels = new Map(metricRows().map((row) => [row.name, [...row.labels, 'instance', 'job', 'le']]))
  for (const [file, { variables, rows, marks }] of Object.entries(DASHBOARDS)) {
    const known = new Set([...variables.map(({ name }) => name), '__rate_interval', '__range'])
    const asked = [
      ...rows.flatMap(({ panels }) => panels.flatMap(({ queries }) => queries.map(({ expr }) => expr))),
      ...marks.map(({ expr }) => expr),
    ]
    for (const expr of [...asked, ...variables.map(({ query }) => query)]) {
      for (const [, name] of expr.matchAll(/\$(\w+)/g)) assert.ok(known.has(name!), `${file}: ${expr} uses $${name}`)
      for (const [, name, selector] of expr.matchAll(/(flyball_\w+?)(?:_bucket)?\{([^}]*)\}/g)) {
        for (const [, label] of selector!.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g))
          assert.ok(labels.get(name!)?.includes(label!), `${file}: ${name} has no ${label}`)
      }
    }
  }
})

test('every metric is shown by a dashboard or asked for by a rule, and nothing is asked for that is not in the list', () => {
  const rules = ['recording.yml', 'alerts.yml'].map((file) => text(`deploy/prometheus/${file}`)).join('\n')
  const asked = `${dashboardQueries()
    .map(({ expr }) => expr)
    .join('\n')}\n${rules}`
  const names = new Set(metricRows().map(({ name }) => name))
  const shown = new Set([...asked.matchAll(/flyball_[a-z0-9_]+/g)].map(([name]) => (names.has(name) ? name : name.replace(/_bucket$/, ''))))
  assert.deepEqual(
    [...names].filter((name) => !shown.has(name)),
    [],
  )
  assert.deepEqual(
    [...shown].filter((name) => !names.has(name)),
    [],
  )
})
