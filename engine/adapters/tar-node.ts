// Reading one file out of a tar archive in memory. Windows need not have `tar`, and the format is
// 512-byte headers, each followed by its file padded to 512.

const block = 512

/** The bytes of the file called `name`, a view into `tar`, or `undefined` where there is none. */
export function tarEntry(tar: Uint8Array, name: string): Uint8Array | undefined {
  for (let at = 0; at + block <= tar.length; ) {
    const size = Number.parseInt(text(tar, at + 124, 12), 8)
    if (Number.isNaN(size)) return undefined
    const start = at + block
    const prefix = text(tar, at + 345, 155)
    const entry = text(tar, at, 100)
    const path = prefix && text(tar, at + 257, 6) === 'ustar' ? `${prefix}/${entry}` : entry
    if (path === name || path === `./${name}`) {
      return start + size <= tar.length ? tar.subarray(start, start + size) : undefined
    }
    at = start + Math.ceil(size / block) * block
  }
  return undefined
}

function text(tar: Uint8Array, at: number, length: number): string {
  const field = tar.subarray(at, at + length)
  const end = field.indexOf(0)
  return new TextDecoder('latin1').decode(end < 0 ? field : field.subarray(0, end)).trim()
}
