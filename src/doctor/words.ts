/** Words that several checks use. */
import type { Known } from './facts.ts'
import { type Finding, finding } from './findings.ts'

/**
 * What is to be said of each fact that is known; of one that could not be found, why. Null: there is nothing to be said of, since nobody
 * looked.
 */
export function upon<Fact>(
  check: string,
  facts: readonly (Known<Fact> | undefined)[],
  say: (fact: Fact) => readonly Finding[],
): readonly Finding[] | null {
  const looked = facts.filter((fact) => fact !== undefined)
  if (looked.length === 0) return null
  return looked.flatMap((fact) => ('known' in fact ? say(fact.known) : [finding(check, 'not-checked', { problem: fact.problem })]))
}

/** Looked at, and empty: nothing can be said of what would be in it, and nothing is called fine. */
export function holdsNothing(sample: Known<{ readonly records: number }> | undefined): boolean {
  return sample !== undefined && 'known' in sample && sample.known.records === 0
}

export function percent(part: number, whole: number): string {
  const share = (100 * part) / whole
  return `${share > 0 && share < 1 ? share.toFixed(1) : Math.round(share)} %`
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const

/** As exact as a person needs it. */
export function ageText(ms: number): string {
  const [name, size] = UNITS.find(([, unitMs]) => ms >= 2 * unitMs) ?? ['s', 1_000]
  return `${Math.round(ms / size)} ${name}`
}
