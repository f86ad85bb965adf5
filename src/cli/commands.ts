/**
 * Every command of `flyball`. A command is one file that exports `register`, and one line here. What a command needs (a parser of
 * policies, a Kafka client) is loaded when it is the one asked for: `flyball --version` has nothing to wait for.
 */
import type { Command } from 'commander'

interface CommandFile {
  readonly register: (program: Command) => void
}

const COMMANDS: Readonly<Record<string, () => Promise<CommandFile>>> = {
  init: () => import('./init.ts'),
  validate: () => import('./validate.ts'),
  baseline: () => import('./baseline.ts'),
  profiles: () => import('./profiles.ts'),
  topics: () => import('./topics.ts'),
  doctor: () => import('./doctor.ts'),
  run: () => import('./run.ts'),
  status: () => import('./status.ts'),
  explain: () => import('./explain.ts'),
  audit: () => import('./audit.ts'),
  changelog: () => import('./changelog.ts'),
  lineage: () => import('./lineage.ts'),
  rollout: () => import('./rollout.ts'),
  rollback: () => import('./rollback.ts'),
  throttle: () => import('./throttle.ts'),
  freeze: () => import('./freeze.ts'),
  unfreeze: () => import('./freeze.ts'),
  quarantine: () => import('./quarantine.ts'),
  drill: () => import('./drill.ts'),
  approve: () => import('./approve.ts'),
  mode: () => import('./mode.ts'),
  sign: () => import('./sign.ts'),
  act: () => import('./act.ts'),
  alerts: () => import('./alerts.ts'),
  silence: () => import('./silence.ts'),
  watch: () => import('./watch.ts'),
  demo: () => import('./demo.ts'),
}

/** Those that this command line needs: the one it begins with, none for the version, all for help and for what is misspelt. */
export async function commandsFor(argv: readonly string[]): Promise<readonly CommandFile[]> {
  const [first = ''] = argv
  if (argv.length === 1 && (first === '--version' || first === '-V')) return []
  const named = Object.hasOwn(COMMANDS, first) ? [COMMANDS[first]!] : Object.values(COMMANDS)
  // Two commands may be one file.
  return [...new Set(await Promise.all(named.map((load) => load())))]
}
