/** Keys of Flyball's own topics. Kept in one place because compaction makes a key part of the meaning. */

/** Written by whoever takes a judge partition over; readers of `control` and `state` skip every key that begins with `__`. */
export const BARRIER_KEY = '__barrier'

/** True for records that are not meant for subscribers: keys beginning with `__`, and records without key. */
export function isInternalKey(key: Uint8Array | null): boolean {
  return key === null || (key.length >= 2 && key[0] === 95 && key[1] === 95)
}

export function claimKey(source: string): string {
  return `claim|${source}`
}

/** Source and epoch: a zombie can never replace the checkpoint of a newer owner. */
export function checkpointKey(source: string, epoch: number): string {
  return `checkpoint|${source}|${epoch}`
}

export function unitChunkKey(source: string, epoch: number, chunk: number): string {
  return `units|${source}|${epoch}|${chunk}`
}

/** Key on `state`, `control`, `decisions`, `acks` and `requests`. */
export function modelKey(model: string): string {
  return model
}

export function snapshotKey(model: string, index: number): string {
  return `snapshot|${model}|${index}`
}

/** Key of a pulse on `panes`: not a model's, for it is sent to every partition. */
export function pulseKey(source: string): string {
  return `__pulse|${source}`
}
