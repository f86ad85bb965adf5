/** How the examples log in: flags that name files, never secrets themselves. The files are read at every login, so they may change. */
import type { KafkaOptions } from '../src/kafka/connect.ts'

const MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer'] as const

/** For `parseArgs`. */
export const LOGIN_FLAGS = {
  'ca-file': { type: 'string' },
  'cert-file': { type: 'string' },
  'key-file': { type: 'string' },
  'sasl-mechanism': { type: 'string' },
  'sasl-username': { type: 'string' },
  'sasl-password-file': { type: 'string' },
  'sasl-token-file': { type: 'string' },
} as const

type LoginValues = { readonly [Flag in keyof typeof LOGIN_FLAGS]?: string | undefined }

export function loginOf(values: LoginValues): Pick<KafkaOptions, 'ssl' | 'sasl'> {
  const mechanism = MECHANISMS.find((one) => one === values['sasl-mechanism'])
  if (mechanism === undefined && values['sasl-mechanism'] !== undefined)
    throw new Error(`--sasl-mechanism is one of ${MECHANISMS.join(', ')}`)
  const files = given({ caFile: values['ca-file'], certFile: values['cert-file'], keyFile: values['key-file'] })
  const who = given({
    username: values['sasl-username'],
    passwordFile: values['sasl-password-file'],
    tokenFile: values['sasl-token-file'],
  })
  return {
    ...(Object.keys(files).length === 0 ? {} : { ssl: files }),
    ...(mechanism === undefined ? {} : { sasl: { mechanism, ...who } }),
  }
}

function given<Keys extends string>(values: Readonly<Record<Keys, string | undefined>>): Partial<Record<Keys, string>> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<Record<Keys, string>>
}
