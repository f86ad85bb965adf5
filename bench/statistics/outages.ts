/** STATISTICS §11.4: faults of the plumbing. Margins are those of a fresh policy, and nothing at all may be taken back. */
import { brokenOf, jsonOf, type Tally, THROTTLE_ALPHA, talliesOf, tallyLines } from './healthy.ts'
import type { Section, SectionOptions } from './section.ts'
import { OUTAGES } from './settings.ts'
import { allowedOf } from './verdicts.ts'

export async function outages(options: SectionOptions): Promise<Section> {
  const tallies = await talliesOf(OUTAGES, options)
  const isKept = (tally: Tally) => tally.falseRollbacks === 0 && tally.falseThrottles <= allowedOf(THROTTLE_ALPHA, tally.rollouts)
  const weak = tallies.filter((tally) => tally.setting.knownWeakness !== undefined && !isKept(tally))
  const weaknesses = weak.map(
    ({ setting }) => `Known weakness, \`${setting.name}\`: ${setting.knownWeakness}. Let both arms write to all partitions.`,
  )
  const markdown = [
    'The candidate is as good as the control; inputs, clocks or gateways are not. Guardrails have their default margins. What is promised is not a rate, but none.',
    '',
    ...tallyLines(tallies, isKept),
    ...weaknesses,
  ].join('\n')
  return { title: 'Faults of the plumbing', markdown, json: { outages: jsonOf(tallies) }, plots: [], broken: brokenOf(tallies, isKept) }
}
