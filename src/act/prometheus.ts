/** An incident as an alert of the Prometheus world: labels by which it is known, annotations that tell of it. */
import type { Incident } from './contract.ts'
import { FACT_LABELS, type FactName, factsOf, labelValue, usableLink } from './words.ts'

/** Said by fields of their own there. */
const ELSEWHERE: readonly FactName[] = ['began', 'ended', 'link']

/** Without those that are empty: a label without a value is no label there. */
export function labelsOf({ alert }: Incident): Readonly<Record<string, string>> {
  const { cause, environment, model, version, severity } = alert
  const named = { alertname: cause, environment, model, version, severity }
  return filled(Object.fromEntries(Object.entries(named).map(([label, value]) => [label, labelValue(value)])))
}

export function annotationsOf(incident: Incident): Readonly<Record<string, string>> {
  const facts = factsOf(incident)
  const names = (Object.keys(FACT_LABELS) as FactName[]).filter((name) => !ELSEWHERE.includes(name))
  const page = incident.alert.detail.runbooks.map(usableLink).find((link) => link !== '') ?? ''
  return filled({ ...Object.fromEntries(names.map((name) => [name, facts[name] ?? ''])), runbook_url: page })
}

function filled(values: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ''))
}
