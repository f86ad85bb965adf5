/**
 * CRC32C (Castagnoli), which guards every Kafka batch: sixteen table look-ups for every sixteen bytes. Four of them wait for the step
 * before, the other twelve fill the wait.
 */
const POLYNOMIAL = 0x82f63b78
const STEP_BYTES = 16

const TABLES = buildTables()

/** One table a place within the step: the last byte's first. */
function buildTables(): Int32Array {
  const tables = new Int32Array(STEP_BYTES * 256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
    tables[byte] = crc
  }
  for (let byte = 0; byte < 256; byte++) {
    for (let table = 1; table < STEP_BYTES; table++) {
      const before = tables[(table - 1) * 256 + byte]!
      tables[table * 256 + byte] = (before >>> 8) ^ tables[before & 255]!
    }
  }
  return tables
}

/** Checksum of the view's bytes [from, to). */
export function crc32c(view: DataView, from: number, to: number): number {
  const t = TABLES
  let crc = -1
  let at = from
  for (; at + STEP_BYTES <= to; at += STEP_BYTES) {
    const a = crc ^ view.getInt32(at, true)
    const b = view.getInt32(at + 4, true)
    const c = view.getInt32(at + 8, true)
    const d = view.getInt32(at + 12, true)
    // Those that do not wait are summed apart.
    const free =
      t[2816 + (b & 255)]! ^
      t[2560 + ((b >>> 8) & 255)]! ^
      t[2304 + ((b >>> 16) & 255)]! ^
      t[2048 + (b >>> 24)]! ^
      t[1792 + (c & 255)]! ^
      t[1536 + ((c >>> 8) & 255)]! ^
      t[1280 + ((c >>> 16) & 255)]! ^
      t[1024 + (c >>> 24)]! ^
      t[768 + (d & 255)]! ^
      t[512 + ((d >>> 8) & 255)]! ^
      t[256 + ((d >>> 16) & 255)]! ^
      t[d >>> 24]!
    crc = t[3840 + (a & 255)]! ^ t[3584 + ((a >>> 8) & 255)]! ^ (t[3328 + ((a >>> 16) & 255)]! ^ t[3072 + (a >>> 24)]!) ^ free
  }
  for (; at < to; at++) crc = (crc >>> 8) ^ t[(crc ^ view.getUint8(at)) & 255]!
  return ~crc >>> 0
}
