/** The policy's `telemetry`: spans for an OpenTelemetry collector. Keys only; what they must agree on is in `check-telemetry.ts`. */
import { z } from 'zod'

const traces = z.strictObject({
  endpoint: z
    .url()
    .describe('Base URL of a collector that takes OTLP over HTTP; spans are put to /v1/traces. Such as http://127.0.0.1:4318'),
  headersFile: z.string().min(1).optional().describe('File with a header in each line, `name: value`: an API key, say.'),
  sampling: z.number().min(0).max(1).default(1).describe('Share of batches that have a span; every decision has one.'),
})

export const telemetrySchema = z.strictObject({ traces: traces.optional() })

export type TracesKeys = z.output<typeof traces>
