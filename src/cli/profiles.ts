/** `flyball profiles`: the named sets of defaults that `ladder.profile` stands for. */
import type { Command } from 'commander'
import { PROFILES, type Profile } from '../policy/profiles.ts'
import { durationText } from '../policy/units.ts'
import { printJson, printLine, table } from './output.ts'

export function register(program: Command): void {
  program
    .command('profiles')
    .description('the named sets of defaults for rollouts: steps, dwell, rows, risk')
    .option('--json', 'as JSON on stdout')
    .action(({ json }: { readonly json?: true }) => {
      const profiles: Readonly<Record<string, Profile>> = PROFILES
      if (json) return printJson({ profiles })
      const rows = Object.entries(profiles).map(([name, { steps, dwellMs, minimumRows, riskFactor }]) => [
        name,
        steps.map((step) => `${step} %`).join(' → '),
        durationText(dwellMs),
        minimumRows.toLocaleString('en-US'),
        String(riskFactor),
      ])
      printLine(table(['PROFILE', 'STEPS', 'DWELL', 'ROWS', 'RISK'], rows))
      printLine('')
      printLine(
        'DWELL and ROWS: the least of each stage. RISK: share of the margin that one step may put at risk, at most 1 for the step to 100 %.',
      )
    })
}
