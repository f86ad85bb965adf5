/** The policy's `drill`: how often harm is rehearsed on a shadow of the model, and how fast the loop has to close. */
import { z } from 'zod'
import { duration } from './values.ts'

export const drillSchema = z.strictObject({
  every: duration
    .optional()
    .describe('A drill must have passed so recently, or an alert says so. Left out: drills when people ask for them.'),
  objective: z
    .strictObject({
      detect: duration
        .prefault('30s')
        .describe('From the first bad event to the decision. Scenario silent: silence.after, which has to pass first, comes on top.'),
      command: duration.prefault('5s').describe('From the decision to the command on the control topic.'),
      ack: duration.prefault('10s').describe('From the command to the quorum of acks.'),
      observed: duration.prefault('30s').describe('From the quorum to the traffic that shows it.'),
    })
    .prefault({}),
})
