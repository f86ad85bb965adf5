/** Labels of an incident, and patterns for them: `*` stands for anything. */
import type { Alert } from '../domain.ts'
import type { AlertLabel } from '../policy/layout.ts'

export type Labels = Readonly<Record<AlertLabel, string>>

/** Label → patterns of which one must fit. A label that is not named may be anything. */
export type Matches = Readonly<Partial<Record<string, readonly string[]>>>

export function labelsOf({ environment, model, version, cause, severity }: Alert): Labels {
  return { environment, model, version, cause, severity }
}

export function fits(match: Matches, labels: Labels): boolean {
  return Object.entries(match).every(([label, patterns = []]) =>
    patterns.some((pattern) => fitsPattern(pattern, labels[label as AlertLabel] ?? '')),
  )
}

/** By hand and in linear time: patterns come from people, and a regular expression made of one may never end. */
function fitsPattern(pattern: string, text: string): boolean {
  const [first = '', ...rest] = pattern.split('*')
  if (!text.startsWith(first)) return false
  if (rest.length === 0) return text === first
  const last = rest.pop()!
  let from = first.length
  for (const part of rest) {
    const at = text.indexOf(part, from)
    if (at < 0) return false
    from = at + part.length
  }
  return text.length - last.length >= from && text.endsWith(last)
}
