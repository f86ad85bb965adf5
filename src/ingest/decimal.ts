/**
 * The double nearest to a decimal number of many digits, from its bytes: what Number(text) gives, without making the text.
 *
 * Idea. Producers print doubles with up to 17 digits, too many for one exact division. Keep the digits as an exact sum of two doubles,
 * divide by the power of ten, and add the exact remainder as a correction: the result is off by about 2^-50 of the correction. Where
 * that leaves no doubt how the sum rounds, it is right; the rare rest goes to Number.
 * Source. Dekker's exact product (1971); the rounding test is Ziv's (1991).
 */
const DIGITS_MAX = 19
const HIGH_DIGITS = 15
/** Powers of ten that a double holds exactly. */
const POWERS = Float64Array.from({ length: 23 }, (_, exponent) => 10 ** exponent)
const SPLITTER = 2 ** 27 + 1
const DOUBT = 2 ** -50

/** Bytes [start, end) are a JSON number. */
export function decimalAt(bytes: Buffer, start: number, end: number): number {
  let high = 0
  let low = 0
  let digits = 0
  let point = -1
  const negative = bytes[start] === 45
  for (let at = negative ? start + 1 : start; at < end; at++) {
    const digit = bytes[at]! - 48
    if (digit === -2) point = at
    else if (digit < 0 || digit > 9) return slowly(bytes, start, end)
    else if (digits > 0 || digit > 0) {
      if (digits < HIGH_DIGITS) high = high * 10 + digit
      else low = low * 10 + digit
      digits++
    }
  }
  const decimals = point < 0 ? 0 : end - point - 1
  if (digits > DIGITS_MAX || decimals >= POWERS.length) return slowly(bytes, start, end)
  const value = quotient(high, POWERS[Math.max(0, digits - HIGH_DIGITS)]!, low, POWERS[decimals]!)
  if (Number.isNaN(value)) return slowly(bytes, start, end)
  return negative ? -value : value
}

/** (high · shift + low) / divisor, rounded once; NaN when in doubt. Every argument is an integer that a double holds exactly. */
function quotient(high: number, shift: number, low: number, divisor: number): number {
  const product = high * shift
  const rest = productError(high, shift, product) + low
  const first = product / divisor
  const back = first * divisor
  const remainder = product - back - productError(first, divisor, back)
  const correction = (remainder + rest) / divisor
  const doubt = Math.abs(correction) * DOUBT
  const value = first + (correction - doubt)
  return value === first + (correction + doubt) ? value : Number.NaN
}

/** a · b − product, exactly. */
function productError(a: number, b: number, product: number): number {
  const aUp = a * SPLITTER
  const aHigh = aUp - (aUp - a)
  const aLow = a - aHigh
  const bUp = b * SPLITTER
  const bHigh = bUp - (bUp - b)
  const bLow = b - bHigh
  return aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow)
}

function slowly(bytes: Buffer, start: number, end: number): number {
  return Number(bytes.toString('latin1', start, end))
}
