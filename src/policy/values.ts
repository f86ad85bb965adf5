/** Values that several parts of the policy's shape hold. */
import { z } from 'zod'
import { DURATION, durationMs } from './units.ts'

export const duration = z.string().regex(DURATION, 'must be a duration such as 250ms, 30s, 5m or 6h').transform(durationMs)
export const count = z.int().min(1)
