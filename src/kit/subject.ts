/**
 * What a request's `subject` names where it may name two things: a segment (`dimension=value`), or an artifact: `algorithm:digest`, or
 * `version:NAME` where no digest is known.
 */
export const ARTIFACT_WORDS = 'must be algorithm:digest, such as sha256:9f86d0…'

/** As the policy and version records write it. */
export const DIGEST = /^[A-Za-z0-9._+-]{1,40}:[A-Za-z0-9._=+/-]{1,200}$/

export function isSegment(subject: string): boolean {
  return /^[^:]*=/.test(subject)
}

export function isDigest(subject: string): boolean {
  return DIGEST.test(subject)
}

/** As it may stand on a quarantine list. */
export function isArtifact(subject: string): boolean {
  return isDigest(subject) || /^version:./.test(subject)
}
