// COCO's masks: runs of pixels column by column, plain or packed into text, and polygons.

/** Columns of a mask, from top to bottom and left to right, as lengths of runs: of 0 first, then of 1, in turns. */
export interface RunLengths {
  readonly size: readonly [height: number, width: number]
  readonly counts: readonly number[]
}

/** The runs that a text of COCO's packs: each length, from the fourth on less the one two before it, in groups of five bits, the
 * lowest first; the sixth bit says that more follow, and characters begin at '0'. */
export function unpackCounts(text: string): number[] {
  const counts: number[] = []
  for (let at = 0; at < text.length; ) {
    let value = 0
    let shift = 0
    for (let more = true; more; shift += 5) {
      const group = text.charCodeAt(at++) - 48
      // A text that breaks off gives NaN, and with it runs that fit no mask.
      if (!(group >= 0 && group < 64)) return [Number.NaN]
      value += (group & 31) * 2 ** shift
      more = group >= 32
      // The sign is that of the last group.
      if (!more && group & 16) value -= 2 ** (shift + 5)
    }
    counts.push(counts.length > 2 ? value + counts[counts.length - 2] : value)
  }
  return counts
}

/** The text of runs, the other way. */
export function packCounts(counts: readonly number[]): string {
  let text = ''
  counts.forEach((count, i) => {
    let rest = i > 2 ? count - counts[i - 2] : count
    for (let more = true; more; ) {
      const group = rest & 31
      rest >>= 5
      more = group & 16 ? rest !== -1 : rest !== 0
      text += String.fromCharCode(48 + group + (more ? 32 : 0))
    }
  })
  return text
}

/** The runs of a mask [height, width]. */
export function runLengths(mask: Uint8Array, height: number, width: number): RunLengths {
  const counts: number[] = []
  let value = 0
  let run = 0
  for (let x = 0; x < width; x++)
    for (let y = 0; y < height; y++) {
      const v = mask[y * width + x] ? 1 : 0
      if (v !== value) {
        counts.push(run)
        run = 0
        value = v
      }
      run++
    }
  counts.push(run)
  return { size: [height, width], counts }
}

/** The mask of runs, u8 [height, width]; undefined where they do not add up to its pixels. */
export function maskOfRuns({ size: [height, width], counts }: RunLengths): Uint8Array | undefined {
  const pixels = height * width
  const mask = new Uint8Array(pixels)
  let at = 0
  for (const [i, count] of counts.entries()) {
    if (!(Number.isInteger(count) && count >= 0 && at + count <= pixels)) return undefined
    if (i % 2)
      for (let k = at; k < at + count; k++) mask[(k % height) * width + Math.floor(k / height)] = 1
    at += count
  }
  return at === pixels ? mask : undefined
}

/** Sets the pixels of a mask [height, width] whose centres lie inside a polygon x₀, y₀, x₁, y₁, …: where a line to the left crosses
 * its outline an odd number of times. */
export function fillPolygon(
  mask: Uint8Array,
  height: number,
  width: number,
  polygon: readonly number[],
): void {
  const corners = polygon.length / 2
  for (let y = 0; y < height; y++) {
    const middle = y + 0.5
    const crossings: number[] = []
    for (let i = 0; i < corners; i++) {
      const j = (i + 1) % corners
      const [x0, y0, x1, y1] = [
        ...[polygon[2 * i], polygon[2 * i + 1]],
        ...[polygon[2 * j], polygon[2 * j + 1]],
      ]
      if (y0 <= middle === y1 <= middle) continue
      crossings.push(x0 + ((middle - y0) / (y1 - y0)) * (x1 - x0))
    }
    crossings.sort((a, b) => a - b)
    for (let i = 0; i + 1 < crossings.length; i += 2) {
      const from = Math.max(0, Math.ceil(crossings[i] - 0.5))
      const to = Math.min(width, Math.ceil(crossings[i + 1] - 0.5))
      for (let x = from; x < to; x++) mask[y * width + x] = 1
    }
  }
}
