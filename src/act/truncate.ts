/** Text and lists cut to what a far end takes: never inside a character, and never so that what is missing is not seen. */

/** What a text costs; of two texts together, the sum. */
export type Cost = (text: string) => number

/** UTF-16 units: no far end counts more of them in a text. */
export const characters: Cost = (text) => text.length
/** Of its UTF-8. */
export const bytes: Cost = (text) => Buffer.byteLength(text)

const MORE = '…'

/** The text if it costs at most `most`; else its longest beginning that does so together with the … behind it. */
export function cut(text: string, most: number, cost: Cost = characters): string {
  const more = cost(MORE)
  let spent = 0
  let at = 0
  let kept = 0
  for (const character of text) {
    spent += cost(character)
    if (spent > most) return more > most ? '' : `${text.slice(0, kept)}${MORE}`
    at += character.length
    if (spent + more <= most) kept = at
  }
  return text
}

/** The first of the list that cost at most `most` together. */
export function fitting<T>(list: readonly T[], most: number, cost: (item: T) => number): readonly T[] {
  let spent = 0
  const beyond = list.findIndex((item) => {
    spent += cost(item)
    return spent > most
  })
  return beyond < 0 ? list : list.slice(0, beyond)
}
