// TensorBoard's event files, written by hand: protocol buffers of `Event` in the frames of a TFRecord file. Bytes only, so
// that it serves Node and browsers alike.
//
//   frame    length u64 | masked CRC of these 8 bytes u32 | message | masked CRC of the message u32, little endian
//   Event    1 wall_time double, 2 step int64, 3 file_version string, 5 summary, 7 session_log
//   Summary  1 value*: 1 tag string, 2 simple_value float, 4 image: 1 height, 2 width, 3 colorspace, 4 png
//
// Sources: tensorflow/core/lib/io/record_writer.h, tensorflow/core/util/event.proto and framework/summary.proto.

export interface EventTime {
  /** Seconds since 1970. */
  readonly wall: number
  readonly step: number
}

/** The frame that every event file begins with. */
export const versionFrame = (wall: number): Uint8Array =>
  frame(message(double(1, wall), text(3, 'brain.Event:2')))

/** Says that a program begins to write after `step` steps: TensorBoard drops what earlier files say of later ones. */
export const startFrame = ({ wall, step }: EventTime): Uint8Array =>
  // It drops from the named step on.
  frame(message(double(1, wall), whole(2, step + 1), bytes(7, message(whole(1, 1)))))

/** Figures of one step, by tag; `/` in a tag makes groups. */
export function scalarFrame(
  { wall, step }: EventTime,
  scalars: Readonly<Record<string, number>>,
): Uint8Array {
  const values = Object.entries(scalars).map(([tag, value]) =>
    bytes(1, message(text(1, tag), float(2, value))),
  )
  return frame(message(double(1, wall), whole(2, step), bytes(5, message(...values))))
}

/** A picture of one step: an RGB image as the bytes of a PNG file. */
export function imageFrame(
  { wall, step }: EventTime,
  tag: string,
  { png, height, width }: { png: Uint8Array; height: number; width: number },
): Uint8Array {
  const image = message(whole(1, height), whole(2, width), whole(3, RGB), bytes(4, png))
  const value = bytes(1, message(text(1, tag), bytes(4, image)))
  return frame(message(double(1, wall), whole(2, step), bytes(5, message(value))))
}

/** Number of channels, which is what summary.proto calls a colour space. */
const RGB = 3

/** A message in its frame of a TFRecord file. */
export function frame(data: Uint8Array): Uint8Array {
  const out = new Uint8Array(data.length + 16)
  const view = new DataView(out.buffer)
  view.setBigUint64(0, BigInt(data.length), true)
  view.setUint32(8, maskedCrc32c(out.subarray(0, 8)), true)
  out.set(data, 12)
  view.setUint32(12 + data.length, maskedCrc32c(data), true)
  return out
}

/** CRC-32C (Castagnoli), reflected: polynomial 0x1EDC6F41. */
export function crc32c(data: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of data) crc = TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8)
  return ~crc >>> 0
}

/** Turned by 15 bits and shifted, since the checksum of data that hold checksums is weak. */
export function maskedCrc32c(data: Uint8Array): number {
  const crc = crc32c(data)
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  return crc
})

const message = (...fields: readonly Uint8Array[]): Uint8Array => {
  const out = new Uint8Array(fields.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const field of fields) {
    out.set(field, at)
    at += field.length
  }
  return out
}

// A field is its number and its wire type (0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes), then its value.
const key = (field: number, wire: number) => varint((field << 3) | wire)

/** Seven bits a byte, the lowest first. Division, since a step may have more than 32 bits. */
function varint(value: number): Uint8Array {
  const out: number[] = []
  for (; value >= 128; value = Math.floor(value / 128)) out.push((value % 128) | 128)
  return Uint8Array.from([...out, value])
}

const whole = (field: number, value: number) => message(key(field, 0), varint(value))

const bytes = (field: number, value: Uint8Array) =>
  message(key(field, 2), varint(value.length), value)

const text = (field: number, value: string) => bytes(field, new TextEncoder().encode(value))

const double = (field: number, value: number) =>
  message(key(field, 1), new Uint8Array(Float64Array.of(value).buffer))

const float = (field: number, value: number) =>
  message(key(field, 5), new Uint8Array(Float32Array.of(value).buffer))
