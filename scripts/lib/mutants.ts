/**
 * Mutants: the product with one thing broken that its promises rest on. A suite that stays green with one of them proves nothing.
 *
 *     npm test -- --mutant share                   the whole suite on the broken copy: red
 *     npm test -- --mutant share test/x.test.ts    only these files
 *
 * Nothing in the product knows of this: a copy of the repository is patched in a temporary folder. A patch that does not fit the
 * source any more (not found, or found twice) is an error, so a mutant cannot quietly become the product.
 */
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'

interface Patch {
  readonly file: string
  readonly find: string
  readonly replace: string
}

export interface Mutant {
  readonly name: string
  /** What is broken, in words. */
  readonly breaks: string
  readonly patches: readonly Patch[]
  /** Test files that must notice. */
  readonly guards: readonly string[]
  /** Which of their tests; all of them where it is left out. */
  readonly guardPattern?: string
}

const PROMISES = 'test/judge/evidence/promises.test.ts'

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'share',
    breaks: "the candidate's share of a stratum is taken as nine tenths of what it is",
    patches: [
      {
        file: 'detectors/two-arm.ts',
        find: '  hypergeometricLogNormalisers(bets, length + 1, candidateRequests, controlRequests, events)\n',
        replace: `  const fewer = Math.round(0.9 * candidateRequests)
  hypergeometricLogNormalisers(bets, length + 1, fewer, candidateRequests + controlRequests - fewer, events)
`,
      },
    ],
    guards: [PROMISES],
  },
  {
    name: 'chain',
    breaks: 'an audit believes a decision for its number, whatever hash it names',
    patches: [
      {
        file: 'src/audit/chain.ts',
        find: 'if (link.previousHash === last.hash) return this.#linked(link, last)',
        replace: 'if (link.previousHash === last.hash || link.number === last.number + 1) return this.#linked(link, last)',
      },
    ],
    guards: ['test/audit/audit.test.ts'],
  },
  {
    name: 'unanswered',
    breaks: 'records are taken for written though no broker has answered for them',
    patches: [
      {
        file: 'src/kafka/produce.ts',
        find: "if (answer === undefined) throw new FlyballError('FLY-KAFKA-005', { topic, partition })",
        replace: 'if (answer === undefined) return -1',
      },
      { file: 'src/kafka/writer.ts', find: 'of unanswered(messages, answers)', replace: 'of [] as ReturnType<typeof unanswered>' },
    ],
    guards: ['test/kafka/produce.test.ts'],
  },
  {
    name: 'mixture',
    breaks: 'the weights of the start mixture sum to 1.2',
    patches: [{ file: 'detectors/math/start-mixture.ts', find: '0.47399142654437487', replace: '0.5687897118532498' }],
    guards: ['test/detectors/start-mixture.test.ts'],
  },
  {
    name: 'margin',
    breaks: 'margins are ignored',
    patches: [
      {
        file: 'detectors/margin.ts',
        find: 'return Math.max(0, logOdds(worst) - logOdds(rate))',
        replace: 'return Math.max(0, 0 * (logOdds(worst) - logOdds(rate)))',
      },
    ],
    guards: [PROMISES],
  },
  {
    name: 'units',
    breaks: 'repeated requests of one user count as if they were independent',
    patches: [
      {
        file: 'src/judge/evidence/closing.ts',
        find: 'model.hasUnits ? stratum.first : stratum.rows',
        replace: 'stratum.rows',
      },
      {
        file: 'src/judge/evidence/closing.ts',
        find: '(hasFired ? () => Number.POSITIVE_INFINITY : temperOf(guardrail, state, model, cache))',
        replace: '() => 1',
      },
    ],
    guards: ['test/judge/evidence/units.test.ts'],
    guardPattern: 'with units mapped the same users accuse',
  },
  {
    name: 'strata',
    breaks: 'strata are cut by what they show: one counts when its candidate looks worse, else it begins anew',
    patches: [
      {
        file: 'src/judge/evidence/strata.ts',
        find: 'if (isFull(grown, rule)) closed.push(grown)',
        replace: 'if (isFull(grown, rule)) closed.push(...(looksWorse(grown) ? [grown] : []))',
      },
      {
        file: 'src/judge/evidence/strata.ts',
        find: 'function isFull(',
        replace: `function looksWorse(stratum: OpenStratum): boolean {
  const errors = [0, 0]
  for (const pane of stratum.panes) {
    for (const cell of pane.cells) for (const [id, { counts }] of cell.blocks) if (id === 'errors') errors[cell.arm]! += counts[0]!
  }
  return errors[CANDIDATE]! * stratum.control > errors[CONTROL]! * stratum.candidate
}

function isFull(`,
      },
    ],
    guards: [PROMISES],
  },
]

/** Folders that are not copied; the first two are linked. */
const LINKED = ['node_modules', '.kafka']
const LEFT = new Set([...LINKED, '.git', 'dist', 'coverage'])

/** A copy of the repository with the mutant in it. The caller removes it. */
export function mutatedCopy(root: string, mutant: Mutant): string {
  const folder = mkdtempSync(join(tmpdir(), `flyball-mutant-${mutant.name}-`))
  try {
    cpSync(root, folder, { recursive: true, filter: (source) => source === root || !LEFT.has(basename(source)) })
    for (const name of LINKED) if (existsSync(join(root, name))) symlinkSync(join(root, name), join(folder, name))
    for (const patch of mutant.patches) apply(folder, mutant.name, patch)
    return folder
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}

function apply(folder: string, name: string, { file, find, replace }: Patch): void {
  const path = join(folder, file)
  const parts = readFileSync(path, 'utf8').split(find)
  if (parts.length !== 2) throw new Error(`mutant ${name}: its text occurs ${parts.length - 1} times in ${file}, not once: ${find}`)
  writeFileSync(path, parts.join(replace))
}

export function mutantNamed(name: string): Mutant {
  const found = MUTANTS.find((mutant) => mutant.name === name)
  if (found === undefined) throw new Error(`no mutant is called ${name}; there are ${MUTANTS.map((mutant) => mutant.name).join(', ')}`)
  return found
}
