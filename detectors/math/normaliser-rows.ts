/**
 * ln E ψ^x (math/hypergeometric.ts) of one split for a fixed row of ψ and every number of events: what the bets of hundreds of events of
 * one stratum need, since they share their requests.
 *
 * H_K(ψ) = E ψ^x for all numbers of events K = 0 … reach of a split comes from Gauss's contiguous relation
 *   (N − K) H_{K+1} = (nψ + m − (1 + ψ) K) H_K + ψ K H_{K−1},   H_0 = 1,
 * two multiplications a step instead of a sum. Both coefficients are positive up to reach = (nψ + m)/(1 + ψ), so nothing cancels.
 * Beyond it: H_K(ψ) = ψ^n H_{N−K}(1/ψ), and N − K is within the reach of 1/ψ. So every tilt stands beside its negative.
 *
 * Each step waits for the division before it: two tilts are walked together, and the second costs nearly nothing.
 */
import { hypergeometricLogNormaliser } from './hypergeometric.ts'

const ANCHOR_BITS = 4
const ANCHOR_EVERY = 1 << ANCHOR_BITS
/** A step of a table changes H by at most e^this, sixteen of them stay doubles. */
const STEP_MAX = 40
/** Of larger splits, each ln H is a sum of its own: a table would cost more than it saves. */
const TABLE_REQUESTS_MAX = 131_072
/** Of larger splits, rows are read off their tables again each time. */
const KNOWN_REQUESTS_MAX = 32_768

/** Strata of one model are about equally large: a quarter more, and the next ones fit too. */
function withSlack(length: number): number {
  return length + (length >> 2)
}

/** Memory for one split at a time, used again for the next: what it says depends on the split alone. */
export class NormaliserRows {
  /** The steps, then their negatives. */
  readonly tilts: Float64Array
  candidate = -1
  control = -1
  /** A row of all tilts; `rowOf` says where. */
  logs = new Float64Array(0)
  readonly #steps: number
  readonly #fitsTable: boolean
  readonly #reach: Int32Array
  /** Per tilt a column over the number of events: products since the last anchor; ln H at every sixteenth. */
  #products = new Float64Array(0)
  #anchors = new Float64Array(0)
  #stride = 0
  #anchorStride = 0
  /** Which numbers of events have their row: those marked with this split's turn. */
  #known = new Int32Array(0)
  #knownBelow = 0
  #turn = 0
  #hasTables = false

  constructor(steps: readonly number[]) {
    this.tilts = Float64Array.from([...steps, ...steps.map((step) => -step)])
    this.#steps = steps.length
    this.#fitsTable = steps.every((step) => step <= STEP_MAX)
    this.#reach = new Int32Array(this.tilts.length)
  }

  prepare(candidate: number, control: number): void {
    if (this.candidate === candidate && this.control === control) return
    const requests = candidate + control
    this.candidate = candidate
    this.control = control
    this.#turn += 1
    this.#hasTables = this.#fitsTable && requests <= TABLE_REQUESTS_MAX
    this.#knownBelow = requests <= KNOWN_REQUESTS_MAX ? requests : 0
    this.#makeRoom(requests)
    if (!this.#hasTables) return
    const { length } = this.tilts
    // Neighbours reach about equally far: little is walked for nothing.
    for (let first = 0; first < length; first += 2) this.#fillPair(first, Math.min(first + 1, length - 1))
  }

  /** Where ln H of so many events stands in `logs`, one per tilt; until the next call when the split is a large one. */
  rowOf(events: number): number {
    const isRemembered = events < this.#knownBelow
    const { length } = this.tilts
    const at = isRemembered ? length * events : 0
    if (isRemembered && this.#known[events] === this.#turn) return at
    if (this.#hasTables) this.#readTables(at, events)
    else for (let tilt = 0; tilt < length; tilt++) this.logs[at + tilt] = this.#sum(tilt, events)
    if (isRemembered) this.#known[events] = this.#turn
    return at
  }

  #makeRoom(requests: number): void {
    const { length } = this.tilts
    if (this.#known.length < this.#knownBelow) this.#known = new Int32Array(withSlack(this.#knownBelow))
    const rows = Math.max(1, this.#knownBelow) * length
    if (this.logs.length < rows) this.logs = new Float64Array(withSlack(rows))
    if (!this.#hasTables) return
    this.#stride = requests + 1
    this.#anchorStride = (requests >> ANCHOR_BITS) + 1
    if (this.#products.length < this.#stride * length) this.#products = new Float64Array(withSlack(this.#stride * length))
    if (this.#anchors.length < this.#anchorStride * length) this.#anchors = new Float64Array(withSlack(this.#anchorStride * length))
  }

  /** Both columns as far as the longer of them reaches; what the shorter one holds beyond its own reach is not read. */
  #fillPair(one: number, two: number): void {
    const { candidate, control } = this
    const products = this.#products
    const anchors = this.#anchors
    const total = candidate + control
    const odds1 = Math.exp(this.tilts[one]!)
    const odds2 = Math.exp(this.tilts[two]!)
    const first1 = candidate * odds1 + control
    const first2 = candidate * odds2 + control
    const slope1 = 1 + odds1
    const slope2 = 1 + odds2
    // Rounded up: the last step starts within, and what one table does not reach the opposite one does, however the quotient was rounded.
    const reach1 = Math.min(total, Math.ceil(first1 / slope1))
    const reach2 = Math.min(total, Math.ceil(first2 / slope2))
    this.#reach[one] = reach1
    this.#reach[two] = reach2
    const at1 = one * this.#stride
    const at2 = two * this.#stride
    let anchor1 = one * this.#anchorStride
    let anchor2 = two * this.#anchorStride
    products[at1] = products[at2] = 1
    anchors[anchor1] = anchors[anchor2] = 0
    let before1 = 0
    let before2 = 0
    let current1 = 1
    let current2 = 1
    const end = Math.max(reach1, reach2)
    for (let events = 0; events < end; ) {
      const grown1 = (first1 - slope1 * events) * current1 + odds1 * events * before1
      const grown2 = (first2 - slope2 * events) * current2 + odds2 * events * before2
      const left = total - events
      before1 = current1
      before2 = current2
      current1 = grown1 / left
      current2 = grown2 / left
      events += 1
      if ((events & (ANCHOR_EVERY - 1)) === 0) {
        anchors[anchor1 + 1] = anchors[anchor1]! + Math.log(current1)
        anchors[anchor2 + 1] = anchors[anchor2]! + Math.log(current2)
        anchor1 += 1
        anchor2 += 1
        before1 /= current1
        before2 /= current2
        current1 = current2 = 1
      }
      products[at1 + events] = current1
      products[at2 + events] = current2
    }
  }

  #sum(tilt: number, events: number): number {
    return hypergeometricLogNormaliser(this.tilts[tilt]!, this.candidate, this.control, events)
  }

  /** ln H of every tilt: off its own column as far as that reaches, else off that of its negative. */
  #readTables(at: number, events: number): void {
    const { logs, tilts, candidate } = this
    const [anchors, products, steps, stride, anchorStride] = [this.#anchors, this.#products, this.#steps, this.#stride, this.#anchorStride]
    const others = candidate + this.control - events
    for (let tilt = 0; tilt < tilts.length; tilt++) {
      const isWithin = events <= this.#reach[tilt]!
      const column = isWithin ? tilt : tilt < steps ? tilt + steps : tilt - steps
      const place = isWithin ? events : others
      const log = anchors[column * anchorStride + (place >> ANCHOR_BITS)]! + Math.log(products[column * stride + place]!)
      logs[at + tilt] = isWithin ? log : candidate * tilts[tilt]! + log
    }
  }
}
