/**
 * Preloaded (`node --import`) into a process whose wall clock is to jump: Date says so many milliseconds more as the file named by
 * CHAOS_CLOCK_FILE does. The monotonic clock and the timers are left alone, as when an administrator sets a machine's clock.
 */
import { readFileSync } from 'node:fs'

const file = process.env.CHAOS_CLOCK_FILE
const RealDate = Date
let shiftMs = 0

function look() {
  try {
    shiftMs = Number(readFileSync(file, 'utf8')) || 0
  } catch {
    shiftMs = 0
  }
}

function ShiftedDate(...args) {
  if (!new.target) return new RealDate(RealDate.now() + shiftMs).toString()
  return Reflect.construct(RealDate, args.length === 0 ? [RealDate.now() + shiftMs] : args, new.target)
}
ShiftedDate.prototype = RealDate.prototype
ShiftedDate.now = () => RealDate.now() + shiftMs
ShiftedDate.parse = RealDate.parse
ShiftedDate.UTC = RealDate.UTC

if (file !== undefined) {
  look()
  setInterval(look, 100).unref()
  globalThis.Date = ShiftedDate
}
