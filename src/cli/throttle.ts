/** `flyball throttle MODEL`: the candidate one rung down. */
import type { Command } from 'commander'
import { asking } from './asking.ts'

export function register(program: Command): void {
  asking(program.command('throttle'), 'throttle').description('take the candidate of a model one rung down')
}
