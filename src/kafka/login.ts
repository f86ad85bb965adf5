/**
 * How a connection logs in: kafkajs' own dialogues, with credentials read anew for each, and errors told apart that kafkajs lumps together.
 *
 * A password cannot change at the broker and in our file in one instant. Once a login has worked, a refusal passes for a while, and every
 * further attempt reads the file again; only then does it end the process. A refusal before any success is told at once.
 */
import kafkajs, { type AuthenticationProviderArgs, type Mechanism } from 'kafkajs'
import { Credentials, type SaslOptions, type Security } from './credentials.ts'
import { isLoginRefused } from './failures.ts'
import { kafkajsTouchPoints } from './kafkajs.ts'

/** For so long after the last login that worked, or the first that did not, a refusal may be a rotation under way. */
const ROTATION_MS = 60_000

/** The broker had ended the session, or had begun it less than a second ago: it closes the connection, and the next one logs in afresh. */
const SESSION_GONE = 'ILLEGAL_SASL_STATE'

/** One per set of options: what several connections of one process learned belongs together. */
class Login {
  readonly #mechanism: SaslOptions['mechanism']
  readonly #credentials: Credentials
  #worked = false
  #refusedSinceMs: number | null = null

  constructor(security: Security) {
    this.#mechanism = security.sasl!.mechanism
    this.#credentials = new Credentials(security)
  }

  async authenticate(args: AuthenticationProviderArgs): Promise<void> {
    let told: unknown = null
    const saslAuthenticate: AuthenticationProviderArgs['saslAuthenticate'] = async (exchange) => {
      try {
        return await args.saslAuthenticate(exchange)
      } catch (error) {
        told = error
        throw error
      }
    }
    try {
      const { username, secret } = await this.#credentials.show()
      await kafkajsTouchPoints()
        .saslDialogues[this.#mechanism](dialogueOptions(username, secret))({ ...args, saslAuthenticate })
        .authenticate()
      this.#worked = true
      this.#refusedSinceMs = null
    } catch (error) {
      throw this.#failure(error, told, args)
    }
  }

  /** A connection that broke in mid-dialogue is no refusal, although kafkajs calls it one. */
  #failure(error: unknown, told: unknown, { host, port }: AuthenticationProviderArgs): unknown {
    const away = (problem: string) => new kafkajs.KafkaJSConnectionError(problem, { broker: `${host}:${port}` })
    if ((told as { type?: string } | null)?.type === SESSION_GONE) return away('the session could not be renewed in time')
    if (told !== null && !isLoginRefused(told)) return told
    this.#credentials.forget()
    this.#refusedSinceMs ??= performance.now()
    if (!this.#worked || performance.now() - this.#refusedSinceMs > ROTATION_MS) return error
    return away(`login refused, perhaps a rotation under way: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function dialogueOptions(username: string, secret: string) {
  return { username, password: secret, oauthBearerProvider: async () => ({ value: secret }) }
}

const logins = new WeakMap<SaslOptions, Login>()

/** What kafkajs is given as `sasl`. */
export function mechanismOf(security: Security & { readonly sasl: SaslOptions }): Mechanism {
  const login = logins.get(security.sasl) ?? new Login(security)
  logins.set(security.sasl, login)
  return {
    mechanism: security.sasl.mechanism.toUpperCase(),
    authenticationProvider: (args) => ({ authenticate: () => login.authenticate(args) }),
  }
}
