/** Which of two severities weighs more. */
import type { Alert } from '../domain.ts'

type Severity = Alert['severity']

const GRAVITY: Readonly<Record<Severity, number>> = { critical: 2, warning: 1, info: 0 }

export function isGraver(one: Severity, other: Severity): boolean {
  return GRAVITY[one] > GRAVITY[other]
}
