/** The tree of routes: who takes an incident, what a route has from the one above it, and what is refused. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { groupsOf, routesFor } from '../../src/act/groups.ts'
import { labelsOf } from '../../src/act/match.ts'
import { reviewOf } from '../../src/act/review.ts'
import { alertingOf } from '../../src/policy/alerting.ts'
import { alertsSchema } from '../../src/policy/alerts-schema.ts'
import type { AlertRoute } from '../../src/policy/layout.ts'
import { parsePolicy } from '../../src/policy/load.ts'
import { policyText } from '../policy/minimal.ts'
import { alertOf, MINUTE, SECOND, ToldWorld } from './told-world.ts'

type Written = Parameters<typeof alertsSchema.parse>[0]

const compiled = (alerts: Written) => alertingOf(alertsSchema.parse(alerts), '/etc/flyball')
const SINKS = { oncall: { kind: 'pagerduty', routingKeyFile: 'k' }, team: { kind: 'log' }, risk: { kind: 'log' }, night: { kind: 'log' } }
const named = (routes: readonly AlertRoute[]) => routes.map(({ name }) => name)

const TREE = compiled({
  sinks: SINKS,
  routes: [
    {
      ...{ name: 'everything', sinks: ['team'], groupWait: '10s', repeatInterval: '1h', budgetPerWeek: 3 },
      routes: [
        { name: 'pages', match: { severity: 'critical' }, sinks: ['oncall'], continue: true },
        {
          ...{ name: 'risk', match: { model: ['fraud', 'churn*'] }, sinks: ['risk'], groupBy: ['model'], groupWait: '2s' },
          routes: [{ name: 'risk-night', match: { cause: 'rollback:*' }, repeatInterval: '30m' }],
        },
        { name: 'quiet', match: { severity: 'info' } },
      ],
    },
  ],
})

test('the first route below that matches takes an incident, with continue those after it too, and what none takes the route itself', () => {
  const taken = (alert: Parameters<typeof alertOf>[0]) => named(routesFor(labelsOf(alertOf(alert)), TREE.routes))
  assert.deepEqual(taken({ model: 'fraud', severity: 'critical', cause: 'rollback:error-rate' }), ['pages', 'risk-night'])
  assert.deepEqual(taken({ model: 'fraud', severity: 'warning', cause: 'blind' }), ['risk'])
  assert.deepEqual(taken({ model: 'ads', severity: 'critical', cause: 'blind' }), ['pages'])
  assert.deepEqual(taken({ model: 'ads', severity: 'info', cause: 'blind' }), ['quiet'])
  assert.deepEqual(taken({ model: 'ads', severity: 'warning', cause: 'blind' }), ['everything'])
})

test('a route has destinations, groups and times from the one above it, as far as it says nothing else', () => {
  const [everything] = TREE.routes
  const [pages, risk, quiet] = everything!.routes
  const [night] = risk!.routes
  const times = ({ groupWaitMs, groupIntervalMs, repeatIntervalMs }: AlertRoute) => [groupWaitMs, groupIntervalMs, repeatIntervalMs]
  assert.deepEqual(times(everything!), [10 * SECOND, 5 * MINUTE, 60 * MINUTE])
  assert.deepEqual(times(night!), [2 * SECOND, 5 * MINUTE, 30 * MINUTE])
  assert.deepEqual(night!.targets, [{ sink: 'risk', groupBy: ['model'] }])
  assert.deepEqual(pages!.targets, [{ sink: 'oncall', groupBy: ['environment', 'model'] }])
  assert.deepEqual(quiet!.targets, [{ sink: 'team', groupBy: ['environment'] }])
  assert.equal(quiet!.budgetPerWeek, null)
})

test('a list of routes is what it was: each by itself, with the usual times', () => {
  const { routes } = compiled({
    sinks: SINKS,
    routes: [
      { name: 'a', sinks: ['team'], continue: true },
      { name: 'b', sinks: ['risk'] },
    ],
  })
  assert.deepEqual(named(routesFor(labelsOf(alertOf()), routes)), ['a', 'b'])
  assert.deepEqual([routes[1]!.groupWaitMs, routes[1]!.groupIntervalMs, routes[1]!.repeatIntervalMs], [30_000, 300_000, 14_400_000])
  assert.deepEqual(routesFor(labelsOf(alertOf({ severity: 'info' })), compiled({ sinks: SINKS }).routes), [])
})

// ── against the same semantics, written as a question about every route ────────────────────────────────────────────────────

type Node = { readonly name: string; readonly match: object; readonly continue: boolean; readonly routes: readonly Node[] }

const pattern = fc.constantFrom('fraud', 'churn', 'fr*', '*', '*n')
const severities = fc.constantFrom('critical', 'warning', 'info')
const match = fc.record({ model: pattern, severity: fc.subarray(['critical', 'warning', 'info'], { minLength: 1 }) }, { requiredKeys: [] })
const { node } = fc.letrec<{ node: Node }>((tie) => ({
  node: fc.record({
    name: fc.constant(''),
    match,
    continue: fc.boolean(),
    routes: fc.oneof({ depthSize: 'small', withCrossShrink: true }, fc.constant([]), fc.array(tie('node'), { maxLength: 4 })),
  }) as fc.Arbitrary<Node>,
}))
const tree = fc.array(node, { maxLength: 4 }).map((nodes) => numbered(nodes, 'r'))

function numbered(nodes: readonly Node[], prefix: string): readonly Node[] {
  return nodes.map((one, index) => ({ ...one, name: `${prefix}${index}`, routes: numbered(one.routes, `${prefix}${index}-`) }))
}

/**
 * A route takes an incident when all on the way to it match, when none beside them before them that matches ends the search, and when none
 * right below it matches.
 */
function takers(routes: readonly Node[], matches: (node: Node) => boolean): readonly string[] {
  const every = (list: readonly Node[], reached: boolean): readonly string[] =>
    list.flatMap((one, index) => {
      const isReached = reached && matches(one) && !list.slice(0, index).some((before) => matches(before) && !before.continue)
      const own = isReached && !one.routes.some(matches) ? [one.name] : []
      return [...own, ...every(one.routes, isReached)]
    })
  return every(routes, true)
}

/** By a regular expression: these patterns are ours. */
function fitsBy(node: Node, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(node.match).every(([label, patterns]) =>
    [patterns as string | readonly string[]].flat().some((one) => new RegExp(`^${one.replaceAll('*', '.*')}$`).test(labels[label]!)),
  )
}

test('whatever the tree and the incident: the same routes take it as by asking every route for itself', () => {
  const incident = fc.record({ model: fc.constantFrom('fraud', 'churn', 'ads'), severity: severities })
  fc.assert(
    fc.property(tree, incident, (nodes, { model, severity }) => {
      const withSinks = nodes.map((one) => ({ ...one, sinks: ['team'] }))
      const { routes } = compiled({ sinks: SINKS, routes: withSinks })
      const labels = labelsOf(alertOf({ model, severity: severity as 'info' }))
      assert.deepEqual(
        named(routesFor(labels, routes)),
        takers(nodes, (one) => fitsBy(one, labels)),
      )
    }),
    { numRuns: 1_000, seed: 20_261_123 },
  )
})

// ── messages, budgets, faults ──────────────────────────────────────────────────────────────────────────────────────────────

test('where two routes send to one destination, one message goes, at the times of the first of them in the file, whoever came first', () => {
  const { routes } = compiled({
    sinks: SINKS,
    routes: [
      {
        ...{ name: 'all', sinks: ['team'], groupWait: '1m' },
        routes: [
          { name: 'now', match: { severity: 'critical' }, groupWait: '1s', continue: true },
          { name: 'later', match: {} },
        ],
      },
    ],
  })
  const members = [alertOf({ severity: 'warning', model: 'churn' }), alertOf({ severity: 'critical' })].map((alert) => ({
    labels: labelsOf(alert),
  }))
  for (const order of [members, [...members].reverse()]) {
    const groups = [...groupsOf(order, routes).values()]
    assert.deepEqual(
      groups.map(({ sink, route, members: all }) => [sink, route.name, all.length]),
      [['team', 'now', 2]],
    )
  }
})

test('a group of thousands of incidents has each of them once', () => {
  const { routes } = compiled({
    sinks: SINKS,
    routes: [
      { name: 'a', sinks: ['team'], continue: true },
      { name: 'b', sinks: ['team'] },
    ],
  })
  const members = Array.from({ length: 5_000 }, (_, index) => ({ labels: labelsOf(alertOf({ model: `m${index}` })) }))
  const [group] = groupsOf(members, routes).values()
  assert.equal(group!.members.length, 5_000)
  assert.equal(new Set(group!.members).size, 5_000)
})

test('a route below sends through the whole chain, and a budget counts what the routes below it send', () => {
  const world = new ToldWorld(TREE)
  world.raise(
    alertOf({ model: 'fraud', severity: 'critical', cause: 'rollback:error-rate' }),
    alertOf({ model: 'ads', severity: 'info', cause: 'x' }),
  )
  world.pass(MINUTE)
  assert.deepEqual([world.to('risk').length, world.to('oncall').length, world.to('team').length], [1, 1, 1])
  const sent = ['pages', 'risk-night', 'quiet', 'everything'].map((route) => ({
    ...{ sink: 'team', route, atMs: 0 },
    message: world.sent[0]!.message,
  }))
  const { overBudget } = reviewOf([], [], sent, TREE, { startMs: 0, endMs: 7 * 24 * 60 * MINUTE })
  assert.deepEqual(overBudget, [{ route: 'everything', messages: 4, budget: 3 }])
})

const MODEL = `
version: 1
inputs: {predictions: {topic: predictions}}
models: {fraud: {control: v1, candidate: v2}}
alerts:
  sinks: {team: {kind: log}, beat: {kind: heartbeat, url: "https://beats.example"}}
`
const faultsOf = (routes: string): readonly string[] => {
  try {
    parsePolicy(`${MODEL}  routes:\n${routes}`, 'f')
    return []
  } catch (error) {
    return (error as Error).message.split('\n').filter((line) => line.includes('alerts.routes'))
  }
}

const below = (of: number, count: number) => Array.from({ length: count }, (_, at) => `{name: b${of}-${at}}`).join()

test('what is wrong in a tree is told with its place', () => {
  const faults = [
    ['    - {name: a}\n', /alerts\.routes\[0\]\.sinks: is missing: there is no route above it/],
    ['    - {name: a, sinks: [team], routes: [{name: a}]}\n', /alerts\.routes.*a.*/],
    ['    - {name: a, sinks: [team], routes: [{name: b, sinks: [nobody]}]}\n', /alerts\.routes\[0\]\.routes\[0\]\.sinks: names nobody/],
    [
      '    - {name: a, sinks: [team], routes: [{name: b, sinks: [beat]}]}\n',
      /alerts\.routes\[0\]\.routes\[0\]\.sinks: beat is a heartbeat/,
    ],
    [
      '    - {name: a, sinks: [team], routes: [{name: b, match: {severity: fatal}}]}\n',
      /routes\[0\]\.routes\[0\]\.match\.severity: must be/,
    ],
    [
      '    - {name: a, sinks: [team], routes: [{name: b, repeatInterval: 1m}]}\n',
      /routes\[0\]\.routes\[0\]\.repeatInterval: must not be shorter/,
    ],
    ['    - {name: a, sinks: [team], routes: [{name: b, grupWait: 1m}]}\n', /routes\[0\]\.routes\[0\]\.grupWait.*groupWait/],
    [
      `    - {name: a, sinks: [team]${Array.from({ length: 9 }, (_, at) => `, routes: [{name: b${at}`).join('')}${'}]'.repeat(9)}}\n`,
      /lies below 8 others/,
    ],
    [
      Array.from(
        { length: 3 },
        (_, at) => `    - {name: a${at}, match: {model: m${at}}, sinks: [team], routes: [${below(at, 70)}]}\n`,
      ).join(''),
      /alerts\.routes: holds 213 routes with those below them, at most 200/,
    ],
  ] as const
  for (const [routes, words] of faults) {
    const found = faultsOf(routes)
    assert.equal(found.length, 1, `${routes}: ${found.join('; ')}`)
    assert.match(found[0]!, words)
  }
  assert.deepEqual(faultsOf('    - {name: a, sinks: [team], routes: [{name: b, routes: [{name: c}]}]}\n'), [])
})

test('a route that nothing can reach is warned of', () => {
  const { warnings } = parsePolicy(
    `${MODEL}  routes:\n    - {name: a, sinks: [team], routes: [{name: b}, {name: c, match: {model: fraud}}]}\n`,
    'f',
  )
  assert.ok(
    warnings.some((warning) => /routes\[0\]\.routes\[1\]: is never reached: b before it takes everything/.test(warning)),
    warnings.join('\n'),
  )
})

test('the address of a destination holds no password, with a user or without', () => {
  for (const who of ['ada:pw', 'ada', ':pw']) {
    const text = `environment: test\n${policyText}alerts: {sinks: {hook: {kind: webhook, url: "https://${who}@ops.example/"}}}\n`
    assert.throws(() => parsePolicy(text, 'flyball.yaml'), /alerts\.sinks\.hook\.url: must not hold a user or a password/, who)
  }
})
