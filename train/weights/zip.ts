// Zip archives, as PyTorch and numpy write them: entries stored or deflated, zip64 (PKWARE's APPNOTE.TXT 6.3, sections
// 4.3 and 4.5.3). The central directory alone is believed, and only where entries lie side by side inside the file.

import { ByteReader, shown } from './reader.ts'

export interface ZipEntry {
  readonly name: string
  /** Bytes of its content. */
  readonly size: number
  /** Its content, a view of the archive where it is stored. Throws DataError where its checksum is another. */
  read(): Promise<Uint8Array>
}

interface Record {
  readonly name: string
  readonly flags: number
  readonly method: number
  readonly crc: number
  readonly packed: number
  readonly size: number
  readonly header: number
}

const LOCAL = 0x04034b50
const CENTRAL = 0x02014b50
const END = 0x06054b50
const END64 = 0x06064b50
const LOCATOR64 = 0x07064b50
const STORED = 0
const DEFLATED = 8
/** A 32-bit field whose value stands in the zip64 extra field. */
const IN_EXTRA = 0xffffffff

/** What a file of so many bytes may hold in all: 20 times as much, or 64 MiB. Weights hardly compress, bombs do. */
export const mostOf = (bytes: number): number => Math.max(64 * 2 ** 20, 20 * bytes)

/** The entries of an archive by name. Throws DataError naming `file` where it is damaged, encrypted, compressed in
 * another way, or would inflate to far more than it is. */
export function openZip(bytes: Uint8Array, file: string): ReadonlyMap<string, ZipEntry> {
  const reader = new ByteReader(bytes, file, 'the zip archive')
  const entries = new Map<string, ZipEntry>()
  const places: { readonly start: number; readonly end: number; readonly name: string }[] = []
  let inflated = 0
  for (const record of readDirectory(reader)) {
    const { name, method, packed, size } = record
    if (entries.has(name)) throw reader.error(`has two entries ${shown(name)}`)
    if (record.flags & 1) throw reader.error(`has ${shown(name)} encrypted`, 'decrypt it first')
    if (method !== STORED && method !== DEFLATED)
      throw reader.error(`has ${shown(name)} compressed by method ${method}`, 'zip it by deflate')
    if (method === STORED && packed !== size)
      throw reader.error(`has ${shown(name)} stored in ${packed} bytes for ${size}`)
    if (method === DEFLATED) inflated += size
    const start = findContent(reader, record)
    places.push({ start: record.header, end: start + packed, name })
    const content = bytes.subarray(start, start + packed)
    entries.set(name, { name, size, read: () => readContent(content, record, reader) })
  }
  if (inflated > mostOf(bytes.length))
    throw reader.error(`would inflate its ${bytes.length} bytes to ${inflated}`, 'do not trust it')
  places.sort((a, b) => a.start - b.start)
  places.forEach(({ start, name }, i) => {
    if (i && start < places[i - 1].end)
      throw reader.error(`has ${shown(name)} inside another entry`)
  })
  return entries
}

function* readDirectory(reader: ByteReader): Generator<Record> {
  const { count, start, end } = findDirectory(reader)
  reader.at = start
  for (let i = 0; i < count; i++) {
    if (reader.at >= end || reader.u32() !== CENTRAL)
      throw reader.error(`has ${i} entries in a directory for ${count}`)
    yield readRecord(reader)
  }
}

function findDirectory(reader: ByteReader): { count: number; start: number; end: number } {
  const at = findEnd(reader)
  reader.at = at + 10
  const short = { count: reader.u16(), size: reader.u32(), start: reader.u32() }
  const place = readEnd64(reader, at) ?? short
  const end = place.start + place.size
  if (end > at) throw reader.error(`has a directory that ends at ${end}, after byte ${at}`)
  return { count: place.count, start: place.start, end }
}

/** The end record is the last thing in the file but for a comment of up to 65535 bytes. */
function findEnd(reader: ByteReader): number {
  const { length } = reader.bytes
  for (let at = length - 22; at >= Math.max(0, length - 22 - 0xffff); at--) {
    if (reader.bytes[at] !== 0x50) continue
    reader.at = at
    if (reader.u32() !== END) continue
    reader.at = at + 20
    if (reader.u16() === length - at - 22) return at
  }
  throw reader.error('has no directory at its end: it is truncated')
}

function readEnd64(reader: ByteReader, end: number) {
  if (end < 20) return undefined
  reader.at = end - 20
  if (reader.u32() !== LOCATOR64) return undefined
  reader.skip(4)
  reader.at = Math.min(reader.u64(), reader.bytes.length)
  if (reader.u32() !== END64) throw reader.error('has a damaged zip64 directory')
  reader.skip(28)
  return { count: reader.u64(), size: reader.u64(), start: reader.u64() }
}

function readRecord(reader: ByteReader): Record {
  reader.skip(4)
  const [flags, method] = [reader.u16(), reader.u16()]
  reader.skip(4)
  const [crc, packed, size] = [reader.u32(), reader.u32(), reader.u32()]
  const [nameLength, extraLength, commentLength] = [reader.u16(), reader.u16(), reader.u16()]
  reader.skip(8)
  const header = reader.u32()
  const name = reader.text(nameLength)
  const extra = new ByteReader(reader.take(extraLength), reader.file, reader.what)
  reader.skip(commentLength)
  // In this order, and only those whose own field is full.
  const [wideSize, widePacked, wideHeader] = readWide(extra, [size, packed, header])
  return { name, flags, method, crc, packed: widePacked, size: wideSize, header: wideHeader }
}

function readWide(extra: ByteReader, fields: readonly number[]): readonly number[] {
  while (extra.left >= 4) {
    const [id, length] = [extra.u16(), extra.u16()]
    const end = extra.at + length
    if (id === 1) return fields.map((field) => (field === IN_EXTRA ? extra.u64() : field))
    extra.at = Math.min(end, extra.bytes.length)
  }
  return fields
}

/** Where an entry's bytes begin; its local header repeats the name, with an extra field of its own. */
function findContent(reader: ByteReader, { name, header, packed }: Record): number {
  const back = reader.at
  reader.at = Math.min(header, reader.bytes.length)
  if (reader.u32() !== LOCAL) throw reader.error(`has no entry where ${shown(name)} should be`)
  reader.skip(22)
  reader.skip(reader.u16() + reader.u16())
  const start = reader.skip(packed)
  reader.at = back
  return start
}

async function readContent(packed: Uint8Array, record: Record, reader: ByteReader) {
  const { name, method, size, crc } = record
  const content = method === STORED ? packed : await inflate(packed, record, reader)
  if (content.length !== size || crc32(content) !== crc)
    throw reader.error(`has a damaged entry ${shown(name)}: its checksum is another`)
  return content
}

/** Never takes more than the announced size; less is for the caller to find. */
async function inflate(packed: Uint8Array, record: Record, reader: ByteReader) {
  const out = new Uint8Array(record.size)
  const chunks = asGzip(packed, record).pipeThrough(new DecompressionStream('gzip')).getReader()
  let at = 0
  try {
    for (;;) {
      const { done, value } = await chunks.read()
      if (done) return out.subarray(0, at)
      // Throws where it is more than announced.
      out.set(value, at)
      at += value.length
    }
  } catch {
    chunks.cancel().catch(() => {})
    throw reader.error(`has a damaged entry ${shown(record.name)}: it does not inflate`)
  }
}

/** Node knows `deflate-raw` since 20.12 only, and gzip is the same between a header and what the directory tells. */
function asGzip(packed: Uint8Array, { crc, size }: Record): ReadableStream<BufferSource> {
  const trailer = new DataView(new ArrayBuffer(8))
  trailer.setUint32(0, crc, true)
  trailer.setUint32(4, size, true)
  return new ReadableStream({
    start(controller) {
      controller.enqueue(Uint8Array.from([0x1f, 0x8b, DEFLATED, 0, 0, 0, 0, 0, 0, 255]))
      controller.enqueue(packed as Uint8Array<ArrayBuffer>)
      controller.enqueue(new Uint8Array(trailer.buffer))
      controller.close()
    },
  })
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1
  return c
})

/** The check sum of zip, gzip and PNG. */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (let i = 0; i < bytes.length; i++) crc = CRC_TABLE[(crc ^ bytes[i]) & 255] ^ (crc >>> 8)
  return ~crc >>> 0
}
