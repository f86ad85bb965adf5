/**
 * Baseline drift: has a distribution moved away from a recorded profile by more than is tolerated?
 *
 * Idea. A profile is itself a sample: taken as the truth it raises a false alarm on nearly every healthy stream. So each of the two
 * distributions gets its own band, and drift is said only of what is left of their distance when both bands are taken off.
 * Formula. Numbers: distance = max_j |F̂_t(j) − F̂_ref(j)| over the cumulative bins in slot order (what is missing comes last);
 * excess = distance − r(n_t) − r(n_ref) > τ. Labels have no order, so single bins are compared: max_j |p̂_t(j) − p̂_ref(j)| with twice the
 * radii, since |p̂(j) − p(j)| ≤ |F̂(j) − F(j)| + |F̂(j−1) − F(j−1)|. r(n) = .85 √((ln(1 + ln(n/m)) + C)/n), C = .8 ln(1612/α), m = first look.
 * Windows. A late drift must not drown in a long healthy past: counts go into two windows of `windowRows` rows; one begins where the
 * other is half full, so there is always one that began at most half a window ago. Window number k may spend α/2 · 1/(k(k+1)) and the
 * profile the other α/2. For ever-growing k the band widens only like √ln k.
 * Guarantee. While rows are independent draws and the true distance from the profile's source is at most τ: P(ever an alarm) ≤ α, over
 * all windows and looks together.
 * Cost. One pass over the bins per look. Blind to: drift below τ plus both radii (with 10,000 rows each about .09 + τ). Not protected
 * against: rows that come in clumps, and a season longer than a window; a profile should cover a week and τ what a day does.
 * Source. Howard & Ramdas, Sequential estimation of quantiles (2022), uniform band over distribution functions; the weights of windows
 * are a union bound.
 */
import { ksRadius } from './confidence-sequence.ts'
import { requireCount } from './math/refuse.ts'

export interface DriftWindow {
  /** 1 for the first window ever. */
  readonly number: number
  readonly rows: number
  readonly counts: readonly number[]
}

export interface BaselineState {
  readonly begun: number
  /** Oldest first; one until it is half full, then two. */
  readonly windows: readonly DriftWindow[]
}

export interface BaselineProfile {
  /** Counts per slot, of the same slots. */
  readonly counts: readonly number[]
}

export interface BaselineOptions {
  /** τ: the distance that is no drift. */
  readonly tolerance: number
  /** Chance of a false alarm, ever. */
  readonly alpha: number
  /** False for labels. */
  readonly ordered: boolean
}

export interface BaselineDistance {
  readonly rows: number
  readonly distance: number
  /** Both bands. */
  readonly radius: number
  /** distance − radius: the true distance is at least this. */
  readonly excess: number
  /** Slot at which the distance is reached: cumulative up to and with it when ordered. */
  readonly slot: number
  /** Of the present and of the profile. */
  readonly share: number
  readonly profileShare: number
}

/** Rows before which a window says nothing. */
export const FIRST_LOOK_ROWS = 100
export const WINDOW_ROWS = 20_000

export function emptyBaseline(slots: number): BaselineState {
  return { begun: 1, windows: [emptyWindow(1, slots)] }
}

function emptyWindow(number: number, slots: number): DriftWindow {
  return { number, rows: 0, counts: new Array<number>(slots).fill(0) }
}

/** Adds the counts of one batch; one without rows changes nothing. */
export function observeBaseline(state: BaselineState, counts: ArrayLike<number>, windowRows: number = WINDOW_ROWS): BaselineState {
  const slots = state.windows[0]!.counts.length
  if (counts.length !== slots) throw new RangeError(`counts must have ${slots} slots, not ${counts.length}`)
  let rows = 0
  for (let slot = 0; slot < slots; slot++) {
    requireCount(counts[slot]!, 'counts')
    rows += counts[slot]!
  }
  if (rows === 0) return state
  const grown = state.windows.map((window) => ({
    number: window.number,
    rows: window.rows + rows,
    counts: window.counts.map((count, slot) => count + counts[slot]!),
  }))
  const kept = grown.filter((window) => window.rows < windowRows)
  const isDue = kept.length === 0 || (kept.length === 1 && kept[0]!.rows >= windowRows / 2)
  if (!isDue) return { begun: state.begun, windows: kept }
  return { begun: state.begun + 1, windows: [...kept, emptyWindow(state.begun + 1, slots)] }
}

/** The window that is furthest beyond its band; null before the first look. */
export function baselineDistance(state: BaselineState, profile: BaselineProfile, options: BaselineOptions): BaselineDistance | null {
  requireOptions(options)
  let furthest: BaselineDistance | null = null
  for (const window of state.windows) {
    const found = distanceOf(window, profile, options)
    if (found !== null && (furthest === null || found.excess > furthest.excess)) furthest = found
  }
  return furthest
}

function requireOptions({ tolerance, alpha }: BaselineOptions): void {
  if (!(tolerance >= 0 && tolerance < 1)) throw new RangeError(`tolerance must lie between 0 and 1, not ${tolerance}`)
  if (!(alpha > 0 && alpha < 1)) throw new RangeError(`alpha must lie between 0 and 1, not ${alpha}`)
}

function distanceOf(window: DriftWindow, profile: BaselineProfile, { alpha, ordered }: BaselineOptions): BaselineDistance | null {
  const profileRows = profile.counts.reduce((sum, count) => sum + count, 0)
  if (window.rows < FIRST_LOOK_ROWS || profileRows < FIRST_LOOK_ROWS) return null
  const windowAlpha = alpha / 2 / (window.number * (window.number + 1))
  const band = ksRadius(window.rows, FIRST_LOOK_ROWS, bandConstant(windowAlpha))
  const profileBand = ksRadius(profileRows, profileRows, bandConstant(alpha / 2))
  const radius = (ordered ? 1 : 2) * (band + profileBand)
  const { slot, share, profileShare } = furthestSlot(window, profile, profileRows, ordered)
  const distance = Math.abs(share - profileShare)
  return { rows: window.rows, distance, radius, excess: distance - radius, slot, share, profileShare }
}

function furthestSlot(window: DriftWindow, profile: BaselineProfile, profileRows: number, ordered: boolean) {
  let best = { slot: 0, share: 0, profileShare: 0 }
  let present = 0
  let past = 0
  for (let slot = 0; slot < window.counts.length; slot++) {
    present = (ordered ? present : 0) + window.counts[slot]!
    past = (ordered ? past : 0) + profile.counts[slot]!
    const [share, profileShare] = [present / window.rows, past / profileRows]
    if (Math.abs(share - profileShare) > Math.abs(best.share - best.profileShare)) best = { slot, share, profileShare }
  }
  return best
}

/** C for any level: the closed form, a little above the constants that are solved for by number. */
export function bandConstant(alpha: number): number {
  return 0.8 * Math.log(1612 / alpha)
}
