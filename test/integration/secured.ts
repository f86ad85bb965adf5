/** A secured broker for a test file, and what every such test needs: principals, rules, and connections in their names. */
import { readFileSync } from 'node:fs'
import { after, before } from 'node:test'
import kafkajs, { type Admin } from 'kafkajs'
import { opensslAvailable } from '../../scripts/lib/certificates.ts'
import { brokerAvailable } from '../../scripts/lib/kafka-broker.ts'
import { type SecuredBroker, type SecuredOptions, startSecuredBroker } from '../../scripts/lib/secured-broker.ts'
import { connectKafka, type KafkaOptions } from '../../src/kafka/connect.ts'
import type { EventLog } from '../../src/kafka/contract.ts'
import { entryOf } from '../../src/kafka/grants.ts'
import { systemClock } from '../../src/kit/clock.ts'
import type { Rule } from '../../src/kit/rights.ts'

const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } = kafkajs

export interface SecuredForTests {
  readonly options: { readonly skip: string | false; readonly timeout: number }
  readonly broker: SecuredBroker
  /** As the one who may do everything. */
  readonly admin: Admin
  /** A connection of this user, by SCRAM-SHA-512; closed after the file's tests. */
  connect(user: string, password: string): Promise<EventLog>
  /** Over TLS, by whatever is given. */
  open(options: Partial<KafkaOptions>): Promise<EventLog>
  /** Rules in their order; returns when the broker goes by the last of them. */
  allow(rules: readonly { readonly principal: string; readonly rule: Rule }[]): Promise<void>
  /** All rules of these principals. */
  forget(principals: readonly string[]): Promise<void>
}

const TEST_MS = 120_000

export function withSecuredBroker(options: SecuredOptions): SecuredForTests {
  const { available, reason } = opensslAvailable() ? brokerAvailable(true) : { available: false, reason: 'no openssl on the path' }
  const required = process.env['FLYBALL_REQUIRE_BROKER'] === '1'
  const open: EventLog[] = []
  let broker: SecuredBroker | null = null
  let admin: Admin | null = null
  before(async () => {
    if (!available && required) throw new Error(`FLYBALL_REQUIRE_BROKER=1, and there is no secured broker: ${reason}`)
    if (!available) return
    broker = await startSecuredBroker(options)
    admin = clientOf(broker).admin({ retry: { retries: 5, initialRetryTime: 50 } })
    await admin.connect()
  })
  after(async () => {
    await Promise.all(open.map((log) => log.close()))
    await admin?.disconnect()
    await broker?.stop()
  })
  const started = (): SecuredBroker => {
    if (broker === null) throw new Error('the broker has not started')
    return broker
  }
  const connect = async (options: Partial<KafkaOptions>): Promise<EventLog> => {
    const { bootstrap, caFile } = started()
    const log = await connectKafka({ brokers: bootstrap, clientId: 'test', ssl: { caFile }, ...options })
    open.push(log)
    return log
  }
  return {
    options: { skip: available || required ? false : `no secured broker: ${reason}`, timeout: TEST_MS },
    get broker() {
      return started()
    },
    get admin() {
      return admin!
    },
    connect: (user, password) => connect({ clientId: user, sasl: { mechanism: 'scram-sha-512', username: user, password } }),
    open: connect,
    async allow(rules) {
      const acl = rules.map(({ principal, rule }) => entryOf(principal, rule))
      for (let from = 0; from < acl.length; from += 100) await admin!.createAcls({ acl: acl.slice(from, from + 100) })
      await settled(admin!)
    },
    async forget(principals) {
      const { ANY: resourceType } = AclResourceTypes
      const any = { resourceType, resourcePatternType: ResourcePatternTypes.ANY, operation: AclOperationTypes.ANY } as const
      await admin!.deleteAcls({ filters: principals.map((principal) => ({ ...any, principal, permissionType: AclPermissionTypes.ANY })) })
    },
  }
}

function clientOf({ bootstrap, caFile, admin }: SecuredBroker) {
  return new kafkajs.Kafka({
    brokers: [...bootstrap],
    clientId: 'rules',
    ssl: { ca: [readFileSync(caFile, 'utf8')] },
    sasl: { mechanism: 'scram-sha-512', ...admin },
    logLevel: kafkajs.logLevel.NOTHING,
  })
}

/** Rules reach the authorizer in the order of the metadata log: once a rule made now is listed, so are all before it. */
async function settled(admin: Admin): Promise<void> {
  const name = `mark-${systemClock.nowMs()}`
  const mark = entryOf('User:nobody', { operation: 'READ', resource: 'group', name, prefixed: false })
  await admin.createAcls({ acl: [mark] })
  for (;;) {
    const { resources } = await admin.describeAcls(mark)
    if (resources.length > 0) return
    await systemClock.sleep(20)
  }
}
