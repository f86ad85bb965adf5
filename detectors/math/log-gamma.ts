/**
 * ln Γ(x) for x > 0, ln B(a, b) and ln of n over k, to about fifteen digits.
 *
 * Near 1 and 2, where ln Γ vanishes, by its power series with ζ(k) − 1 as coefficients, so that nothing cancels;
 * from 10 up by Stirling's series; in between by Γ(x + 1) = x Γ(x).
 */
const EULER = 0.5772156649015329
const HALF_LOG_TWO_PI = 0.9189385332046727
const SERIES_TERMS = 40

/** ζ(k) − 1 for k > 1, whole or not, good to 1e-12: the first terms as they are, the rest by Euler–Maclaurin. */
export function zetaLessOne(k: number): number {
  const last = 20
  let sum = 0
  for (let n = last - 1; n >= 2; n--) sum += n ** -k
  const tail = last ** (1 - k) / (k - 1) + last ** -k / 2 + (k * last ** (-k - 1)) / 12
  const third = (k * (k + 1) * (k + 2) * last ** (-k - 3)) / 720
  const fifth = (k * (k + 1) * (k + 2) * (k + 3) * (k + 4) * last ** (-k - 5)) / 30240
  return sum + tail - third + fifth
}

const SERIES = Array.from({ length: SERIES_TERMS }, (_, i) => (zetaLessOne(i + 2) * (i % 2 === 0 ? 1 : -1)) / (i + 2))

/** ln Γ(1 + z) for |z| ≤ ½. */
function nearOne(z: number): number {
  let sum = 0
  for (let i = SERIES_TERMS - 1; i >= 0; i--) sum = sum * z + SERIES[i]!
  return -Math.log1p(z) + z * (1 - EULER + z * sum)
}

/** What Stirling's formula leaves over: ln Γ(x) − (x − ½) ln x + x − ½ ln 2π, for x ≥ 10. */
export function stirlingRest(x: number): number {
  const y = 1 / (x * x)
  const series = 1 / 12 + y * (-1 / 360 + y * (1 / 1260 + y * (-1 / 1680 + y * (1 / 1188 + y * (-691 / 360360 + y / 156)))))
  return series / x
}

function stirling(x: number): number {
  return (x - 0.5) * Math.log(x) - x + HALF_LOG_TWO_PI + stirlingRest(x)
}

export function logGamma(x: number): number {
  if (x >= 10) return stirling(x)
  if (x < 0.5) return nearOne(x) - Math.log(x)
  if (x <= 1.5) return nearOne(x - 1)
  if (x <= 2.5) return nearOne(x - 2) + Math.log1p(x - 2)
  let factor = 1
  let shifted = x
  while (shifted < 10) factor *= shifted++
  return stirling(shifted) - Math.log(factor)
}

/** ln B(a, b). With two large arguments the big terms are cancelled by hand, not by subtraction. */
export function logBeta(a: number, b: number): number {
  const small = Math.min(a, b)
  const large = Math.max(a, b)
  if (large < 10) return logGamma(small) + logGamma(large) - logGamma(small + large)
  const ratio = small / (small + large)
  const rest = stirlingRest(large) - stirlingRest(small + large)
  if (small < 10) return logGamma(small) + rest + small - small * Math.log(small + large) + (large - 0.5) * Math.log1p(-ratio)
  return HALF_LOG_TWO_PI + stirlingRest(small) + rest - 0.5 * Math.log(large) + (small - 0.5) * Math.log(ratio) + large * Math.log1p(-ratio)
}

const TABLE_LENGTH = 2048
const LOG_FACTORIAL = Float64Array.from({ length: TABLE_LENGTH }, (_, n) => logGamma(n + 1))

/** ln of n over k. Small n by look-up; large ones through B, which keeps the digits that three large factorials would lose. */
export function logChoose(n: number, k: number): number {
  if (n < TABLE_LENGTH) return LOG_FACTORIAL[n]! - LOG_FACTORIAL[k]! - LOG_FACTORIAL[n - k]!
  return -Math.log(n + 1) - logBeta(k + 1, n - k + 1)
}
