/**
 * Figures in documents, written by the benchmark and never by hand: `<!-- figure:healthy.plain.rollouts -->2,000<!-- /figure -->`
 * takes what stands at that path of the run's JSON. A path that the JSON does not have is an error.
 */
const FIGURE = /<!-- figure:([\w.%-]+) -->[\s\S]*?<!-- \/figure -->/g

export function withFigures(text: string, json: unknown): string {
  return text.replaceAll(FIGURE, (_, path: string) => `<!-- figure:${path} -->${shown(path, valueAt(json, path))}<!-- /figure -->`)
}

/** Every path a text asks for. */
export function figuresIn(text: string): readonly string[] {
  return [...text.matchAll(FIGURE)].map(([, path]) => path!)
}

function valueAt(json: unknown, path: string): unknown {
  let at = json
  for (const step of path.replace(/%$/, '').split('.')) {
    if (typeof at !== 'object' || at === null || !(step in at)) throw new Error(`the figures of this run have no ${path}`)
    at = (at as Record<string, unknown>)[step]
  }
  return at
}

/** A path that ends with % is a share shown in percent. */
function shown(path: string, value: unknown): string {
  if (typeof value === 'string') return value
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new Error(`the figure ${path} is no number: ${JSON.stringify(value)}`)
  if (path.endsWith('%')) return `${Number((100 * value).toPrecision(3))} %`
  return Number.isInteger(value) ? value.toLocaleString('en-US') : String(Number(value.toPrecision(3)))
}
