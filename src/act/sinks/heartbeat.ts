/**
 * Asks for an address as long as alerts can be delivered: whoever is asked notices when nobody asks any more. The address may be a secret of
 * its own, and is shown nowhere.
 */
import { attempt, type PlanOf } from '../attempt.ts'
import type { Answer, Outside } from '../contract.ts'
import { declined, exchange } from '../http.ts'

export async function beat(plan: PlanOf<'heartbeat'>, outside: Outside, signal: AbortSignal): Promise<Answer> {
  return await attempt(plan.timeoutMs, outside, signal, async (safe, inTime) => {
    const heard = await exchange(safe, { method: 'GET', url: plan.url, headers: { 'cache-control': 'no-store' } }, inTime)
    if ('result' in heard) return heard
    return heard.status >= 200 && heard.status < 300 ? { result: 'delivered', reference: '' } : declined(heard)
  })
}
