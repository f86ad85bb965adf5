/** Charts are well-formed SVG, the same for the same numbers, and readable on any background. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Chart, chartSvg, linearTicks, logTicks } from '../../bench/statistics/plots.ts'

const CHART: Chart = {
  title: 'Delay & "effect" <log>',
  x: { label: 'odds (log)', scale: 'log' },
  y: { label: 'requests', scale: 'linear' },
  limits: [{ y: 200, label: 'first look' }],
  moments: [{ x: 2, label: 'here' }],
  lines: [
    {
      name: 'one',
      points: [
        [1.5, 900],
        [2, 400],
        [5, Number.NaN],
      ],
      hasMarkers: true,
    },
    { name: 'steps', points: [[1.5, 10]], isSteps: true, isQuiet: true },
    { name: 'none', points: [] },
  ],
}

test('a chart is well-formed: every tag is closed in order and every attribute quoted', () => {
  assertWellFormed(chartSvg(CHART))
})

test('a chart of nothing is still a chart', () => {
  assertWellFormed(chartSvg({ ...CHART, lines: [], limits: [] }))
})

test('the same numbers give the same bytes, without a NaN among them', () => {
  assert.equal(chartSvg(CHART), chartSvg(structuredClone(CHART)))
  assert.doesNotMatch(chartSvg(CHART), /NaN|Infinity|undefined/)
})

test('a chart paints its own background, names its axes and lines, and says its title to a screen reader', () => {
  const svg = chartSvg(CHART)
  assert.match(svg, /<rect width="860" height="440" fill="#ffffff"\/>/)
  for (const words of ['odds (log)', 'requests', 'one', 'steps', 'first look', 'Delay &amp; &quot;effect&quot; &lt;log&gt;']) {
    assert.ok(svg.includes(`>${words}<`), words)
  }
  assert.match(svg, /role="img" aria-label="Delay/)
})

test('ticks are round and lie within the range', () => {
  assert.deepEqual(linearTicks(0, 100), [0, 20, 40, 60, 80, 100])
  assert.deepEqual(linearTicks(0.1, 0.32), [0.1, 0.15, 0.2, 0.25, 0.3])
  assert.deepEqual(logTicks(1, 50), [1, 2, 5, 10, 20, 50])
  assert.deepEqual(logTicks(1e-3, 1e6), [1e-3, 1e-2, 1e-1, 1, 10, 100, 1e3, 1e4, 1e5, 1e6])
})

function assertWellFormed(svg: string): void {
  const open: string[] = []
  const rest = svg.replace(
    /<(\/?)([a-zA-Z]+)((?:\s+[\w:-]+="[^"<&]*(?:&(?:amp|lt|gt|quot);[^"<&]*)*")*)\s*(\/?)>/g,
    (_, closes, name, __, isEmpty) => {
      if (closes === '/') assert.equal(open.pop(), name)
      else if (isEmpty !== '/') open.push(name)
      return ''
    },
  )
  assert.deepEqual(open, [])
  assert.doesNotMatch(rest, /[<>]/)
  assert.doesNotMatch(rest, /&(?!(amp|lt|gt|quot);)/)
}
