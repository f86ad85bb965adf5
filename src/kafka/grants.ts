/** Grants rules of Kafka's authorizer, on behalf of somebody who may: for the demo. Flyball itself never does; it prints them. */
import kafkajs from 'kafkajs'
import { within } from '../kit/clock.ts'
import type { Rule } from '../kit/rights.ts'
import { Client, type KafkaOptions } from './client.ts'
import { inOurWords } from './failures.ts'

export interface Grant {
  /** `User:NAME`. */
  readonly principal: string
  readonly rules: readonly Rule[]
}

const RETRY = { retries: 5, initialRetryTime: 50, maxRetryTime: 500 }
const GRANT_MS = 20_000
const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } = kafkajs
const RESOURCES = { topic: AclResourceTypes.TOPIC, group: AclResourceTypes.GROUP, 'transactional-id': AclResourceTypes.TRANSACTIONAL_ID }

export async function grant(options: KafkaOptions, grants: readonly Grant[]): Promise<void> {
  const client = new Client(options, RETRY)
  const admin = client.kafka.admin()
  try {
    await within(admin.connect(), GRANT_MS, 'connect')
    const acl = grants.flatMap(({ principal, rules }) => rules.map((rule) => entryOf(principal, rule)))
    await within(admin.createAcls({ acl }), GRANT_MS, 'grant rules')
  } catch (error) {
    throw inOurWords(error, { doing: 'grant rules', from: options })
  } finally {
    await client.close(() => admin.disconnect())
  }
}

export function entryOf(principal: string, { operation, resource, name, prefixed }: Rule) {
  return {
    resourceType: RESOURCES[resource],
    resourceName: name,
    resourcePatternType: prefixed ? ResourcePatternTypes.PREFIXED : ResourcePatternTypes.LITERAL,
    principal,
    host: '*',
    operation: AclOperationTypes[operation],
    permissionType: AclPermissionTypes.ALLOW,
  }
}
