/** The series, labels and weights of the Numenta Anomaly Benchmark, from a folder that is no part of the repository. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { SeriesPoint } from '../../detectors/series.ts'
import type { LabelWindow, Profile } from './score.ts'

export interface NabFile {
  /** `group/file.csv`. */
  readonly name: string
  readonly points: readonly SeriesPoint[]
  readonly windows: readonly LabelWindow[]
}

export interface NabData {
  readonly files: readonly NabFile[]
  readonly standard: Profile
}

export const NAB_FOLDER = fileURLToPath(new URL('../../../shared/data/nab', import.meta.url))
export const NAB_ABSENT =
  'Not measured: the benchmark data are not here. --data names a folder with data/, windows.json and profiles.json of NAB v1.1.'

/** Null when the folder holds no benchmark. Files in the order of their names. */
export function readNab(folder = NAB_FOLDER): NabData | null {
  const windowsFile = join(folder, 'windows.json')
  const profilesFile = join(folder, 'profiles.json')
  if (!existsSync(windowsFile) || !existsSync(profilesFile)) return null
  const labels = JSON.parse(readFileSync(windowsFile, 'utf8')) as Record<string, readonly (readonly [string, string])[]>
  const names = readdirSync(join(folder, 'data'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.csv'))
  const files = names.map((name) => name.replaceAll('\\', '/')).sort()
  return { files: files.map((name) => readFile(folder, name, labels[name] ?? [])), standard: standardProfile(profilesFile) }
}

function readFile(folder: string, name: string, labels: readonly (readonly [string, string])[]): NabFile {
  const lines = readFileSync(join(folder, 'data', name), 'utf8')
    .trim()
    .split('\n')
    .slice(1)
  const points = lines.map((line) => {
    const [time, value] = line.split(',')
    return { timeSeconds: secondsOf(time!), value: Number(value) }
  })
  return { name, points, windows: labels.map(([start, end]) => ({ first: rowAt(points, start), last: rowAt(points, end) })) }
}

function rowAt(points: readonly SeriesPoint[], time: string): number {
  const seconds = secondsOf(time)
  const row = points.findIndex((point) => point.timeSeconds === seconds)
  if (row < 0) throw new Error(`no row at ${time}`)
  return row
}

/** `2014-04-01 00:00:00` or with a fraction; one fixed clock, taken as UTC. */
function secondsOf(text: string): number {
  return Math.floor(Date.parse(`${text.trim().replace(' ', 'T')}Z`) / 1000)
}

function standardProfile(file: string): Profile {
  interface Weights {
    readonly tpWeight: number
    readonly fnWeight: number
    readonly fpWeight: number
  }
  const { standard } = JSON.parse(readFileSync(file, 'utf8')) as { standard: { CostMatrix: Weights } }
  const { tpWeight, fnWeight, fpWeight } = standard.CostMatrix
  return { truePositive: tpWeight, falseNegative: fnWeight, falsePositive: fpWeight }
}
