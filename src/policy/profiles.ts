/**
 * Named ladders: what `ladder.profile` stands for where the policy says nothing itself. Adding one is one line.
 * `riskFactor` is the share of the margin that a single step may put at risk (STATISTICS §6).
 */
export interface Profile {
  readonly steps: readonly number[]
  readonly dwellMs: number
  readonly minimumRows: number
  readonly riskFactor: number
}

export const PROFILES = {
  rapid: { steps: [5, 25, 100], dwellMs: 30_000, minimumRows: 200, riskFactor: 2 },
  standard: { steps: [1, 5, 25, 50, 100], dwellMs: 120_000, minimumRows: 500, riskFactor: 1 },
  conservative: { steps: [1, 2, 5, 10, 25, 50, 100], dwellMs: 900_000, minimumRows: 2_000, riskFactor: 0.5 },
} as const satisfies Record<string, Profile>

export type ProfileName = keyof typeof PROFILES
