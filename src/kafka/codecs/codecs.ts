/**
 * The codecs of Kafka's record batches, by their number in the batch attributes. Each is told how much it may give out and must stop
 * BEFORE it allocates more: a batch of 700 kB can hold 700 MB of blanks.
 */
import { gunzip } from './gzip.ts'
import { unlz4 } from './lz4.ts'
import { unsnappy } from './snappy.ts'
import { unzstd } from './zstd.ts'

/** Inflates `bytes` to at most `maxBytes`; throws on anything damaged or larger. */
export type Codec = (bytes: Buffer, maxBytes: number) => Buffer

export const CODECS: ReadonlyMap<number, { readonly name: string; readonly inflate: Codec }> = new Map([
  [1, { name: 'gzip', inflate: gunzip }],
  [2, { name: 'snappy', inflate: unsnappy }],
  [3, { name: 'lz4', inflate: unlz4 }],
  [4, { name: 'zstd', inflate: unzstd }],
])
