/**
 * The door of every detector: a number that cannot be a count, a share or a sum is refused here, by the name of its field.
 * A detector that swallowed a NaN would stay silent for ever; one that swallowed an infinity would never stop shouting.
 */

/** A whole number of things, zero or more. */
export function requireCount(value: number, field: string): void {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${field} must be a whole number, zero or more, not ${value}`)
}

/** A count that is part of another one: events among requests. */
export function requirePart(part: number, whole: number, field: string, wholeField: string): void {
  requireCount(part, field)
  if (part > whole) throw new RangeError(`${field} must not exceed ${wholeField}: ${part} of ${whole}`)
}

/** Any finite number. */
export function requireFinite(value: number, field: string): void {
  if (!Number.isFinite(value)) throw new RangeError(`${field} must be finite, not ${value}`)
}

/** A finite number, zero or more. */
export function requireNonNegative(value: number, field: string): void {
  if (!(value >= 0 && value < Number.POSITIVE_INFINITY)) throw new RangeError(`${field} must be finite and zero or more, not ${value}`)
}

/** A design effect: 1 for independent requests, more where requests of one user move together. */
export function requireTemper(value: number): void {
  if (!(value >= 1 && value < Number.POSITIVE_INFINITY)) throw new RangeError(`temper must be finite and one or more, not ${value}`)
}

/** A share of requests, 0 to 1. */
export function requireShare(value: number, field: string): void {
  if (!(value >= 0 && value <= 1)) throw new RangeError(`${field} must lie between 0 and 1, not ${value}`)
}
