/**
 * Source text as the tidy rules look at it: comments and the insides of strings blanked out (so that no rule trips over prose),
 * every line and column where it was; and the imports of a file.
 */

/** A regular expression begins after these, or at the start of the text; elsewhere `/` divides. */
const BEFORE_REGEX = /(?:^|[=(,:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of|do|else|void|delete|throw|new|await|yield))\s*$/

interface Token {
  readonly end: number
  /** Keep the quotes, blank what is between them. */
  readonly blank: readonly [from: number, to: number]
}

/** The text with comments, strings, templates and regular expressions blanked; code inside `${…}` stays. */
export function masked(text: string): string {
  const out = text.split('')
  maskCode(text, 0, out, false)
  return out.join('')
}

/** Masks until the end of the text, or until the brace that closes a template's `${`. Returns where it stopped. */
function maskCode(text: string, from: number, out: string[], inTemplate: boolean): number {
  let depth = 0
  let at = from
  while (at < text.length) {
    const char = text[at]!
    if (inTemplate && char === '}' && depth === 0) return at
    if (char === '{') depth += 1
    if (char === '}') depth -= 1
    if (char === '`') at = maskTemplate(text, at, out)
    else {
      const token = tokenAt(text, at)
      if (token !== null) blank(out, token.blank)
      at = token === null ? at + 1 : token.end
    }
  }
  return at
}

function maskTemplate(text: string, start: number, out: string[]): number {
  let at = start + 1
  while (at < text.length && text[at] !== '`') {
    if (text[at] === '\\') blank(out, [at, (at += 2)])
    else if (text.startsWith('${', at)) at = maskCode(text, at + 2, out, true) + 1
    else blank(out, [at, (at += 1)])
  }
  return at + 1
}

function tokenAt(text: string, at: number): Token | null {
  const two = text.slice(at, at + 2)
  if (two === '//') return comment(at, endOf(text, at, '\n', 0))
  if (two === '/*') return comment(at, endOf(text, at + 2, '*/', 2))
  const char = text[at]!
  if (char === "'" || char === '"') return quoted(text, at, char)
  if (char === '/' && BEFORE_REGEX.test(text.slice(Math.max(0, at - 40), at))) return regex(text, at)
  return null
}

function comment(from: number, to: number): Token {
  return { end: to, blank: [from, to] }
}

function quoted(text: string, from: number, quote: string): Token {
  let at = from + 1
  while (at < text.length && text[at] !== quote && text[at] !== '\n') at += text[at] === '\\' ? 2 : 1
  return { end: at + 1, blank: [from + 1, at] }
}

function regex(text: string, from: number): Token {
  let at = from + 1
  let inClass = false
  while (at < text.length && text[at] !== '\n' && (inClass || text[at] !== '/')) {
    if (text[at] === '[') inClass = true
    if (text[at] === ']') inClass = false
    at += text[at] === '\\' ? 2 : 1
  }
  return { end: at + 1, blank: [from + 1, at] }
}

function endOf(text: string, from: number, mark: string, past: number): number {
  const found = text.indexOf(mark, from)
  return found < 0 ? text.length : found + past
}

function blank(out: string[], [from, to]: readonly [number, number]): void {
  for (let at = from; at < to && at < out.length; at++) if (out[at] !== '\n') out[at] = ' '
}

// ── imports ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface Import {
  /** As written: `./cell.ts`, `node:fs`, `kafkajs`. */
  readonly specifier: string
  readonly line: number
  readonly isReExport: boolean
}

const STATIC = /^(import|export)\b(?:\s*(?:type\s+)?(?:[\w$]+\s*,?\s*)?(?:\*(?:\s+as\s+[\w$]+)?|\{[^}]*\})?\s*from)?\s*(?=['"])/gm
const DYNAMIC = /\b(?:import|require|require\.resolve)\s*\(\s*(?=['"])/g
const WORKER = /\bnew\s+URL\s*\(\s*(?=['"])/g

/** Static imports (types too), re-exports, dynamic imports, and files named as `new URL('./worker.ts', …)`. */
export function importsOf(text: string, code = masked(text)): readonly Import[] {
  return [STATIC, DYNAMIC, WORKER].flatMap((pattern) =>
    [...code.matchAll(pattern)].map((match) => {
      const quoteAt = match.index + match[0].length
      const specifier = text.slice(quoteAt + 1, text.indexOf(text[quoteAt]!, quoteAt + 1))
      return { specifier, line: lineOf(text, match.index), isReExport: match[1] === 'export' }
    }),
  )
}

export function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length
}

/** The repository path a relative import leads to. */
export function resolved(from: string, specifier: string): string {
  const steps = from.split('/').slice(0, -1)
  for (const step of specifier.split('/')) {
    if (step === '..') steps.pop()
    else if (step !== '.') steps.push(step)
  }
  return steps.join('/')
}

// ── functions ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface FunctionSpan {
  readonly line: number
  readonly lines: number
}

const CONTROL = /^\s*(?:\}\s*)?(?:else\s+)?(?:if|for|while|switch|catch|do|else|try|finally|with|class|interface|namespace|type|enum)\b/
const OPENS_FUNCTION = /(?:=>\s*|\)\s*(?::.*)?)\{$/

/**
 * Every function body of formatted source, by indentation: it opens with a line that ends in `=> {` or `) {` (a return type may stand between),
 * and ends with the first line of the same indentation that begins with `}`. A signature over several lines counts from its first.
 */
export function functionsOf(code: string): readonly FunctionSpan[] {
  const lines = code.split('\n').map((line) => line.trimEnd())
  return lines.flatMap((line, index) => {
    if (!OPENS_FUNCTION.test(line)) return []
    const first = signatureStart(lines, index)
    if (CONTROL.test(lines[first]!)) return []
    const last = bodyEnd(lines, index)
    return [{ line: first + 1, lines: last - first + 1 }]
  })
}

/** A line that begins with a closing bracket goes on from the last line above of the same indentation. */
function signatureStart(lines: readonly string[], index: number): number {
  const indent = indentOf(lines[index]!)
  let first = index
  while (first > 0 && /^\s*[)}\]>]/.test(lines[first]!)) {
    first -= 1
    while (first > 0 && (lines[first] === '' || indentOf(lines[first]!) > indent)) first -= 1
  }
  return first
}

function bodyEnd(lines: readonly string[], index: number): number {
  const indent = indentOf(lines[index]!)
  const end = lines.findIndex((line, at) => at > index && line !== '' && indentOf(line) <= indent && /^\s*\}/.test(line))
  return end < 0 ? lines.length - 1 : end
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length
}
