/**
 * ln(e^a + e^b) for hot loops: the larger of the two plus ln(1 + e^−d), d their distance, from a table of Taylor polynomials.
 * Error: 3·10⁻¹⁶ beside that of the sum itself; a quarter of the time of an exponential and a logarithm.
 *
 * The derivatives of g(d) = ln(1 + e^−d) are polynomials in s = 1/(1 + e^d): g' = −s, and s' = −s(1 − s).
 */
const NODES_PER_UNIT = 16
/** Beyond this distance the smaller one is below the last digit of the larger. */
const REACH = 40
/** With nodes a sixteenth apart, the term after the seventh power is below 10⁻¹⁷. */
const COEFFICIENTS = 8

const TABLE = new Float64Array((REACH * NODES_PER_UNIT + 1) * COEFFICIENTS)
for (let node = 0; node <= REACH * NODES_PER_UNIT; node++) TABLE.set(taylorAt(node / NODES_PER_UNIT), node * COEFFICIENTS)

export function fastLogAdd(a: number, b: number): number {
  const larger = a > b ? a : b
  const apart = a > b ? a - b : b - a
  if (!(apart < REACH)) return larger
  const node = (apart * NODES_PER_UNIT + 0.5) | 0
  const r = apart - node / NODES_PER_UNIT
  const at = node * COEFFICIENTS
  const r2 = r * r
  const low = TABLE[at]! + TABLE[at + 1]! * r + (TABLE[at + 2]! + TABLE[at + 3]! * r) * r2
  const high = TABLE[at + 4]! + TABLE[at + 5]! * r + (TABLE[at + 6]! + TABLE[at + 7]! * r) * r2
  return larger + (low + high * r2 * r2)
}

/** Coefficients of ln(1 + e^−(d + r)) in powers of r. */
function taylorAt(d: number): number[] {
  const s = 1 / (1 + Math.exp(d))
  const taylor = [Math.log1p(Math.exp(-d))]
  // The next derivative as a polynomial in s, by its coefficients.
  let derivative = [0, -1]
  let factorial = 1
  for (let order = 1; order < COEFFICIENTS; order++) {
    factorial *= order
    taylor.push(derivative.reduceRight((sum, coefficient) => sum * s + coefficient, 0) / factorial)
    derivative = derivativeOf(derivative)
  }
  return taylor
}

/** d/dd of a polynomial in s: p'(s) · (s² − s). */
function derivativeOf(polynomial: readonly number[]): number[] {
  const result = new Array<number>(polynomial.length + 1).fill(0)
  for (let power = 1; power < polynomial.length; power++) {
    result[power]! -= power * polynomial[power]!
    result[power + 1]! += power * polynomial[power]!
  }
  return result
}
