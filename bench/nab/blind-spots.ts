/** Series with what the detector is known to be blind to, made with a seed: a variance that doubles, a shape that changes, quiet after bursts. */
import { normal } from '../../detectors/math/random.ts'
import type { SeriesPoint } from '../../detectors/series.ts'
import { type Random, seededRandom } from '../../src/kit/random.ts'
import type { NabFile } from './files.ts'

export interface BlindSpot {
  readonly name: string
  readonly files: readonly NabFile[]
}

const BEFORE = 3000
/** An alarm within so many points of the change counts. */
const WITHIN = 300
const EACH = 10
const EVERY_SECONDS = 300

/** Value number `index` of a series; `after`: the change has come. */
type Source = (index: number, after: boolean, random: Random) => number

const SOURCES: Readonly<Record<string, Source>> = {
  'variance ×2': (_index, after, random) => 100 + (after ? Math.SQRT2 : 1) * normal(random),
  'variance ×4': (_index, after, random) => 100 + (after ? 2 : 1) * normal(random),
  'noise becomes a saw': (index, after, random) => 100 + (after ? Math.sqrt(3) * ((index % 12) / 5.5 - 1) : normal(random)),
  'bursts cease': (index, after, random) => 10 + normal(random) + (!after && index % 60 < 6 ? 80 * random() : 0),
}

export function blindSpots(seed: number): readonly BlindSpot[] {
  return Object.entries(SOURCES).map(([name, source], place) => ({
    name,
    files: Array.from({ length: EACH }, (_, number) => fileOf(`${name} ${number}`, source, seededRandom(seed + 1000 * place + number))),
  }))
}

function fileOf(name: string, source: Source, random: Random): NabFile {
  const points = Array.from({ length: BEFORE + WITHIN }, (_, index): SeriesPoint => {
    return { timeSeconds: index * EVERY_SECONDS, value: source(index, index >= BEFORE, random) }
  })
  return { name, points, windows: [{ first: BEFORE, last: BEFORE + WITHIN - 1 }] }
}
