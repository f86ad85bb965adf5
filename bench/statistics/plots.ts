/**
 * Line charts as SVG text: no dependency, the same bytes for the same numbers. The background is painted, so a chart reads the same on a
 * light page and on a dark one; colours are told apart by the colour-blind (Okabe & Ito), and each line has its own dash as well.
 */

export interface Axis {
  /** With the unit. */
  readonly label: string
  readonly scale: 'linear' | 'log'
  /** Taken from the points where not given. */
  readonly low?: number
  readonly high?: number
  /** How a tick reads; the number by default. */
  readonly tick?: (value: number) => string
}

export interface Line {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
  /** Markers as well, for measured points with nothing known between them. */
  readonly hasMarkers?: boolean
  /** Drawn as stairs: the value holds until the next point. */
  readonly isSteps?: boolean
  /** Grey and thin: for comparison. */
  readonly isQuiet?: boolean
  /** Lines that belong together share it: what is measured and its yardstick. Its position otherwise. */
  readonly colour?: number
}

export interface Chart {
  readonly title: string
  readonly x: Axis
  readonly y: Axis
  readonly lines: readonly Line[]
  /** Horizontal rules: limits. */
  readonly limits?: readonly { readonly y: number; readonly label: string }[]
  /** Vertical rules: moments. */
  readonly moments?: readonly { readonly x: number; readonly label: string }[]
}

const WIDTH = 860
const HEIGHT = 440
const LEFT = 78
const RIGHT = 260
const TOP = 46
const BOTTOM = 58
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#7a5c00', '#444444']
const DASHES = ['', '7 4', '2 3', '9 3 2 3', '12 4', '4 2', '1 4', '6 2 2 2']

export function chartSvg(chart: Chart): string {
  const x = scaleOf(
    chart.x,
    chart.lines.flatMap((line) => line.points.map((point) => point[0])),
    LEFT,
    WIDTH - RIGHT,
  )
  const ys = [...chart.lines.flatMap((line) => line.points.map((point) => point[1])), ...(chart.limits ?? []).map((limit) => limit.y)]
  const y = scaleOf(chart.y, ys, HEIGHT - BOTTOM, TOP)
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-label="${escaped(chart.title)}" font-family="system-ui, sans-serif" font-size="12" fill="#222222">`,
    `<title>${escaped(chart.title)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    text(LEFT, 24, chart.title, 'font-size="15" font-weight="600"'),
    ...gridX(x, chart.x),
    ...gridY(y, chart.y),
    ...(chart.moments ?? []).map((moment) => momentSvg(x.at(moment.x), moment.label)),
    ...(chart.limits ?? []).map((limit) => limitSvg(y.at(limit.y), limit.label)),
    `<clipPath id="inside"><rect x="${LEFT}" y="${TOP - 4}" width="${WIDTH - LEFT - RIGHT}" height="${HEIGHT - TOP - BOTTOM + 8}"/></clipPath>`,
    '<g clip-path="url(#inside)">',
    ...chart.lines.map((line, index) => lineSvg(line, index, x, y)),
    '</g>',
    ...chart.lines.map((line, index) => legendSvg(line, index)),
    '</svg>',
    '',
  ].join('\n')
}

interface Scale {
  readonly ticks: readonly number[]
  at(value: number): number
}

function scaleOf(axis: Axis, values: readonly number[], from: number, to: number): Scale {
  const usable = values.filter((value) => Number.isFinite(value) && (axis.scale === 'linear' || value > 0))
  const least = axis.low ?? Math.min(...usable)
  const most = axis.high ?? Math.max(...usable)
  const [low, high] =
    usable.length === 0 ? [1, 10] : least === most ? [least * 0.9 - (least === 0 ? 1 : 0), most * 1.1 + 1e-9] : [least, most]
  const along = axis.scale === 'log' ? Math.log : (value: number) => value
  const ticks = axis.scale === 'log' ? logTicks(low, high) : linearTicks(low, high)
  const begin = axis.low ?? Math.min(low, ticks[0] ?? low)
  const end = axis.high ?? Math.max(high, ticks.at(-1) ?? high)
  return { ticks, at: (value) => from + ((along(value) - along(begin)) / (along(end) - along(begin))) * (to - from) }
}

/** About six round numbers that lie within, or just around, the range. */
export function linearTicks(low: number, high: number): readonly number[] {
  const rough = (high - low) / 6
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough)!
  const first = Math.ceil(low / step - 1e-9)
  const last = Math.floor(high / step + 1e-9)
  return Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(12)))
}

/** Powers of ten, with 2 and 5 between them where there are few decades. */
export function logTicks(low: number, high: number): readonly number[] {
  const decades = Math.log10(high / low)
  const factors = decades > 4 ? [1] : decades > 2 ? [1, 3] : [1, 2, 5]
  const ticks: number[] = []
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
    for (const factor of factors) ticks.push(Number((factor * 10 ** power).toPrecision(12)))
  }
  return ticks.filter((tick) => tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9))
}

function gridX(scale: Scale, axis: Axis): readonly string[] {
  const marks = scale.ticks.flatMap((tick) => {
    const at = round(scale.at(tick))
    return [
      `<path d="M${at} ${TOP}V${HEIGHT - BOTTOM}" stroke="#e4e4e4"/>`,
      text(at, HEIGHT - BOTTOM + 17, label(tick, axis), 'text-anchor="middle"'),
    ]
  })
  const middle = (LEFT + WIDTH - RIGHT) / 2
  return [...marks, text(middle, HEIGHT - 16, axis.label, 'text-anchor="middle" font-size="13"')]
}

function gridY(scale: Scale, axis: Axis): readonly string[] {
  const marks = scale.ticks.flatMap((tick) => {
    const at = round(scale.at(tick))
    return [`<path d="M${LEFT} ${at}H${WIDTH - RIGHT}" stroke="#e4e4e4"/>`, text(LEFT - 7, at + 4, label(tick, axis), 'text-anchor="end"')]
  })
  const middle = (TOP + HEIGHT - BOTTOM) / 2
  return [...marks, text(18, middle, axis.label, `text-anchor="middle" font-size="13" transform="rotate(-90 18 ${round(middle)})"`)]
}

function label(value: number, axis: Axis): string {
  if (axis.tick) return axis.tick(value)
  if (value !== 0 && (Math.abs(value) >= 1e6 || Math.abs(value) < 1e-3)) return value.toExponential().replace('e+', 'e')
  return Math.abs(value) >= 10_000 ? value.toLocaleString('en-US') : String(value)
}

function limitSvg(at: number, name: string): string {
  const y = round(at)
  return `<path d="M${LEFT} ${y}H${WIDTH - RIGHT}" stroke="#b00020" stroke-width="1.2" stroke-dasharray="5 3"/>\n${text(LEFT + 6, y - 5, name, 'fill="#b00020"')}`
}

function momentSvg(at: number, name: string): string {
  const x = round(at)
  return `<path d="M${x} ${TOP}V${HEIGHT - BOTTOM}" stroke="#777777" stroke-dasharray="3 3"/>\n${text(x + 4, TOP + 12, name, 'fill="#555555"')}`
}

function lineSvg(line: Line, index: number, x: Scale, y: Scale): string {
  const points = line.points
    .filter((point) => Number.isFinite(point[0]) && Number.isFinite(point[1]))
    .map((point) => [round(x.at(point[0])), round(y.at(point[1]))] as const)
    .filter((point) => Number.isFinite(point[0]) && Number.isFinite(point[1]))
  const path = points.map(([px, py], at) => (at === 0 ? `M${px} ${py}` : line.isSteps ? `H${px}V${py}` : `L${px} ${py}`)).join('')
  const { colour, stroke } = paint(line, index)
  const markers = line.hasMarkers ? points.map(([px, py]) => `<circle cx="${px}" cy="${py}" r="3" fill="${colour}"/>`) : []
  return [...(path === '' ? [] : [`<path d="${path}" fill="none" ${stroke}/>`]), ...markers].join('\n')
}

function legendSvg(line: Line, index: number): string {
  const y = TOP + 10 + index * 19
  const x = WIDTH - RIGHT + 16
  const { colour, stroke } = paint(line, index)
  const marker = line.hasMarkers ? `<circle cx="${x + 14}" cy="${y}" r="3" fill="${colour}"/>` : ''
  return `<path d="M${x} ${y}h28" ${stroke}/>${marker}\n${text(x + 35, y + 4, line.name, '')}`
}

function paint(line: Line, index: number): { readonly colour: string; readonly stroke: string } {
  const colour = line.isQuiet ? '#8a8a8a' : COLOURS[(line.colour ?? index) % COLOURS.length]!
  const dash = DASHES[index % DASHES.length]!
  const dashed = dash === '' || (line.colour !== undefined && !line.isQuiet) ? '' : ` stroke-dasharray="${dash}"`
  return { colour, stroke: `stroke="${colour}" stroke-width="${line.isQuiet ? 1.3 : 2}"${dashed}` }
}

function text(x: number, y: number, words: string, attributes: string): string {
  return `<text x="${round(x)}" y="${round(y)}"${attributes === '' ? '' : ` ${attributes}`}>${escaped(words)}</text>`
}

function escaped(words: string): string {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}

function round(value: number): number {
  return Number(value.toFixed(1))
}
