/**
 * The one registry of errors. Each has a code, a message template, whether trying again can help, and what the reader should do.
 * `docs/errors.md` lists the same codes; a test holds the two against each other, both ways.
 */
export interface ErrorSpec {
  /** `{name}` is replaced by the detail of that name. */
  readonly message: string
  readonly retriable: boolean
  readonly remedy: string
  /** Exit code of a command that ends with it: 1 failure, 2 usage or configuration, 3 findings, 4 unreachable, 5 denied. */
  readonly exit: 1 | 2 | 3 | 4 | 5
}

export const ERRORS = {
  'FLY-POLICY-001': {
    message: 'the policy cannot be used:\n{faults}',
    retriable: false,
    remedy: 'Correct the policy file at the places named; `flyball init` writes a commented example.',
    exit: 2,
  },
  'FLY-POLICY-002': {
    message: 'cannot read {file}: {problem}',
    retriable: false,
    remedy: 'Name a file that exists and may be read by this user; `flyball init` writes a policy.',
    exit: 2,
  },
  'FLY-POLICY-003': {
    message: 'no password for the Kafka user {username}',
    retriable: false,
    remedy: 'Set kafka.sasl.passwordFile in the policy, or the environment variable FLYBALL_SASL_PASSWORD.',
    exit: 2,
  },
  'FLY-POLICY-004': {
    message: 'not a broker address: {broker}',
    retriable: false,
    remedy: 'Write host:port, several separated by commas, in --brokers or KAFKA_BROKERS.',
    exit: 2,
  },
  'FLY-POLICY-005': {
    message: '{kind} needs a margin above 0, in {unit}: without one its evidence does not keep the level it promises',
    retriable: false,
    remedy: 'Give the guardrail a margin: the loss that would still be accepted.',
    exit: 2,
  },
  'FLY-POLICY-006': {
    message: '{guardrail} cannot use the profile {file}: {problem}',
    retriable: false,
    remedy: 'Record it anew with `flyball baseline` and this policy, from healthy traffic.',
    exit: 2,
  },
  'FLY-POLICY-007': {
    message: 'the key in {file} has {bytes} bytes; a key has at least {least}',
    retriable: false,
    remedy: 'Make one with `openssl rand -hex 32`, keep it as you keep passwords, and keep it the same.',
    exit: 2,
  },
  'FLY-POLICY-008': {
    message: '{file} is no Ed25519 {kind} key: {problem}',
    retriable: false,
    remedy: 'Name a PEM file as `flyball sign keys` makes them: NAME.key to sign, NAME.pub to verify.',
    exit: 2,
  },
  'FLY-CLI-001': {
    message: '{file} exists already',
    retriable: false,
    remedy: 'Choose another name, or give --force to overwrite it.',
    exit: 2,
  },
  'FLY-CLI-002': {
    message: 'cannot write {file}: {problem}',
    retriable: false,
    remedy: 'Name a file in a folder that exists and that this user may write to.',
    exit: 2,
  },
  'FLY-CLI-003': {
    message: 'no model {model} in the policy; it has {known}',
    retriable: false,
    remedy: 'Name a model of the policy.',
    exit: 2,
  },
  'FLY-CLI-004': {
    message: 'no decision {decision}',
    retriable: false,
    remedy:
      'Give MODEL for its last decision, MODEL#NUMBER (`flyball rollout status MODEL --history` has the numbers), or the beginning of an id.',
    exit: 1,
  },
  'FLY-CLI-005': {
    message: 'not confirmed: nothing was done to {model}',
    retriable: false,
    remedy: 'Type the name when asked, or give --confirm MODEL where nobody can be asked.',
    exit: 2,
  },
  'FLY-CLI-006': {
    message: 'no answer from the judge within {seconds} s',
    retriable: true,
    remedy: 'The request stays on the requests topic and is carried out when a judge runs. If it must happen now: --break-glass.',
    exit: 4,
  },
  'FLY-CLI-007': {
    message: 'the demo is not part of the package',
    retriable: false,
    remedy: 'Clone the repository; there `npm ci && npm run demo` plays it.',
    exit: 1,
  },
  'FLY-CLI-008': {
    message: 'cannot listen on port {port}: {problem}',
    retriable: true,
    remedy: 'Give --metrics-port a port that no other process has; 0 takes any that is free.',
    exit: 2,
  },
  'FLY-CLI-010': {
    message: '{file}:{line}: {problem}',
    retriable: false,
    remedy: 'Mend that line, or give --skip-bad to leave out what cannot be used and have it counted.',
    exit: 2,
  },
  'FLY-CLI-011': {
    message: 'nothing to record: {source} holds no prediction of a model of this policy',
    retriable: false,
    remedy: 'Check that the fields and versions of the policy are those of the records.',
    exit: 2,
  },
  'FLY-CLI-012': {
    message: 'cannot record: {problem}',
    retriable: false,
    remedy: 'Name one file that may be read, or give --topic; `flyball baseline --help` shows the options.',
    exit: 2,
  },
  'FLY-CLI-009': {
    message: 'cannot watch: {problem}',
    retriable: false,
    remedy: 'Give either --panes, or --topic with --field (--aggregate count needs no field); `flyball watch --help` shows the options.',
    exit: 2,
  },
  'FLY-CLI-013': {
    message: 'will not listen on {host} without a token: other machines could read the metrics',
    retriable: false,
    remedy: 'Give --metrics-token-file, or `metrics.tokenFile` in the policy; or leave --metrics-host out to listen on this machine alone.',
    exit: 2,
  },
  'FLY-CLI-014': {
    message: 'the drain was stopped before it had read the topics to their ends',
    retriable: true,
    remedy: 'Run it again: it goes on where it was stopped.',
    exit: 1,
  },
  'FLY-AUDIT-001': {
    message: 'the audit log is broken; findings: {count}, the first: {first}',
    retriable: false,
    remedy: 'Keep the topic as it is, find out who may write to it or to its disks, and read docs/audit.md on what a finding means.',
    exit: 3,
  },
  'FLY-AUDIT-002': {
    message: 'records that cannot be read, left out of the export: {count}, the first: {first}',
    retriable: false,
    remedy: 'Run `flyball audit verify`: it names all of them.',
    exit: 3,
  },
  'FLY-CLI-020': {
    message: '{keyId} cannot be the id of a key',
    retriable: false,
    remedy: 'Use up to 64 letters, digits, points, dashes and underscores.',
    exit: 2,
  },
  'FLY-SIGN-001': {
    message: 'the glass is not broken: the judge would not adopt a command signed by {key}',
    retriable: false,
    remedy: 'Give --sign-key with a key that `security.trusted` lists, or a policy whose `security.signing` has the key of the judge.',
    exit: 2,
  },
  'FLY-AUDIT-005': {
    message: 'cannot read anchors from {source}: {problem}',
    retriable: false,
    remedy:
      'Give what `flyball audit anchors MODEL --json` wrote, lines of MODEL:NUMBER:HASH, or MODEL:NUMBER:HASH itself, the hash whole.',
    exit: 2,
  },
  'FLY-CLI-030': {
    message: 'a silence must say what it is about: name at least one of {labels}',
    retriable: false,
    remedy: 'Name a label, for example --model NAME; * in a value is anything.',
    exit: 2,
  },
  'FLY-CLI-031': {
    message: '{count} silences in force begin with {id}',
    retriable: false,
    remedy: '`flyball silence list` shows them.',
    exit: 2,
  },
  'FLY-CLI-032': {
    message: 'the policy names nobody who is to be told of alerts',
    retriable: false,
    remedy: 'Give alerts.sinks and alerts.routes in the policy (docs/alerts.md).',
    exit: 2,
  },
  'FLY-CLI-033': {
    message: 'no incident that holds is {what}, and no model of that name has one',
    retriable: false,
    remedy: '`flyball alerts list` shows what holds; what only watchdogs notice is named in full, as in `prod/fraud/judge-stalled`.',
    exit: 2,
  },
  'FLY-CLI-016': {
    message: 'what is asked for cannot be sent: {problem}',
    retriable: false,
    remedy: 'Say it in fewer words, and keep the rest where the reason can point to it.',
    exit: 2,
  },
  'FLY-CLI-015': {
    message: '{answer}',
    retriable: false,
    remedy:
      'Nothing was done; the refusal is in the audit log. `flyball rollout status MODEL` says what is in force and what stands in the way.',
    exit: 5,
  },
  'FLY-DRILL-001': {
    message: 'the drill of {model} failed, scenario {scenario}: {missed}',
    retriable: true,
    remedy: 'See docs/runbooks/drill-failed.md: which step was missed says who has to look.',
    exit: 3,
  },
  'FLY-DRILL-002': {
    message: 'no judge answers for {shadow} within {seconds} s',
    retriable: true,
    remedy: 'Run a daemon with this policy: one that was started before the policy had `drill` does not know the shadow.',
    exit: 4,
  },
  'FLY-DRILL-003': {
    message: 'cannot drill {model}: {problem}',
    retriable: false,
    remedy: 'Read docs/drills.md on what a drill needs in the policy.',
    exit: 2,
  },
  'FLY-DRILL-004': {
    message: 'drills overdue or failed: {models}',
    retriable: false,
    remedy:
      'Run `flyball drill MODEL --scenario errors --reason TEXT` for each; docs/runbooks/drill-overdue.md and drill-failed.md say more.',
    exit: 3,
  },
  'FLY-DRILL-005': {
    message: 'stopped before its end; {shadow} was given back, and no result was recorded',
    retriable: true,
    remedy: 'Run it again when there is time for it.',
    exit: 1,
  },
  'FLY-AUDIT-003': {
    message: 'no decision of {model} in these bounds',
    retriable: false,
    remedy: '`flyball audit verify` without bounds shows the numbers there are. 20260301 is a number, 2026-03-01 a day.',
    exit: 1,
  },
  'FLY-AUDIT-004': {
    message: '--from lies behind --to',
    retriable: false,
    remedy: 'Give bounds in their order; both are included.',
    exit: 2,
  },
  'FLY-DOCTOR-001': {
    message: 'something would fail at night; faults: {count}, the first: {first}',
    retriable: false,
    remedy: 'Mend each as its finding says, and run it again; docs/doctor.md explains all of them.',
    exit: 3,
  },
  'FLY-LINEAGE-001': {
    message: 'nothing is known of version {version}: no record, no decision',
    retriable: false,
    remedy: 'Name a version as predictions name it, or publish a record of it: `flyball lineage --publish FILE`.',
    exit: 1,
  },
  'FLY-LINEAGE-002': {
    message: '{source} is no version record: {problem}',
    retriable: false,
    remedy: 'Correct it; schemas/versions.schema.json says what a version record holds.',
    exit: 2,
  },
  'FLY-LINEAGE-003': {
    message: 'several models have a version {version}: {models}',
    retriable: false,
    remedy: 'Say which with --model.',
    exit: 2,
  },
  'FLY-LINEAGE-004': {
    message: 'neither a version nor a file to publish, or both',
    retriable: false,
    remedy: 'Give a version to be told about, or --publish FILE to tell of one.',
    exit: 2,
  },
  'FLY-KAFKA-001': {
    message: 'cannot reach Kafka at {brokers}: {problem}',
    retriable: true,
    remedy: 'Check the broker list, the listener and the security settings under `kafka:` in the policy.',
    exit: 4,
  },
  'FLY-KAFKA-002': {
    message: '{topic}/{partition}: offset {wanted} is gone, the log holds {start}..{end}',
    retriable: false,
    remedy:
      'Retention removed records before they were read, or the topic was made again. Lengthen it; to accept the loss start with another kafka.prefix.',
    exit: 1,
  },
  'FLY-KAFKA-003': {
    message: '{topic}/{partition}: corrupt batch at offset {offset}: {problem}',
    retriable: false,
    remedy: 'The bytes on disk or on the wire are damaged. Read the partition from another replica, or remove the damaged segment.',
    exit: 1,
  },
  'FLY-KAFKA-004': {
    message: 'not authorised: {principal} needs {operation} on {resource} {name} ({doing})',
    retriable: false,
    remedy: 'Grant the right that the message names; `flyball topics --acls` prints all that each role needs.',
    exit: 5,
  },
  'FLY-KAFKA-005': {
    message: 'no such topic or partition: {topic}/{partition}',
    retriable: false,
    remedy: 'Create the topic; `flyball topics --create` makes the ones Flyball owns. Input topics are yours to create.',
    exit: 1,
  },
  'FLY-KAFKA-006': {
    message: 'fenced: another process has taken over {id}',
    retriable: true,
    remedy: 'Nothing, when a rebalance or a break-glass command is under way: ownership is taken over anew.',
    exit: 1,
  },
  'FLY-KAFKA-007': {
    message: 'inputs are not co-partitioned: {what}',
    retriable: false,
    remedy: 'Give predictions and outcomes the same number of partitions and the same key.',
    exit: 2,
  },
  'FLY-KAFKA-008': {
    message: 'kafkajs is not the version Flyball was made for: {problem}',
    retriable: false,
    remedy: 'Install Flyball with its own lock file; kafkajs must be exactly 2.2.4.',
    exit: 1,
  },
  'FLY-KAFKA-009': {
    message: '{topic}/{partition}: the batch at offset {offset} has {bytes} bytes, more than 64 MiB',
    retriable: false,
    remedy: 'Lower `max.message.bytes` of the topic, and start behind this batch.',
    exit: 1,
  },
  'FLY-KAFKA-010': {
    message: '{topic}/{partition}: the broker refuses to read, Kafka error code {code}',
    retriable: true,
    remedy: "Look up the code in Kafka's protocol guide and the broker's own log.",
    exit: 1,
  },
  'FLY-KAFKA-011': {
    message: 'the brokers do not let {principal} in ({mechanism}): {problem}',
    retriable: false,
    remedy: 'Check the mechanism, the user and the secret under `kafka.sasl` in the policy, and that the brokers know the user.',
    exit: 5,
  },
  'FLY-KAFKA-012': {
    message: 'nothing to log in with: {problem}',
    retriable: true,
    remedy: 'Check the files and the token endpoint named under `kafka:` in the policy.',
    exit: 4,
  },
  'FLY-KAFKA-013': {
    message: 'the broker does not take a record: {doing}: {problem}',
    retriable: false,
    remedy: 'Raise what the message names in the configuration of that topic: `max.message.bytes`, or `message.timestamp.after.max.ms`.',
    exit: 1,
  },
  'FLY-MEASURE-001': {
    message: '{source}: another process has begun to measure it',
    retriable: false,
    remedy: 'Let one drain end before the next begins, and do not drain under a prefix that a running daemon uses.',
    exit: 1,
  },
  'FLY-WIRE-001': {
    message: 'cannot decode a {record} record: {problem}',
    retriable: false,
    remedy: 'The bytes were not written by Flyball, or by a newer one. Look at who writes to the topic; upgrade readers before writers.',
    exit: 1,
  },
  'FLY-INGEST-001': {
    message: 'cannot use the Avro schema {file}: {problem}',
    retriable: false,
    remedy: 'Correct the schema file, or the path to it in the policy.',
    exit: 2,
  },
  'FLY-INGEST-002': {
    message: 'cannot reach the schema registry {location}: {problem}',
    retriable: true,
    remedy: 'Check the registry named in the policy and the way to it; records wait until it answers.',
    exit: 4,
  },
} as const satisfies Record<string, ErrorSpec>

export type ErrorCode = keyof typeof ERRORS

export class FlyballError extends Error {
  override readonly name = 'FlyballError'
  readonly code: ErrorCode
  readonly detail: Readonly<Record<string, string | number>>

  constructor(code: ErrorCode, detail: Readonly<Record<string, string | number>>, options?: ErrorOptions) {
    super(`${code} ${fill(ERRORS[code].message, detail)}`, options)
    this.code = code
    this.detail = detail
  }

  get spec(): ErrorSpec {
    return ERRORS[this.code]
  }
}

function fill(template: string, detail: Readonly<Record<string, string | number>>): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => String(detail[name] ?? whole))
}
