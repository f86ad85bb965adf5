/** What goes wrong and when: all of it drawn from one seed before anything starts. */
import { type Random, seededRandom } from '../../../src/kit/random.ts'
import { API, type ApiName } from './proxy.ts'

export type FaultKind =
  | 'daemon-kill'
  | 'daemon-stop'
  | 'gateway-kill'
  | 'gateway-stop'
  | 'broker-kill'
  | 'broker-stop'
  | 'move-leaders'
  | 'drop-responses'
  | 'delay'
  | 'cut'
  | 'rebalance'
  | 'clock-forward'
  | 'clock-back'
  | 'delete-segments'
  | 'refuse-snapshots'
  | 'poison'
  | 'request'
  | 'break-glass'

export interface Fault {
  readonly number: number
  readonly kind: FaultKind
  readonly atMs: number
  /** How long until it heals; 0 for what is over at once. */
  readonly forMs: number
  /** Which of several daemons, gateways, brokers or models: taken modulo their number. */
  readonly target: number
  /** For lost responses. */
  readonly api: ApiName
  readonly count: number
  readonly cut: boolean
}

interface Card {
  readonly kind: FaultKind
  /** How often in one deck. */
  readonly times: number
  readonly fromMs: number
  readonly toMs: number
}

/** Each kind of a deck comes before any kind comes again. */
const DECK: readonly Card[] = [
  { kind: 'daemon-kill', times: 2, fromMs: 300, toMs: 3000 },
  { kind: 'daemon-stop', times: 2, fromMs: 3000, toMs: 16_000 },
  { kind: 'gateway-kill', times: 1, fromMs: 300, toMs: 4000 },
  { kind: 'gateway-stop', times: 1, fromMs: 2000, toMs: 12_000 },
  { kind: 'broker-kill', times: 1, fromMs: 500, toMs: 6000 },
  { kind: 'broker-stop', times: 1, fromMs: 2000, toMs: 10_000 },
  { kind: 'move-leaders', times: 2, fromMs: 3000, toMs: 6000 },
  { kind: 'drop-responses', times: 3, fromMs: 3000, toMs: 5000 },
  { kind: 'delay', times: 1, fromMs: 2000, toMs: 6000 },
  { kind: 'cut', times: 1, fromMs: 0, toMs: 0 },
  { kind: 'rebalance', times: 1, fromMs: 4000, toMs: 12_000 },
  { kind: 'clock-forward', times: 1, fromMs: 4000, toMs: 12_000 },
  { kind: 'clock-back', times: 1, fromMs: 4000, toMs: 12_000 },
  { kind: 'delete-segments', times: 1, fromMs: 0, toMs: 0 },
  { kind: 'refuse-snapshots', times: 1, fromMs: 3000, toMs: 8000 },
  { kind: 'poison', times: 2, fromMs: 0, toMs: 0 },
  { kind: 'request', times: 2, fromMs: 0, toMs: 0 },
  { kind: 'break-glass', times: 1, fromMs: 0, toMs: 0 },
]

const APIS = Object.keys(API) as ApiName[]
/** Nothing goes wrong before everybody is up, nor while the last faults heal. */
const QUIET_BEGIN_MS = 8000
const QUIET_END_MS = 8000
const GAP_MAX_MS = 5000

export function schedule(seed: number, minutes: number): Fault[] {
  const random = seededRandom(seed)
  const spanMs = minutes * 60_000 - QUIET_BEGIN_MS - QUIET_END_MS
  const size = DECK.reduce((sum, card) => sum + card.times, 0)
  const gapMs = Math.min(GAP_MAX_MS, spanMs / (size + 1))
  const faults: Fault[] = []
  let deck: Card[] = []
  for (let atMs = QUIET_BEGIN_MS; atMs < QUIET_BEGIN_MS + spanMs; atMs += gapMs * (0.5 + random())) {
    if (deck.length === 0) deck = shuffled(random)
    faults.push(drawn(deck.pop()!, faults.length + 1, Math.round(atMs), random))
  }
  return faults
}

function drawn({ kind, fromMs, toMs }: Card, number: number, atMs: number, random: Random): Fault {
  const between = (from: number, to: number) => Math.round(from + random() * (to - from))
  return {
    number,
    kind,
    atMs,
    forMs: between(fromMs, toMs),
    target: between(0, 1_000_000),
    api: APIS[between(0, APIS.length - 1)]!,
    count: between(1, 6),
    cut: random() < 0.5,
  }
}

function shuffled(random: Random): Card[] {
  const cards = DECK.flatMap((card) => Array.from({ length: card.times }, () => card))
  for (let at = cards.length - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1))
    const card = cards[at]!
    cards[at] = cards[other]!
    cards[other] = card
  }
  return cards
}

export function faultText({ number, kind, atMs, forMs, target, api, count, cut }: Fault): string {
  const lasting = forMs > 0 ? ` for ${(forMs / 1000).toFixed(1)} s` : ''
  const what = kind === 'drop-responses' ? ` ${count} × ${api}${cut ? ', connection cut' : ''}` : ''
  return `${String(number).padStart(4)}  ${(atMs / 1000).toFixed(1).padStart(6)} s  ${kind}${what} #${target}${lasting}`
}
