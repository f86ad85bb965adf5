/** What a request's `subject` names where it may name two things: a segment (`dimension=value`), or an artifact (`algorithm:digest`). */
export function isSegment(subject: string): boolean {
  return /^[^:]*=/.test(subject)
}
