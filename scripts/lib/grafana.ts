/** Dashboards in the JSON that Grafana reads: panels in rows, variables, marks. What the dashboards of Flyball show is in `dashboards.ts`. */

export interface Query {
  readonly expr: string
  /** Of the series, with {{label}} filled in. */
  readonly legend?: string
  /** One value for each series, now: for tables and single numbers. */
  readonly instant?: true
}

export interface Panel {
  readonly title: string
  readonly description: string
  readonly kind: 'timeseries' | 'stat' | 'table'
  readonly unit: string
  /** Of 24. */
  readonly width: number
  readonly queries: readonly Query[]
}

export interface Variable {
  readonly name: string
  readonly label: string
  /** `label_values(…)`. */
  readonly query: string
  /** Several at a time, and all of them at first. */
  readonly many: boolean
}

export interface Mark {
  readonly name: string
  /** Seconds since 1970 at which it happened. */
  readonly expr: string
  readonly title: string
  readonly text: string
  readonly color: string
}

export interface DashboardPlan {
  readonly uid: string
  readonly title: string
  readonly description: string
  readonly variables: readonly Variable[]
  readonly marks: readonly Mark[]
  readonly rows: readonly { readonly title: string; readonly panels: readonly Panel[] }[]
}

const DATASOURCE = { type: 'prometheus', uid: '$datasource' }
const SCHEMA_VERSION = 39
const WIDTH = 24
const HEIGHT = { timeseries: 8, stat: 4, table: 8 } as const

export function grafanaJson(plan: DashboardPlan): object {
  return {
    uid: plan.uid,
    title: plan.title,
    description: plan.description,
    tags: ['flyball'],
    schemaVersion: SCHEMA_VERSION,
    version: 1,
    editable: true,
    graphTooltip: 1,
    timezone: 'browser',
    refresh: '10s',
    time: { from: 'now-1h', to: 'now' },
    links: [{ type: 'dashboards', title: 'Flyball', tags: ['flyball'], asDropdown: true, keepTime: true, includeVars: true }],
    templating: { list: [datasourceVariable(), ...plan.variables.map(variableJson)] },
    annotations: { list: plan.marks.map(markJson) },
    panels: panelsJson(plan),
  }
}

function datasourceVariable(): object {
  return { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus', current: {}, hide: 0 }
}

function variableJson({ name, label, query, many }: Variable): object {
  const all = many ? { includeAll: true, allValue: '.*', current: { text: 'All', value: '$__all' } } : { includeAll: false, current: {} }
  const asked = { query, refId: `variable-${name}` }
  return { name, label, type: 'query', datasource: DATASOURCE, query: asked, definition: query, refresh: 2, sort: 1, multi: many, ...all }
}

/** The value says when, in milliseconds: so that one is not lost which is the first of its series. */
function markJson({ name, expr, title, text, color }: Mark): object {
  return {
    ...{ name, enable: true, hide: false, iconColor: color, datasource: DATASOURCE },
    ...{ expr: `${expr} * 1000`, step: '10s', useValueForTime: true, titleFormat: title, textFormat: text },
  }
}

function panelsJson({ rows }: DashboardPlan): readonly object[] {
  const panels: object[] = []
  let y = 0
  for (const row of rows) {
    panels.push({
      id: panels.length + 1,
      type: 'row',
      title: row.title,
      collapsed: false,
      gridPos: { x: 0, y, w: WIDTH, h: 1 },
      panels: [],
    })
    y += 1
    let [x, tallest] = [0, 0]
    for (const panel of row.panels) {
      if (x + panel.width > WIDTH) [x, y, tallest] = [0, y + tallest, 0]
      const height = HEIGHT[panel.kind]
      panels.push(panelJson(panel, panels.length + 1, { x, y, w: panel.width, h: height }))
      x += panel.width
      tallest = Math.max(tallest, height)
    }
    y += tallest
  }
  return panels
}

function panelJson(panel: Panel, id: number, gridPos: object): object {
  const { title, description, kind, unit, queries } = panel
  const targets = queries.map(({ expr, legend, instant }, index) => ({
    ...{ refId: String.fromCharCode(65 + index), datasource: DATASOURCE, expr, legendFormat: legend ?? '', editorMode: 'code' },
    ...{ instant: instant === true, range: instant !== true, format: kind === 'table' ? 'table' : 'time_series' },
  }))
  const fieldConfig = {
    defaults: { unit, custom: kind === 'timeseries' ? { lineWidth: 1, fillOpacity: 5, showPoints: 'never' } : {} },
    overrides: [],
  }
  return { id, type: kind, title, description, datasource: DATASOURCE, gridPos, fieldConfig, options: OPTIONS[kind], targets }
}

const OPTIONS = {
  timeseries: { legend: { displayMode: 'list', placement: 'bottom', showLegend: true }, tooltip: { mode: 'multi', sort: 'desc' } },
  stat: {
    ...{ colorMode: 'value', graphMode: 'none', justifyMode: 'auto', textMode: 'auto', orientation: 'auto' },
    reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
  },
  table: { showHeader: true, cellHeight: 'sm' },
} as const
