/** What a daemon's /metrics page says became of the records. */
export interface TopicAccount {
  read: number
  used: number
  waiting: number
  dropped: Record<string, number>
}

export async function scrape(port: number): Promise<string> {
  const reply = await fetch(`http://127.0.0.1:${port}/metrics`)
  return reply.text()
}

export function accountsOf(page: string): Map<string, TopicAccount> {
  const accounts = new Map<string, TopicAccount>()
  for (const [, name, labels, value] of page.matchAll(/^flyball_records_(read|used|waiting|dropped)\{([^}]*)\} (\S+)$/gm)) {
    const label = (key: string) => new RegExp(`${key}="([^"]*)"`).exec(labels!)?.[1] ?? ''
    const account = accounts.get(label('topic')) ?? { read: 0, used: 0, waiting: 0, dropped: {} }
    accounts.set(label('topic'), account)
    // Reasons stand there from the beginning, with zero.
    if (name === 'dropped') {
      if (Number(value) > 0) account.dropped[label('reason')] = Number(value)
    } else account[name as 'read' | 'used' | 'waiting'] = Number(value)
  }
  return accounts
}
