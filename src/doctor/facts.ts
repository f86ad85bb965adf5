/** What the doctor goes by: plain data, found by `shell/doctor-reads.ts`. Whatever could not be found says why. */
import type { Answer } from '../act/contract.ts'
import type { Ack } from '../domain.ts'
import type { Role, Rule } from '../kit/rights.ts'
import type { OwnTopic, TopicNames } from '../kit/topics.ts'
import type { Layout } from '../policy/layout.ts'
import type { InputSample } from './sample.ts'

/** Left undefined by what was not looked for: nothing is said about it. */
export type Known<Fact> = { readonly known: Fact } | { readonly problem: string }

/** What it is about, and how it is to be named in commands. */
export interface About {
  readonly policy: string
  readonly bootstrap: string
  readonly principal: string
  readonly role: Role
  readonly layout: Layout
  /** As Flyball makes them. */
  readonly ownTopics: readonly OwnTopic[]
  readonly names: TopicNames
  /** Of the policy. */
  readonly partitions: number
  readonly nowMs: number
}

export interface RightTried {
  readonly role: Role
  readonly rule: Rule
  /** unproven: it could not be tried without doing it. */
  readonly verdict: 'granted' | 'missing' | 'unproven'
}

/** The last decision of a model, as `state` and the log name it; null: not there. */
export interface ChainEnd {
  readonly model: string
  readonly head: { readonly number: number; readonly hash: string } | null
  /** Hash by number, of the newest decisions. */
  readonly logged: Readonly<Record<number, string>>
  /** Whether all of `state`, and all of the log, was looked at: what was not seen is not there. */
  readonly isStateWhole: boolean
  readonly isLogWhole: boolean
}

export interface SecretFile {
  /** Key of the policy. */
  readonly name: string
  readonly file: string
  /** Null: it can be read. */
  readonly problem: string | null
  readonly isExposed: boolean
}

/** Where the schemas of a topic come from. */
export interface SchemaPlace {
  readonly topic: string
  /** Null: it can be used. */
  readonly problem: string | null
}

export interface SinkAnswer {
  readonly sink: string
  readonly answer: Answer
}

export interface Facts {
  readonly about: About
  readonly broker: Known<true>
  readonly rights?: Known<readonly RightTried[]>
  /** Partition count by topic; null: it may not be seen. */
  readonly topics?: Known<ReadonlyMap<string, number | null>>
  /** By topic; null: they may not be seen. */
  readonly configs?: Known<ReadonlyMap<string, ReadonlyMap<string, string> | null>>
  readonly predictions?: Known<InputSample>
  readonly outcomes?: Known<InputSample>
  readonly described?: Known<InputSample>
  /** The last word of every gateway about every model. */
  readonly gateways?: Known<readonly Ack[]>
  readonly chains?: Known<readonly ChainEnd[]>
  readonly schemas: readonly SchemaPlace[]
  readonly secrets: readonly SecretFile[]
  /** Left out: nothing was sent. */
  readonly sent?: readonly SinkAnswer[]
}
