/** Anchors that were kept outside, as a person or a program kept them: what `flyball audit anchors` wrote, or lines of MODEL:NUMBER:HASH. */
import { isHash } from '../kit/anchor.ts'
import type { KeptPoint } from './anchors.ts'

export const KEPT_MAX = 100_000

/** `MODEL:NUMBER:HASH`; null: it is none. */
export function keptPoint(text: string): KeptPoint | null {
  const [, model = '', number = '', hash = ''] = /^(.+):(\d{1,15}):([0-9a-f]+)$/.exec(text) ?? []
  return isHash(hash) ? { model, number: Number(number), hash } : null
}

export function keptText({ model, number, hash }: KeptPoint): string {
  return `${model}:${number}:${hash}`
}

/** A text says why it cannot be used. */
export function keptPoints(text: string): readonly KeptPoint[] | string {
  const points = text.trimStart().startsWith('{') ? fromJson(text) : fromLines(text)
  if (typeof points === 'string') return points
  if (points.length === 0) return 'there is none in it'
  return points.length > KEPT_MAX ? `more than ${KEPT_MAX} of them` : points
}

function fromLines(text: string): readonly KeptPoint[] | string {
  const points: KeptPoint[] = []
  for (const [index, line] of text.split('\n').entries()) {
    const words = line.trim()
    if (words === '' || words.startsWith('#')) continue
    const point = keptPoint(words)
    if (point === null) return `line ${index + 1} is no MODEL:NUMBER:HASH`
    points.push(point)
  }
  return points
}

function fromJson(text: string): readonly KeptPoint[] | string {
  let found: { readonly anchors?: unknown }
  try {
    found = JSON.parse(text) as { readonly anchors?: unknown }
  } catch (error) {
    return (error as Error).message
  }
  if (!Array.isArray(found.anchors)) return 'it has no list of anchors'
  const points = found.anchors.map(pointOf)
  const bad = points.indexOf(null)
  return bad < 0 ? (points as readonly KeptPoint[]) : `anchor ${bad + 1} of it has no model, number and hash`
}

function pointOf(value: unknown): KeptPoint | null {
  const { model, number, hash } = (value ?? {}) as { readonly model?: unknown; readonly number?: unknown; readonly hash?: unknown }
  if (typeof model !== 'string' || typeof number !== 'number' || typeof hash !== 'string') return null
  return keptPoint(`${model}:${number}:${hash}`)
}
