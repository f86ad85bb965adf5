/**
 * CRC32C (Castagnoli), which guards every Kafka batch: eight table look-ups for every eight bytes, about 2 GB/s.
 */
const POLYNOMIAL = 0x82f63b78

const TABLES = buildTables()

function buildTables(): Int32Array {
  const tables = new Int32Array(8 * 256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
    tables[byte] = crc
  }
  for (let byte = 0; byte < 256; byte++) {
    for (let table = 1; table < 8; table++) {
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
  for (; at + 8 <= to; at += 8) {
    const a = crc ^ view.getInt32(at, true)
    const b = view.getInt32(at + 4, true)
    crc =
      t[1792 + (a & 255)]! ^
      t[1536 + ((a >>> 8) & 255)]! ^
      t[1280 + ((a >>> 16) & 255)]! ^
      t[1024 + (a >>> 24)]! ^
      t[768 + (b & 255)]! ^
      t[512 + ((b >>> 8) & 255)]! ^
      t[256 + ((b >>> 16) & 255)]! ^
      t[b >>> 24]!
  }
  for (; at < to; at++) crc = (crc >>> 8) ^ t[(crc ^ view.getUint8(at)) & 255]!
  return ~crc >>> 0
}
