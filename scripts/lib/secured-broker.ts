/**
 * A broker as a careful operator sets one up, on loopback: clients come over TLS with SCRAM, PLAIN or a token (SASL_SSL), or with a certificate
 * (mTLS); nobody may do what no rule allows (StandardAuthorizer). The broker itself speaks to itself with a certificate, too.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Authority, type Issued } from './certificates.ts'
import { type RunningBroker, startBroker } from './kafka-broker.ts'

export interface SecuredOptions {
  /** Users of SCRAM-SHA-256, SCRAM-SHA-512 and PLAIN alike: name → password. */
  readonly users: Readonly<Record<string, string>>
  /** Further lines of `server.properties`. */
  readonly extra?: readonly string[]
}

export interface SecuredBroker {
  readonly running: RunningBroker
  /** SASL_SSL. */
  readonly bootstrap: readonly string[]
  /** SSL, a client certificate is asked for. */
  readonly mutualTls: readonly string[]
  readonly caFile: string
  /** May do everything, to make topics and rules; SCRAM-SHA-512. */
  readonly admin: { readonly username: string; readonly password: string }
  issue(name: string): Issued
  stop(): Promise<void>
}

const ADMIN = { username: 'admin', password: 'admin-secret' }

export async function startSecuredBroker(options: SecuredOptions): Promise<SecuredBroker> {
  const folder = mkdtempSync(join(tmpdir(), 'flyball-tls-'))
  try {
    const authority = new Authority(folder)
    const own = authority.issue('broker', ['DNS:localhost', 'IP:127.0.0.1'])
    const users = { ...options.users, [ADMIN.username]: ADMIN.password }
    const running = await startBroker({
      needsProcess: true,
      secured: {
        caFile: authority.caFile,
        formatArguments: scramUsers(users),
        lines: (clients, mutual, controller) => [
          ...listeners(clients, mutual, controller),
          ...sasl(users),
          ...tls(authority, own),
          ...RULES,
        ],
      },
      ...(options.extra === undefined ? {} : { extra: options.extra }),
    })
    return {
      running,
      bootstrap: running.bootstrap,
      mutualTls: [`127.0.0.1:${running.proxiedPorts[0]}`],
      caFile: authority.caFile,
      admin: ADMIN,
      issue: (name) => authority.issue(name),
      stop: async () => {
        await running.stop()
        rmSync(folder, { recursive: true, force: true })
      },
    }
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}

function scramUsers(users: SecuredOptions['users']): readonly string[] {
  return Object.entries(users).flatMap(([name, password]) =>
    ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
      '--add-scram',
      `${mechanism}=[name=${name},password=${password},iterations=4096]`,
    ]),
  )
}

function listeners(clients: number, mutual: number, controller: number): readonly string[] {
  return [
    `listeners=SASL_SSL://127.0.0.1:${clients},SSL://127.0.0.1:${mutual},CONTROLLER://127.0.0.1:${controller}`,
    `advertised.listeners=SASL_SSL://127.0.0.1:${clients},SSL://127.0.0.1:${mutual}`,
    'listener.security.protocol.map=SASL_SSL:SASL_SSL,SSL:SSL,CONTROLLER:SSL',
    'inter.broker.listener.name=SSL',
  ]
}

/** A token is taken as it is (unsecured JSON web tokens): what the daemon does with tokens is tested, not how brokers verify them. */
function sasl(users: SecuredOptions['users']): readonly string[] {
  const plain = Object.entries(users).map(([name, password]) => `user_${name}="${password}"`)
  const module = (mechanism: string, name: string) =>
    `listener.name.sasl_ssl.${mechanism}.sasl.jaas.config=org.apache.kafka.common.security.${name}`
  return [
    'sasl.enabled.mechanisms=SCRAM-SHA-512,SCRAM-SHA-256,PLAIN,OAUTHBEARER',
    module('scram-sha-512', 'scram.ScramLoginModule required;'),
    module('scram-sha-256', 'scram.ScramLoginModule required;'),
    module('plain', `plain.PlainLoginModule required ${plain.join(' ')};`),
    module('oauthbearer', 'oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";'),
  ]
}

function tls(authority: Authority, own: Issued): readonly string[] {
  return [
    'ssl.keystore.type=PEM',
    `ssl.keystore.location=${own.bothFile}`,
    'ssl.truststore.type=PEM',
    `ssl.truststore.location=${authority.caFile}`,
    'listener.name.ssl.ssl.client.auth=required',
    'listener.name.controller.ssl.client.auth=required',
  ]
}

const RULES = [
  'authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  `super.users=User:CN=broker;User:${ADMIN.username}`,
  'allow.everyone.if.no.acl.found=false',
]
