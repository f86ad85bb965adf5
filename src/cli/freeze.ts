/** `flyball freeze MODEL` and `unfreeze MODEL`: no exposure of the model is raised, whatever the rollout. */
import type { Command } from 'commander'
import { asking, withUntil } from './asking.ts'

export function register(program: Command): void {
  withUntil(asking(program.command('freeze'), 'freeze')).description('raise no exposure of a model; reductions pass')
  asking(program.command('unfreeze'), 'unfreeze').description('end a freeze')
}
