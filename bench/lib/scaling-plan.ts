/** The arithmetic of docs/scaling.md: measured constants → what a plan needs. Pure. */

export interface Measured {
  /** Records for each second of processor time, whole daemon. */
  readonly jsonPerCore: number
  readonly avroPerCore: number
  /** Of memory for each prediction that waits. */
  readonly bytesPending: number
  readonly judgeUsPerStratum: number
  readonly judgeScopes: number
  /** Of a mean pane, with so many cells. */
  readonly paneBytes: number
  readonly paneCells: number
}

const EVENTS_PER_SECOND = 1_000_000
const MODELS = 500
const REGIONS = 3
/** Half of the events are predictions, and so many bytes each (JSON, as in the throughput workload). */
const PREDICTION_BYTES = 313
const OUTCOME_BYTES = 74
/** A core is planned to be busy for this share: the rest is for catching up. */
const BUSY_SHARE = 0.5
const SLICE_SECONDS = 30
const HORIZON_SECONDS = 300
/** Each model's requests lie in so many partitions of its region. */
const PARTITIONS = 48
/** Exposure, and one horizon. */
const CHAINS = 2
const SCOPES = 20
const STRATUM_SECONDS = 30
const KEPT_DAYS = 7

export function scalingFigures(measured: Measured) {
  const events = EVENTS_PER_SECOND / REGIONS
  const predictions = events / 2
  const inputBytes = predictions * (PREDICTION_BYTES + OUTCOME_BYTES)
  const panes = (PARTITIONS * MODELS * CHAINS) / SLICE_SECONDS
  const paneBytes = panes * measured.paneBytes
  const cores = (perCore: number): number => Math.ceil(events / perCore / BUSY_SHARE)
  const judgeUsPerScope = measured.judgeUsPerStratum / measured.judgeScopes
  const judgeBusy = (MODELS / STRATUM_SECONDS) * judgeUsPerScope * SCOPES * 1e-6
  const pending = predictions * (HORIZON_SECONDS + SLICE_SECONDS)
  return {
    measured: { ...measured, judgeUsPerScope },
    region: {
      events: Math.round(events),
      jsonCores: cores(measured.jsonPerCore),
      avroCores: cores(measured.avroPerCore),
      inputMBps: inputBytes / 1e6,
      panesPerSecond: Math.round(panes),
      paneMBps: paneBytes / 1e6,
      paneShare: paneBytes / inputBytes,
      paneShareAt5s: (paneBytes / inputBytes) * (SLICE_SECONDS / 5),
      judgeShareOfCore: judgeBusy,
      pendingMillions: pending / 1e6,
      pendingGB: (pending * measured.bytesPending) / 1e9,
      keptGB: Math.round((paneBytes * 86_400 * KEPT_DAYS) / 1e9),
    },
  }
}
