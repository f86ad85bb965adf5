/** The list of metrics as the table of docs/metrics.md, between two marks. */
import { metricRows } from '../../src/telemetry/metric-list.ts'

const BEGIN = '<!-- metrics -->'
const END = '<!-- /metrics -->'

export function withMetricTable(page: string): string {
  const [before, rest] = page.split(BEGIN)
  const after = rest?.split(END)[1]
  if (after === undefined) throw new Error(`the page has no ${BEGIN} … ${END}`)
  return `${before}${BEGIN}\n${metricTable()}\n${END}${after}`
}

function metricTable(): string {
  const rows = metricRows().map(({ name, type, labels, help, from }) => [
    `\`${name}\``,
    type,
    labels.join(', '),
    help,
    from.map((event) => `\`${event}\``).join(', '),
  ])
  const lines = [['metric', 'kind', 'labels', 'what', 'from the events'], ['---', '---', '---', '---', '---'], ...rows]
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}
