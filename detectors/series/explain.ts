/** Why a point of a series was or was not an alarm, in one sentence for people. */
import { SERIES_SCALES, type SeriesReading } from '../series.ts'

const DAYS: readonly string[] = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
/** From here on a season is named as the reason for what is usual. */
const SEASON_NAMED_FROM = 0.5
const DEVIATIONS_SHOWN_MAX = 999

/**
 * `40-point mean 6.2 sd above usual for Tuesday 14:00; 10-point mean 3.1 above, last point 0.4 below; the day counts 97 %, the week 61 %;
 * score 1.42, bar 1.30`. Times are those of the points, in UTC.
 */
export function explainSeries(reading: SeriesReading, timeSeconds: number): string {
  const scales = SERIES_SCALES.map((length, index) => ({
    name: length === 1 ? 'last point' : `${length}-point mean`,
    z: reading.zs[index]!,
  }))
  const [strongest, ...others] = scales.sort((a, b) => Math.abs(b.z) - Math.abs(a.z))
  const [day, week] = reading.seasonWeights
  return [
    `${strongest!.name} ${deviations(strongest!.z, ' sd')} usual${usualFor(reading, timeSeconds)}`,
    others.map(({ name, z }) => `${name} ${deviations(z, '')}`).join(', '),
    `the day counts ${percent(day)}, the week ${percent(week)}`,
    `score ${reading.score.toFixed(2)}, bar ${reading.bar.toFixed(2)}`,
  ].join('; ')
}

function deviations(z: number, unit: string): string {
  const size = Math.abs(z)
  const shown = size > DEVIATIONS_SHOWN_MAX ? `more than ${DEVIATIONS_SHOWN_MAX}` : size.toFixed(1)
  return `${shown}${unit} ${z < 0 ? 'below' : 'above'}`
}

function usualFor({ seasonWeights: [day, week] }: SeriesReading, timeSeconds: number): string {
  if (day < SEASON_NAMED_FROM && week < SEASON_NAMED_FROM) return ''
  const minutes = Math.floor(timeSeconds / 60) % 1440
  const clock = `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`
  // 1 January 1970 was a Thursday.
  return week < SEASON_NAMED_FROM ? ` for ${clock}` : ` for ${DAYS[(Math.floor(timeSeconds / 86_400) + 4) % 7]} ${clock}`
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`
}
