/**
 * Watches many series: gathers numbers into points of equal spacing, shows them to the detector, opens and ends incidents.
 *
 * A point is closed when the record clock has passed its end by some grace; the clock is the slowest of the lanes (partitions, sources)
 * that still have something to say. Numbers that come later are counted and left. Keys are bounded: the first so many are watched, records of
 * the rest are counted. An incident fires once, and resolves after an hour's worth of calm points.
 * Silence is another alarm: a series whose group is quiet for longer than told, and than three times its longest quiet so far, has no data;
 * when nobody speaks at all it is one incident and not one for each key.
 */

import { explainSeries } from '../../detectors/series/explain.ts'
import { advanceSeries, emptySeries, SERIES_RULE, type SeriesState } from '../../detectors/series.ts'
import type { Alert } from '../domain.ts'
import { NO_DETAIL } from '../kit/no-detail.ts'
import { advanceClock, type ClockState, newClock } from '../measure/partition-clock.ts'
import { type Measured, type SeriesName, seriesId, type Unusable } from './measured.ts'
import { type Group, isSilent, newGroup, spoke } from './silence.ts'

export interface WatchSettings {
  readonly environment: string
  /** Whose silence is meant when nobody speaks. */
  readonly subject: string
  readonly everyMs: number
  readonly noDataAfterMs: number
  readonly seriesMax: number
  /** A lane that far behind the first has died, whatever its owner says of it. */
  readonly lanePatienceMs: number
}

export interface WatchCounts {
  records: number
  points: number
  /** Numbers whose point was closed already. */
  late: number
  /** Numbers whose time ran ahead and was not believed. */
  ahead: number
  /** Numbers of series beyond the bound. */
  unwatched: number
  readonly unusable: Partial<Record<Unusable, number>>
}

interface OpenPoint {
  amount: number
  weight: number
}

interface Watched {
  readonly name: SeriesName
  readonly id: string
  readonly state: SeriesState
  /** By number of the interval. */
  readonly open: Map<number, OpenPoint>
  calmPoints: number
}

interface Lane {
  readonly clock: ClockState
  /** False: caught up or idle; it holds nobody back. */
  active: boolean
}

const CALM_POINTS = 12
const GRACE_MS_MAX = 30_000
const SKEW_MS_MIN = 3_600_000
const LANES_MAX = 10_000

export class Watch {
  readonly counts: WatchCounts = { records: 0, points: 0, late: 0, ahead: 0, unwatched: 0, unusable: {} }
  /** Incidents that hold now, by name. */
  readonly open = new Map<string, Alert>()
  readonly #settings: WatchSettings
  readonly #series = new Map<string, Watched>()
  readonly #groups = new Map<string, Group>()
  readonly #lanes = new Map<string, Lane>()
  readonly #everyone = newGroup()
  /** Points before this interval are closed. */
  #closedThrough = Number.NEGATIVE_INFINITY
  /** The last interval that a number fell into. */
  #latest = Number.NEGATIVE_INFINITY

  constructor(settings: WatchSettings) {
    this.#settings = settings
  }

  get seriesCount(): number {
    return this.#series.size
  }

  refuse(reason: Unusable): void {
    this.counts.unusable[reason] = (this.counts.unusable[reason] ?? 0) + 1
  }

  /** One number of a lane. Nothing is concluded before `advance`. */
  take(lane: string, measured: Measured): void {
    const clock = this.#lane(lane).clock
    advanceClock(clock, measured.timeMs, this.#skewMs)
    if (measured.timeMs > clock.nowMs) {
      this.counts.ahead += 1
      return
    }
    const interval = Math.floor(measured.timeMs / this.#settings.everyMs)
    if (interval < this.#closedThrough) {
      this.counts.late += 1
      return
    }
    this.#latest = Math.max(this.#latest, interval)
    const watched = this.#watched(measured.series)
    if (watched === null) {
      this.counts.unwatched += 1
      return
    }
    const point = watched.open.get(interval)
    if (point === undefined) watched.open.set(interval, { amount: measured.amount, weight: measured.weight })
    else {
      point.amount += measured.amount
      point.weight += measured.weight
    }
  }

  /** A lane's clock without a number. */
  passTime(lane: string, timeMs: number): void {
    advanceClock(this.#lane(lane).clock, timeMs, this.#skewMs)
  }

  setActive(lane: string, active: boolean): void {
    this.#lane(lane).active = active
  }

  /** Record time that every lane has passed; −∞ while one has yet to speak. */
  get clockMs(): number {
    const lanes = [...this.#lanes.values()]
    const first = lanes.reduce((most, lane) => Math.max(most, lane.clock.nowMs), Number.NEGATIVE_INFINITY)
    const waiting = lanes.filter(({ active, clock }) => active && (clock.nowMs < 0 || clock.nowMs > first - this.#settings.lanePatienceMs))
    const clockMs = waiting.reduce((least, lane) => Math.min(least, lane.clock.nowMs), first)
    return clockMs < 0 ? Number.NEGATIVE_INFINITY : clockMs
  }

  /** Closes what is complete; the alerts that fire or resolve by it, in the order of time. `idleMs`: how long no record has come. */
  advance(idleMs: number): readonly Alert[] {
    const { clockMs } = this
    if (clockMs === Number.NEGATIVE_INFINITY) return []
    const through = this.#intervalsBefore(clockMs)
    const alerts: Alert[] = []
    if (through > this.#closedThrough) {
      for (const { interval, watched } of this.#complete(through)) this.#close(watched, interval, alerts)
      this.#closedThrough = through
      this.#hearGroups(alerts)
    }
    this.#hearEveryone(clockMs + idleMs, alerts)
    return alerts
  }

  get #skewMs(): number {
    return Math.max(SKEW_MS_MIN, 12 * this.#settings.everyMs)
  }

  #lane(name: string): Lane {
    const known = this.#lanes.get(name)
    if (known !== undefined) return known
    if (this.#lanes.size >= LANES_MAX) throw new Error(`more than ${LANES_MAX} lanes`)
    const lane: Lane = { clock: newClock(), active: true }
    this.#lanes.set(name, lane)
    return lane
  }

  #watched(name: SeriesName): Watched | null {
    const id = seriesId(name)
    const known = this.#series.get(id)
    if (known !== undefined) return known
    if (this.#series.size >= this.#settings.seriesMax) return null
    const watched: Watched = { name, id, state: emptySeries(), open: new Map(), calmPoints: 0 }
    this.#series.set(id, watched)
    if (!this.#groups.has(name.group)) this.#groups.set(name.group, newGroup())
    return watched
  }

  #complete(through: number): { readonly interval: number; readonly watched: Watched }[] {
    const complete = [...this.#series.values()].flatMap((watched) =>
      [...watched.open.keys()].filter((interval) => interval < through).map((interval) => ({ interval, watched })),
    )
    return complete.sort((left, right) => left.interval - right.interval)
  }

  #close(watched: Watched, interval: number, alerts: Alert[]): void {
    const { amount, weight } = watched.open.get(interval)!
    watched.open.delete(interval)
    this.#hear(watched.name, interval, alerts)
    const value = watched.name.kind === 'sum' ? amount : amount / weight
    const timeSeconds = (interval * this.#settings.everyMs) / 1000
    const reading = advanceSeries(watched.state, { timeSeconds, value })
    this.counts.points += 1
    watched.calmPoints = reading.score < SERIES_RULE.threshold ? watched.calmPoints + 1 : 0
    const ends = watched.calmPoints >= CALM_POINTS && this.open.has(this.#incident(watched.name, 'series'))
    if (!reading.alarm && !ends) return
    const alert = this.#alert(watched.name, 'series', interval + 1, `is ${shown(value)}: ${explainSeries(reading, timeSeconds)}`)
    if (reading.alarm) this.#fire(alert, alerts)
    else this.#resolve(alert, alerts)
  }

  /** A series has spoken: silences end, and one that went unnoticed in between is told after the fact. */
  #hear(name: SeriesName, interval: number, alerts: Alert[]): void {
    const everyone = this.#everyone
    this.#endSilence(everyone, interval, (summary) => this.#everyoneAlert(interval, summary), alerts)
    this.#endSilence(this.#groups.get(name.group)!, everyone.intervals, (summary) => this.#groupAlert(name, interval, summary), alerts)
  }

  #endSilence(group: Group, at: number, alertWith: (summary: string) => Alert, alerts: Alert[]): void {
    if (at <= group.last) return
    if (isSilent(group, at - 1, this.#noDataAfter)) this.#fire(alertWith(noData(at - 1 - group.last, this.#settings.everyMs)), alerts)
    spoke(group, at, this.#noDataAfter)
    // A point that was open when silence fell closes behind it, and does not end it.
    if (at > group.toldLast) this.#resolve(alertWith('has data again'), alerts)
  }

  /** A group's time is the number of intervals in which anybody spoke: when all are silent, that is one incident. */
  #hearGroups(alerts: Alert[]): void {
    const told = new Set<string>()
    const now = this.#everyone.intervals
    for (const { name } of this.#series.values()) {
      if (told.has(name.group)) continue
      told.add(name.group)
      const group = this.#groups.get(name.group)!
      if (!isSilent(group, now, this.#noDataAfter)) continue
      this.#fire(this.#groupAlert(name, this.#closedThrough, noData(now - group.last, this.#settings.everyMs)), alerts)
    }
  }

  /** Numbers of points that are still open have been heard too. */
  #hearEveryone(nowMs: number, alerts: Alert[]): void {
    const over = this.#intervalsBefore(nowMs) - 1
    const heard = { ...this.#everyone, last: Math.max(this.#everyone.last, this.#latest) }
    if (!isSilent(heard, over, this.#noDataAfter)) return
    this.#everyone.toldLast = heard.last
    this.#fire(this.#everyoneAlert(over + 1, noData(over - heard.last, this.#settings.everyMs)), alerts)
  }

  /** Intervals that are complete at a time. */
  #intervalsBefore(timeMs: number): number {
    const { everyMs } = this.#settings
    return Math.floor((timeMs - Math.min(GRACE_MS_MAX, everyMs / 10)) / everyMs)
  }

  get #noDataAfter(): number {
    return Math.max(1, Math.ceil(this.#settings.noDataAfterMs / this.#settings.everyMs))
  }

  /** A group that is a model is silent as a whole; one that is a key of a topic is named by its key. */
  #groupAlert(name: SeriesName, interval: number, summary: string): Alert {
    const whole = name.group === name.model
    return this.#alert({ ...name, metric: whole ? 'volume' : name.metric, key: whole ? '' : name.key }, 'no-data', interval, summary)
  }

  #everyoneAlert(interval: number, summary: string): Alert {
    const { environment, subject } = this.#settings
    const incident = `${[environment, subject].map(encodeURIComponent).join('/')}/no-data`
    return { ...this.#alertOf(subject, '', interval, `${subject} ${summary}`), cause: 'no-data', incident }
  }

  #alert(name: SeriesName, cause: string, interval: number, summary: string): Alert {
    const subject = [name.metric, name.key].filter((part) => part !== '').join(' of ')
    return {
      ...this.#alertOf(name.model, name.key, interval, `${name.model}: ${subject} ${summary}`),
      cause,
      incident: this.#incident(name, cause),
    }
  }

  #incident(name: SeriesName, cause: string): string {
    return `${encodeURIComponent(this.#settings.environment)}/${seriesId(name)}/${cause}`
  }

  #alertOf(model: string, version: string, interval: number, summary: string): Alert {
    const { environment, everyMs } = this.#settings
    const judgeTimeMs = interval * everyMs
    return {
      incident: '',
      environment,
      model,
      version,
      cause: '',
      severity: 'warning',
      status: 'firing',
      summary,
      decisionId: '',
      judgeTimeMs,
      detail: NO_DETAIL,
    }
  }

  #fire(alert: Alert, alerts: Alert[]): void {
    if (this.open.has(alert.incident)) return
    this.open.set(alert.incident, alert)
    alerts.push(alert)
  }

  #resolve(alert: Alert, alerts: Alert[]): void {
    if (!this.open.delete(alert.incident)) return
    alerts.push({ ...alert, status: 'resolved' })
  }
}

function shown(value: number): string {
  return Number(value.toPrecision(4)).toString()
}

function noData(intervals: number, everyMs: number): string {
  return `has had no data for ${Math.round((intervals * everyMs) / 60_000)} minutes`
}
