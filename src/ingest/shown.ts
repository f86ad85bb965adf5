/** Somebody's data in messages for people. */
const TEXT_LENGTH_MAX = 80

/** A piece of somebody's data for a message: short, one line. */
export function shown(text: string): string {
  const line = JSON.stringify(text)
  return line.length > TEXT_LENGTH_MAX ? `${line.slice(0, TEXT_LENGTH_MAX)}…` : line
}
