/** Every command of `flyball`. A command is one file that exports `register`, and one line here. */
import type { Command } from 'commander'
import * as demo from './demo.ts'
import * as explain from './explain.ts'
import * as init from './init.ts'
import * as rollback from './rollback.ts'
import * as run from './run.ts'
import * as status from './status.ts'
import * as topics from './topics.ts'
import * as validate from './validate.ts'

export const commands: readonly { readonly register: (program: Command) => void }[] = [
  init,
  validate,
  topics,
  run,
  status,
  explain,
  rollback,
  demo,
]
