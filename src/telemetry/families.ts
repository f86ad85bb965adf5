/**
 * The series of every metric in the list, in one registry: values of labels are bounded, and series go when what they speak of goes.
 * prom-client forgets a series only when told all of its labels, so they are remembered here.
 */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import { type LabelsOf, METRIC_PREFIX, METRICS, type MetricName, type MetricSpec } from './metric-list.ts'

/** A label value that would be the first beyond the cap is counted under this one. */
export const OTHER = '__other__'

export interface LabelCaps {
  /** Values of any label. */
  readonly values: number
  /** Scopes of one model. */
  readonly scopes: number
}

type Labels = Readonly<Record<string, string>>
type Instrument = Counter | Gauge | Histogram

interface Series {
  readonly labels: Labels
  /** Of a gauge: what it was last set to. */
  value: number
}

interface Family {
  readonly spec: MetricSpec
  readonly instrument: Instrument
  readonly series: Map<string, Series>
}

export class Families {
  readonly #families: ReadonlyMap<MetricName, Family>
  readonly #caps: LabelCaps
  /** Label → values that have a series of their own; scopes by model. */
  readonly #known = new Map<string, Set<string>>()

  constructor(registry: Registry, caps: LabelCaps) {
    this.#caps = caps
    this.#families = new Map(
      Object.entries<MetricSpec>(METRICS).map(([name, spec]) => [
        name as MetricName,
        { spec, instrument: instrumentOf(name, spec, registry), series: new Map() },
      ]),
    )
  }

  /** A gauge; a value that is not finite takes its series away. */
  set<Name extends MetricName>(name: Name, labels: LabelsOf<Name>, value: number): void {
    const family = this.#families.get(name)!
    if (!Number.isFinite(value)) return this.#remove(family, keyOf(this.bounded(labels)))
    const series = this.#series(family, labels)
    // Most of what is told every few seconds is what was told before.
    if (series.value === value) return
    series.value = value
    ;(family.instrument as Gauge).set(series.labels, value)
  }

  /** A counter; by 0: it exists from now on. */
  add<Name extends MetricName>(name: Name, labels: LabelsOf<Name>, by = 1): void {
    const family = this.#families.get(name)!
    ;(family.instrument as Counter).inc(this.#series(family, labels).labels, by)
  }

  observe<Name extends MetricName>(name: Name, labels: LabelsOf<Name>, value: number): void {
    const family = this.#families.get(name)!
    ;(family.instrument as Histogram).observe(this.#series(family, labels).labels, value)
  }

  /** A histogram exists from now on. */
  zero<Name extends MetricName>(name: Name, labels: LabelsOf<Name>): void {
    const family = this.#families.get(name)!
    const before = family.series.size
    const series = this.#series(family, labels)
    if (family.series.size > before) (family.instrument as Histogram).zero(series.labels)
  }

  /** Takes away series that have these values of labels, of gauges only or of every kind, but not those that `keeps` says. */
  drop(labels: Labels, of: 'gauges' | 'all', keeps: (series: Labels) => boolean = () => false): void {
    const wanted = Object.entries(labels)
    for (const family of this.#families.values()) {
      if (of === 'gauges' && family.spec.type !== 'gauge') continue
      if (wanted.some(([label]) => !family.spec.labels.includes(label))) continue
      for (const [key, series] of family.series) {
        if (wanted.every(([label, value]) => series.labels[label] === value) && !keeps(series.labels)) this.#remove(family, key)
      }
    }
  }

  /** What is not there any more leaves its place to another. */
  forget(label: string, value: string): void {
    this.#known.get(label)?.delete(value)
    if (label === 'model') this.#known.delete(scopesOf(value))
  }

  /** Every series of one metric but this one goes. */
  keepOnly<Name extends MetricName>(name: Name, same: Partial<LabelsOf<Name>>, kept: LabelsOf<Name>): void {
    const family = this.#families.get(name)!
    const keptKey = keyOf(this.bounded(kept))
    for (const [key, series] of family.series) {
      const isAlike = Object.entries(same).every(([label, value]) => series.labels[label] === value)
      if (isAlike && key !== keptKey) this.#remove(family, key)
    }
  }

  /** The same labels, with `__other__` where a value is one too many. */
  bounded<L extends Labels>(labels: L): L {
    let changed: Record<string, string> | null = null
    for (const [label, value] of Object.entries(labels)) {
      const isScope = label === 'scope'
      // Its model stands before it, bounded already.
      const of = isScope ? scopesOf((changed ?? labels)['model'] ?? '') : label
      if (this.#isKnown(of, value, isScope ? this.#caps.scopes : this.#caps.values)) continue
      changed ??= { ...labels }
      changed[label] = OTHER
    }
    return (changed ?? labels) as L
  }

  #isKnown(label: string, value: string, cap: number): boolean {
    const values = this.#known.get(label) ?? new Set<string>()
    this.#known.set(label, values)
    if (values.has(value)) return true
    if (values.size >= cap) return false
    values.add(value)
    return true
  }

  /** That of these labels, or of `__other__` in their place. */
  #series(family: Family, labels: Labels): Series {
    const known = family.series.get(keyOf(labels))
    if (known !== undefined) return known
    const bounded = this.bounded(labels)
    const key = keyOf(bounded)
    const series = family.series.get(key) ?? { labels: bounded, value: Number.NaN }
    family.series.set(key, series)
    return series
  }

  #remove(family: Family, key: string): void {
    const series = family.series.get(key)
    if (series === undefined) return
    family.series.delete(key)
    family.instrument.remove({ ...series.labels })
  }
}

function scopesOf(model: string): string {
  return `scope of ${model}`
}

/** Values in the order of the caller's labels, which is always the same for one metric. */
function keyOf(labels: Labels): string {
  return Object.values(labels).join('\u0000')
}

/** A metric without labels is there from the start, with 0: a time that has not come is then 1970, as Prometheus has it everywhere. */
function instrumentOf(name: string, { type, help, labels, buckets }: MetricSpec, registry: Registry): Instrument {
  const common = { name: `${METRIC_PREFIX}${name}`, help, labelNames: [...labels], registers: [registry] }
  if (type === 'counter') return new Counter(common)
  if (type === 'gauge') return new Gauge(common)
  return new Histogram({ ...common, buckets: [...buckets!] })
}
