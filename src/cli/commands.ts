/** Every command of `flyball`. A command is one file that exports `register`, and one line here. */
import type { Command } from 'commander'
import * as baseline from './baseline.ts'
import * as demo from './demo.ts'
import * as explain from './explain.ts'
import * as init from './init.ts'
import * as rollback from './rollback.ts'
import * as run from './run.ts'
import * as status from './status.ts'
import * as topics from './topics.ts'
import * as validate from './validate.ts'
import * as watch from './watch.ts'

export const commands: readonly { readonly register: (program: Command) => void }[] = [
  init,
  validate,
  baseline,
  topics,
  run,
  status,
  explain,
  rollback,
  watch,
  demo,
]
