/** What can be wrong with the bad candidate, and what the demo promises will be found. */
export const HARMS = ['skew', 'errors', 'slow', 'distorted', 'silent', 'none'] as const
export type Harm = (typeof HARMS)[number]

export interface HarmSpec {
  /** What the terminal says is wrong. */
  readonly words: string
  readonly rule: 'harm' | 'candidate-silent' | null
  /** The rollback must stand on one of these. */
  readonly guardrails: readonly string[]
}

export const HARM_SPECS: Readonly<Record<Harm, HarmSpec>> = {
  skew: {
    words: 'its departure hour arrives in UTC where local time was meant',
    rule: 'harm',
    guardrails: ['feature-drift', 'log-score'],
  },
  errors: { words: 'one request in five fails', rule: 'harm', guardrails: ['error-rate'] },
  slow: { words: 'one request in three takes 60 ms longer', rule: 'harm', guardrails: ['latency'] },
  distorted: {
    words: 'its probabilities are overconfident: every log-odds comes out threefold, every decision stays as it was',
    rule: 'harm',
    guardrails: ['log-score'],
  },
  silent: { words: 'its server is stopped (SIGSTOP) while it serves', rule: 'candidate-silent', guardrails: [] },
  none: { words: 'nothing is wrong with it: another healthy retrain', rule: null, guardrails: [] },
}
