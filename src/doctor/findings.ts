/**
 * Everything the doctor can find: its level, and in words what it is, why it matters at night and what mends it. `{name}` is replaced by the
 * detail of that name. docs/doctor.md lists the same names; a test holds the two against each other, both ways.
 *
 * fault: something would fail at night. warning: worth a look by day. ok: worth knowing.
 */
export type Level = 'ok' | 'warning' | 'fault'

export interface Finding {
  readonly check: string
  /** A name of FINDINGS; of a check that found nothing: `fine`. */
  readonly id: string
  readonly level: Level
  readonly what: string
  /** Empty where all is well. */
  readonly why: string
  readonly fix: string
}

interface FindingSpec {
  readonly level: Level
  readonly what: string
  readonly why: string
  readonly fix: string
}

const CONFIGS = 'kafka-configs.sh --bootstrap-server {bootstrap} --alter --entity-type topics --entity-name {topic} --add-config'

export const FINDINGS = {
  'not-checked': {
    level: 'warning',
    what: 'could not be checked: {problem}',
    why: 'Nobody knows whether it would hold.',
    fix: 'Mend what the problem names and run it again.',
  },
  'broker-away': {
    level: 'fault',
    what: 'no connection to {bootstrap}: {problem}',
    why: 'Nothing is judged, and no command reaches a gateway; gateways go by their last command until its lease ends.',
    fix: 'Check `kafka.brokers`, `kafka.ssl` and `kafka.sasl` in {policy}, or --brokers and KAFKA_BROKERS.',
  },
  'clock-ahead': {
    level: 'fault',
    what: '{topic}/{partition}: its newest record is {by} ahead of this machine’s clock',
    why: 'Record time is what horizons and slices go by: outcomes would count as late, and alerts carry wrong times.',
    fix: 'Synchronise the clocks of producers, brokers and this machine (chrony, ntpd); or raise `timing.maxClockSkew` above {by}.',
  },
  'partitions-apart': {
    level: 'warning',
    what: '{topic}: partition {partition} is {by} behind the newest',
    why: 'What its slices hold waits, and is judged late or without its control.',
    fix: 'See whether its producer lives and its key spreads: kafka-get-offsets.sh --bootstrap-server {bootstrap} --topic {topic}',
  },
  'input-empty': {
    level: 'warning',
    what: '{topic} holds no record',
    why: 'Fields, ids and clocks could not be looked at; a daemon would be blind.',
    fix: 'Run it again when producers write to {topic}; check the `topic` of the input in {policy}.',
  },
  'input-quiet': {
    level: 'warning',
    what: '{topic}: its newest record is {by} old',
    why: 'Without traffic nothing is proven, and the candidate counts as silent.',
    fix: 'See whether producers live, and whether {topic} is still the topic they write to.',
  },
  'right-missing': {
    level: 'fault',
    what: '{principal} may not {operation} {resource} {name}, which the role {role} needs',
    why: 'The process would end with FLY-KAFKA-004 when it first needs the right: after a restart, or in the middle of a rollback.',
    fix: '{command}',
  },
  'rights-unproven': {
    level: 'ok',
    what: '{count} rights of {role} cannot be tried without writing, joining or fencing: {rules}',
    why: 'They are seen only when they are used.',
    fix: 'Compare them with `flyball topics --acls --role {role} -p {policy}`.',
  },
  'configs-hidden': {
    level: 'warning',
    what: '{principal} may not see the settings of {topics}',
    why: 'Retention and compaction of these could not be looked at.',
    fix: '{command}',
  },
  'topic-missing': {
    level: 'fault',
    what: '{topic} does not exist',
    why: 'The daemon does not start without it.',
    fix: 'flyball topics --create -p {policy}',
  },
  'topic-unused': {
    level: 'warning',
    what: '{topic} does not exist; the daemon does without it',
    why: 'For {users} it must be there.',
    fix: 'flyball topics --create -p {policy}',
  },
  'input-missing': {
    level: 'fault',
    what: 'the input topic {topic} does not exist',
    why: 'There is nothing to judge.',
    fix: 'kafka-topics.sh --bootstrap-server {bootstrap} --create --topic {topic} --partitions {partitions}; or correct the input in {policy}.',
  },
  'partitions-differ': {
    level: 'fault',
    what: '{topic} has {found} partitions, {panes} has {wanted}',
    why: 'What belongs to one model must lie in partitions of one number: the daemon refuses to start (FLY-KAFKA-007).',
    fix: 'Make the one that is alone anew, with as many as the others; a topic is not made smaller, and keys do not move: keep what it holds first.',
  },
  'inputs-differ': {
    level: 'fault',
    what: 'inputs have unequal numbers of partitions: {counts}',
    why: 'Predictions and outcomes of one id must meet in one partition: the daemon refuses to start (FLY-KAFKA-007).',
    fix: 'Set `rekey: true` under inputs.predictions and inputs.outcomes in {policy}, then: flyball topics --create -p {policy}; `described` needs as many as the largest of them.',
  },
  'cleanup-differs': {
    level: 'fault',
    what: '{topic} has cleanup.policy={found}, it needs {wanted}',
    why: 'Compacted topics lose what is in force when old records are deleted; the others lose history when they are compacted.',
    fix: `${CONFIGS} cleanup.policy={wanted}`,
  },
  'retention-short': {
    level: 'warning',
    what: '{topic} keeps records for {found}, Flyball makes it with {wanted}',
    why: 'What is needed to explain, audit or resume may be gone when it is asked for.',
    fix: `${CONFIGS} retention.ms={wantedMs}`,
  },
  'timestamps-differ': {
    level: 'fault',
    what: '{topic} has message.timestamp.type={found}, it needs {wanted}',
    why: 'Records that are written anew must keep their own times, or horizons are counted from the moment of writing.',
    fix: `${CONFIGS} message.timestamp.type={wanted}`,
  },
  'input-retention-short': {
    level: 'fault',
    what: '{topic} keeps records for {found}; {horizon} of horizon and {catchUp} to catch up need {wanted}',
    why: 'After a stop predictions would be gone before their outcomes come: FLY-KAFKA-002, and evidence is lost.',
    fix: `${CONFIGS} retention.ms={wantedMs}`,
  },
  'input-retention-bytes': {
    level: 'warning',
    what: '{topic} is kept by size, {found} bytes a partition',
    why: 'In a rush records go sooner than their time, and no time is promised for them.',
    fix: `${CONFIGS} retention.bytes=-1`,
  },
  'input-compacted': {
    level: 'warning',
    what: '{topic} has cleanup.policy={found}',
    why: 'Records with a key that comes twice vanish before they are counted when the daemon has been away.',
    fix: `${CONFIGS} cleanup.policy=delete`,
  },
  'not-co-partitioned': {
    level: 'fault',
    what: 'of {matched} outcomes that match a prediction by id, {apart} lie in another partition',
    why: 'They are never joined: outcomes count as absent, and the model goes blind or is judged by the few that meet.',
    fix: 'Set `rekey: true` under inputs.predictions and inputs.outcomes in {policy}, then: flyball topics --create -p {policy}',
  },
  'ids-unmatched': {
    level: 'warning',
    what: 'none of {outcomes} outcomes names one of {predictions} predictions that were looked at',
    why: 'Either outcomes come later than what was looked at, or their ids are others: then no outcome is ever joined.',
    fix: 'Run it again with --records {more}; if it stays so, correct inputs.predictions.fields.id and inputs.outcomes.fields.id in {policy}.',
  },
  'schema-unusable': {
    level: 'fault',
    what: '{topic}: {problem}',
    why: 'No record of the topic can be read without it; after a restart nothing is judged.',
    fix: 'Correct schemaFile or registry of the input in {policy}, and see that it answers from this machine.',
  },
  'records-unusable': {
    level: 'fault',
    what: '{topic}: {share} of {records} records cannot be used, most of them: {reason} ({example})',
    why: 'They go to dead letters and are not judged: the daemon sees a fraction of the traffic.',
    fix: 'Correct `format` and `fields` of the input in {policy}, or the producer; `{reason}` is explained in docs/operating.md.',
  },
  'records-odd': {
    level: 'warning',
    what: '{topic}: {share} of {records} records cannot be used, most of them: {reason} ({example})',
    why: 'They go to dead letters, and whom they belong to is not known to the judge.',
    fix: 'See the deadletter topic, and correct `fields` of the input in {policy} or the producer.',
  },
  'model-unnamed': {
    level: 'ok',
    what: '{topic}: {count} records of a model that the policy does not name ({example})',
    why: 'Nobody governs it.',
    fix: 'Add it under `models` in {policy} if it is to be governed.',
  },
  'version-unnamed': {
    level: 'warning',
    what: '{topic}: {count} records of a version that the policy does not name ({example})',
    why: 'They are dead letters: who serves them is not judged, and shares of traffic are counted without them.',
    fix: 'Name it as control or candidate of its model in {policy}, or under `versions` there.',
  },
  'version-never-seen': {
    level: 'warning',
    what: '{model}: no record of the {arm} {version} among {records} of the model',
    why: 'Nothing is proven without both arms; a version that is misspelt is never judged. Of a rollout that stands at 0 or 100 % one arm is rightly absent.',
    fix: 'Compare `models.{model}.{arm}` in {policy} with what the records say, and with what serves now.',
  },
  'model-never-seen': {
    level: 'warning',
    what: '{model}: no record among {records}',
    why: 'A model whose name is misspelt is not guarded.',
    fix: 'Compare its name under `models` in {policy} with what the records say.',
  },
  'feature-absent': {
    level: 'fault',
    what: '{model}: feature {feature} is in none of {records} records, at {path}',
    why: 'Its guardrail watches nothing, and a required feature that is absent takes the candidate back at once.',
    fix: 'Correct inputs.predictions.features.{feature} in {policy}, or remove it under models.{model}.features.',
  },
  'feature-sparse': {
    level: 'warning',
    what: '{model}: feature {feature} is missing in {share} of {records} records',
    why: 'What is missing is compared between versions: a share that moves for its own reasons looks like harm.',
    fix: 'See why its producer leaves {path} out; `flyball baseline` records what is usual.',
  },
  'feature-mistyped': {
    level: 'fault',
    what: '{model}: feature {feature} has the wrong type in {share} of {records} records, at {path}',
    why: 'A number that is sent as text is no number: its drift is not seen.',
    fix: 'Correct inputs.predictions.features.{feature} in {policy}, or give it `values` instead of `edges` under models.{model}.features.',
  },
  'feature-outside': {
    level: 'warning',
    what: '{model}: feature {feature} lies outside of its bins in {share} of {records} records',
    why: 'Within the outermost bins no drift is seen.',
    fix: 'flyball baseline --edges FILE proposes bins; set models.{model}.features.{feature} in {policy}.',
  },
  'category-unseen': {
    level: 'warning',
    what: '{model}: feature {feature} has none of its known values in {share} of {records} records',
    why: 'Among values that are not known no drift is seen.',
    fix: 'Extend models.{model}.features.{feature}.values in {policy}.',
  },
  'segment-unknown': {
    level: 'warning',
    what: '{model}: none of {records} records has a known value of segment {segment}',
    why: 'Harm in a segment is seen in the whole only, and nobody can be kept out of it.',
    fix: 'Correct inputs.predictions.segments.{segment} or models.{model}.segments.{segment} in {policy}.',
  },
  'field-absent': {
    level: 'fault',
    what: '{model}: {field} is in none of {records} records, and {needs} goes by it',
    why: 'A guardrail that reads nothing guards nothing, and a promotion waits for its proof for ever.',
    fix: 'Correct inputs.predictions.fields.{field} in {policy}.',
  },
  'field-unused': {
    level: 'ok',
    what: '{model}: {field} is in none of {records} records; the guardrails that would go by it are asked nothing',
    why: 'They were not named in the policy.',
    fix: 'Map inputs.predictions.fields.{field} in {policy} to have them.',
  },
  'score-outside': {
    level: 'warning',
    what: '{model}: the score lies outside of 0 to 1 in {share} of {records} records',
    why: 'Bins and scores of probability are made for 0 to 1.',
    fix: 'Set models.{model}.score.probability: false in {policy}, or send a probability.',
  },
  'gateway-missing': {
    level: 'fault',
    what: '{model}: no gateway has made itself known within {within}',
    why: 'A rollback would be commanded and obeyed by nobody.',
    fix: 'Start the gateways of {model}; their principal needs `flyball topics --acls --role gateway -p {policy}`.',
  },
  'gateway-expired': {
    level: 'warning',
    what: '{model}: the lease of gateway {gateway} has run out',
    why: 'It hears no judge, and routes as `acks.onSilence` says.',
    fix: 'See that a daemon runs (`flyball status -p {policy}`) and that the gateway reads the control topic.',
  },
  'gateway-blunt': {
    level: 'fault',
    what: '{model}: gateway {gateway} cannot route by {dimension}',
    why: 'Isolating a segment is refused: harm in one segment takes the candidate back everywhere, or is not kept out.',
    fix: 'Give the gateway attributes of requests (`dimensions` of the subscriber), or remove what needs {dimension} from models.{model}.rollout in {policy}.',
  },
  'chain-broken': {
    level: 'fault',
    what: '{model}: state vouches for decision {number} with another hash than the log holds, or the log does not hold it',
    why: 'The audit log was changed or cut: nobody can prove what was decided.',
    fix: 'flyball audit verify -p {policy}',
  },
  'chain-unvouched': {
    level: 'warning',
    what: '{model}: decisions stand in the log, and state vouches for none',
    why: 'A judge that takes over begins anew, and whether the last decision is genuine cannot be told.',
    fix: 'flyball audit verify -p {policy}',
  },
  'secret-unreadable': {
    level: 'fault',
    what: '{name}: {problem}',
    why: 'Who needs the secret fails when it is asked for: a message that nobody gets, a login that is refused.',
    fix: 'Make {file} readable for the user that runs Flyball, with the secret in it.',
  },
  'secret-exposed': {
    level: 'warning',
    what: '{name}: {file} may be read by every user of this machine',
    why: 'Who has the secret can speak in our name.',
    fix: 'chmod 600 {file}',
  },
  'nobody-told': {
    level: 'warning',
    what: 'the policy names nobody who is to be told of alerts',
    why: 'A rollback at night is seen in the morning.',
    fix: 'Give alerts.sinks and alerts.routes in {policy}.',
  },
  'sink-refused': {
    level: 'fault',
    what: '{sink} refuses what it is sent: {problem}',
    why: 'No repetition helps: nobody is told of anything through it.',
    fix: 'Correct the key, channel or address under alerts.sinks.{sink} in {policy}, then: flyball doctor --send -p {policy}',
  },
  'sink-failed': {
    level: 'fault',
    what: '{sink} could not be told: {problem}',
    why: 'If it stays so, nobody is told of anything through it.',
    fix: 'See that this machine reaches it, or correct the address under alerts.sinks.{sink} in {policy}; then: flyball doctor --send -p {policy}',
  },
} as const satisfies Readonly<Record<string, FindingSpec>>

export type FindingId = keyof typeof FINDINGS
export type Detail = Readonly<Record<string, string | number>>

export function finding(check: string, id: FindingId, detail: Detail): Finding {
  const { level, what, why, fix } = FINDINGS[id]
  return { check, id, level, what: filled(what, detail), why: filled(why, detail), fix: filled(fix, detail) }
}

function filled(template: string, detail: Detail): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => String(detail[name] ?? whole))
}
