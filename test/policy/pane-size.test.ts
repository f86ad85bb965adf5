/** The bound that `validate` holds against Kafka's record size is one: no pane that the wire can carry is larger. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pane, PaneCell } from '../../src/domain.ts'
import { ALL_SCOPE, type Block, type ModelLayout } from '../../src/policy/layout.ts'
import { loadPolicy } from '../../src/policy/load.ts'
import { PANE_BYTES_MAX, paneBound } from '../../src/policy/pane-size.ts'
import { encodePane } from '../../src/wire/panes.ts'

/** Every slot of every cell filled: two million requests in each bin of one slice. */
function fullestPane(model: ModelLayout, blocks: readonly Block[]): Pane {
  const filled = (block: Block) => ({
    counts: new Float64Array(block.countSlots).fill(2_000_000),
    sums: new Float64Array(block.sumSlots).fill(Math.PI),
  })
  const cells = model.scopes.flatMap((scope) =>
    model.versions.flatMap((version): PaneCell[] => {
      const held = blocks.filter((block) => scope.name === ALL_SCOPE || block.inSegments)
      const numbers = new Map(held.map((block) => [block.id, filled(block)]))
      return [{ version, scope: scope.name, population: 'all', blocks: numbers }]
    }),
  )
  return {
    kind: 'pane',
    model: model.name,
    source: 'bench.predictions/0',
    chain: 'exposure',
    stamp: { epoch: 10_000, sequence: 10_000 },
    base: { epoch: 10_000, sequence: 10_000 },
    from: 1e12,
    to: 2e12,
    previousTo: 1e12,
    sliceStartMs: 1.75e12,
    sliceEndMs: 1.75e12,
    finalAtMs: 1.75e12,
    sampleRate: 1,
    blockHashes: new Map(blocks.map((block) => [block.id, block.hash])),
    cells,
  }
}

test('the fullest pane on the wire stays within the bound, and the bound is not wasteful', () => {
  const [model] = loadPolicy('examples/policies/throughput.yaml').layout.models
  const { bytes: bound, chain } = paneBound(model!)
  assert.equal(chain, 'exposure')
  const { length } = encodePane(fullestPane(model!, model!.exposureBlocks))
  assert.ok(length <= bound, `${length} bytes on the wire, ${bound} allowed for`)
  assert.ok(bound < 1.3 * length, `${bound} is far above ${length}`)
  assert.ok(bound < PANE_BYTES_MAX)
})

test('units double the cells: every cell is there for all requests and for first exposures', () => {
  const [model] = loadPolicy('examples/policies/throughput.yaml').layout.models
  const once = paneBound(model!).bytes
  assert.ok(paneBound({ ...model!, hasUnits: true }).bytes > 1.9 * once)
})
