/** Phases that rules have in common. */
import type { Phase } from './state.ts'

/** The candidate answers people. */
export const EXPOSED: readonly Phase[] = ['climbing', 'guard', 'promoted']
/** The candidate predicts, for whoever it be: a shadow answers nobody, and does its harm in the records alone. */
export const JUDGED: readonly Phase[] = ['shadow', ...EXPOSED]
export const CLIMBING: readonly Phase[] = ['climbing']
/** On its way, and predicting. */
export const WATCHED: readonly Phase[] = ['shadow', 'climbing', 'guard']
/** A freeze stands in the way of what comes next. What follows a guard raises nothing. */
export const RISING: readonly Phase[] = ['offline', 'shadow', 'climbing']
/** A person's hold does. */
export const BEGUN: readonly Phase[] = [...RISING, 'guard']
