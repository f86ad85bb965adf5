/** The arithmetic of docs/scaling.md: measured constants → what a plan needs. Pure. */

export interface Measured {
  /** Records for each second of processor time, whole daemon. */
  readonly jsonPerCore: number
  readonly avroPerCore: number
  /** Of memory for each prediction that waits. */
  readonly bytesPending: number
  readonly judgeUsPerStratum: number
  readonly judgeScopes: number
  /** Evidence of a model with so many scopes, as it is stored. */
  readonly evidenceBytes: number
  /** Of a mean pane, with so many cells. */
  readonly paneBytes: number
  readonly paneCells: number
  /** Of processor time, packed, written, read, unpacked and judged, of a model with four features and two scopes. */
  readonly paneCpuUs: number
}

interface CpuRow {
  readonly models: number
  readonly steadyUsPerEvent: number
  readonly paneRecords: number
}

/** Of one stream: what the panes of more models add to its processor time, for each pane. Its start and end are left out. */
export function cpuOfAPane(events: number, few: CpuRow, many: CpuRow): number {
  return ((many.steadyUsPerEvent - few.steadyUsPerEvent) * events) / (many.paneRecords - few.paneRecords)
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
/** Candidate and control. */
const VERSIONS = 2
/** `limits.stratumRequests`: as planned, and as it is where nothing is said. */
const STRATUM_REQUESTS = 2000
const STRATUM_REQUESTS_DEFAULT = 200
/** A judge stores a model's state when so many panes of it were read. */
const PANES_BETWEEN_STATES = 300
const KEPT_DAYS = 7

export function scalingFigures(measured: Measured) {
  const events = EVENTS_PER_SECOND / REGIONS
  const predictions = events / 2
  const inputBytes = predictions * (PREDICTION_BYTES + OUTCOME_BYTES)
  const panes = (PARTITIONS * MODELS * CHAINS) / SLICE_SECONDS
  const paneBytesEach = (measured.paneBytes / measured.paneCells) * SCOPES * VERSIONS
  const paneBytes = panes * paneBytesEach
  const cores = (perCore: number): number => Math.ceil(events / perCore / BUSY_SHARE)
  const pending = predictions * (HORIZON_SECONDS + SLICE_SECONDS)
  return {
    measured: { ...measured, ...perScope(measured) },
    region: {
      events: Math.round(events),
      jsonCores: cores(measured.jsonPerCore),
      avroCores: cores(measured.avroPerCore),
      inputMBps: inputBytes / 1e6,
      panesPerSecond: Math.round(panes),
      paneRequests: Math.round((predictions * SLICE_SECONDS) / (MODELS * PARTITIONS)),
      paneCores: (panes * measured.paneCpuUs) / 1e6,
      paneKB: paneBytesEach / 1e3,
      paneMBps: paneBytes / 1e6,
      paneShare: paneBytes / inputBytes,
      paneShareAt5s: (paneBytes / inputBytes) * (SLICE_SECONDS / 5),
      ...judging(measured, predictions / MODELS),
      ...storing(measured, panes, inputBytes),
      pendingMillions: pending / 1e6,
      pendingGB: (pending * measured.bytesPending) / 1e9,
      pendingMillionsPerPartition: pending / PARTITIONS / 1e6,
      keptGB: Math.round((paneBytes * 86_400 * KEPT_DAYS) / 1e9),
    },
  }
}

function perScope({ judgeUsPerStratum, evidenceBytes, judgeScopes }: Measured) {
  return { judgeUsPerScope: judgeUsPerStratum / judgeScopes, evidenceKBPerScope: evidenceBytes / judgeScopes / 1e3 }
}

/** A stratum closes when it holds its requests, and a source's pane closes one at most. Of exposures: there the features are. */
function judging(measured: Measured, requestsPerSecond: number) {
  const { judgeUsPerScope } = perScope(measured)
  const strata = (requests: number): number => MODELS * Math.min(requestsPerSecond / requests, PARTITIONS / SLICE_SECONDS)
  const cores = (requests: number): number => strata(requests) * SCOPES * judgeUsPerScope * 1e-6
  return {
    strataPerSecond: Math.round(strata(STRATUM_REQUESTS)),
    judgeCores: cores(STRATUM_REQUESTS),
    strataPerSecondAtDefault: Math.round(strata(STRATUM_REQUESTS_DEFAULT)),
    judgeCoresAtDefault: cores(STRATUM_REQUESTS_DEFAULT),
  }
}

function storing(measured: Measured, panes: number, inputBytes: number) {
  const bytes = perScope(measured).evidenceKBPerScope * 1e3 * SCOPES
  const bytesPerSecond = (panes / PANES_BETWEEN_STATES) * bytes
  return {
    stateMBps: bytesPerSecond / 1e6,
    stateShare: bytesPerSecond / inputBytes,
    stateMB: bytes / 1e6,
    statesGB: (MODELS * bytes) / 1e9,
  }
}
