/** The two schemas of bench/peers/schemas read by hand, prefix skipped: what a generated decoder comes down to. */

export interface Prediction {
  readonly id: string
  readonly ts: number
  readonly model: string
  readonly version: string
  readonly segment: string
  readonly unit: string
  readonly score: number
  readonly decision: string
  readonly latencyMs: number
  readonly error: boolean
  readonly features: Readonly<Record<string, number | string | undefined>>
}

export interface Outcome {
  readonly id: string
  readonly ts: number
  readonly label: number
}

const PREFIX_BYTES = 5
let at = 0

function long(bytes: Buffer): number {
  let zigzag = 0
  let scale = 1
  let byte: number
  do {
    byte = bytes[at++]!
    zigzag += (byte & 127) * scale
    scale *= 128
  } while (byte > 127)
  return zigzag % 2 ? -(zigzag + 1) / 2 : zigzag / 2
}

/** The workload's texts are ASCII. */
function text(bytes: Buffer): string {
  const end = long(bytes) + at
  const found = bytes.toString('latin1', at, end)
  at = end
  return found
}

function double(bytes: Buffer): number {
  const found = bytes.readDoubleLE(at)
  at += 8
  return found
}

const optionalDouble = (bytes: Buffer): number | undefined => (bytes[at++] === 0 ? undefined : double(bytes))
const optionalText = (bytes: Buffer): string | undefined => (bytes[at++] === 0 ? undefined : text(bytes))

export function readPrediction(bytes: Buffer): Prediction {
  at = PREFIX_BYTES
  return {
    id: text(bytes),
    ts: long(bytes),
    model: text(bytes),
    version: text(bytes),
    segment: text(bytes),
    unit: text(bytes),
    score: double(bytes),
    decision: text(bytes),
    latencyMs: double(bytes),
    error: bytes[at++] === 1,
    features: {
      f1: optionalDouble(bytes),
      f2: optionalDouble(bytes),
      f3: optionalDouble(bytes),
      f4: optionalDouble(bytes),
      f5: optionalDouble(bytes),
      f6: optionalDouble(bytes),
      f7: optionalDouble(bytes),
      f8: optionalDouble(bytes),
      c1: optionalText(bytes),
    },
  }
}

export function readOutcome(bytes: Buffer): Outcome {
  at = PREFIX_BYTES
  return { id: text(bytes), ts: long(bytes), label: long(bytes) }
}
