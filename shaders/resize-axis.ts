// Where the pixels of a resized axis lie among those of the source, in whole numbers.
//
//   half-pixel     s(o) = max(0, (o + ½)·in/out − ½)      pixels are squares; the default of most frameworks
//   align-corners  s(o) = o·(in − 1)/(out − 1)            pixels are points, first and last coincide
//   asymmetric     s(o) = o·in/out                        pixels are points, the first coincides; ×2 inserts means
//
// Every s(o) is a fraction max(0, o·a + b) / d of integers, a ≥ 0. The nearest pixel is ⌊o·in/out⌋, the asymmetric one.

export type ResizeMode = 'half-pixel' | 'align-corners' | 'asymmetric'

/** s(o) = max(0, o·a + b) / d in lowest terms, for the outputs o < out of a source of `size`. */
export interface Axis {
  readonly size: number
  readonly out: number
  readonly a: number
  readonly b: number
  readonly d: number
}

/** From … to (exclusive). */
export type Range = readonly [from: number, to: number]

/** Some rows of x and those rows of y that go with them. */
export interface Rows {
  readonly x: Range
  readonly y: Range
}

export const divisor = (a: number, b: number): number => (b === 0 ? Math.abs(a) : divisor(b, a % b))

export function axisOf(mode: ResizeMode, size: number, out: number): Axis {
  const terms =
    mode === 'half-pixel'
      ? [2 * size, size - out, 2 * out]
      : mode === 'asymmetric'
        ? [size, 0, out]
        : [size - 1, 0, Math.max(1, out - 1)]
  const common = terms.reduce(divisor)
  const [a, b, d] = terms.map((t) => t / common)
  return { size, out, a, b, d }
}

/** Whether all that a kernel computes of positions stays below 2³¹. */
export const fits = ({ size, out, a, b, d }: Axis): boolean =>
  Math.max(out * a + Math.abs(b), (size + 1) * d + Math.abs(b) + a) < 2 ** 31

export const wordsOf = ({ a, b, d }: Axis): number[] => [a, b, d]

const lowOf = ({ size, a, b, d }: Axis, o: number) =>
  Math.min(Math.floor(Math.max(o * a + b, 0) / d), size - 1)

/** The source pixels that interpolation mixes for outputs [from, to). */
export const mixed = (axis: Axis, [from, to]: Range): Range => [
  lowOf(axis, from),
  Math.min(lowOf(axis, to - 1) + 2, axis.size),
]

/** Outputs, at least one, that hold all those into which the source pixels [from, to) are mixed. */
export function reached(axis: Axis, [from, to]: Range): Range {
  const after = (i: number) => {
    const s = i * axis.d - axis.b
    return s < 0 ? 0 : Math.floor(s / Math.max(axis.a, 1)) + 1
  }
  const first = from === 0 ? 0 : Math.min(after(from - 1), axis.out - 1)
  const end = to === axis.size ? axis.out : Math.min(after(to), axis.out)
  return [first, Math.max(end, first + 1)]
}

/** The source pixels that are nearest to outputs [from, to); `axis` is asymmetric. */
export const copied = (axis: Axis, [from, to]: Range): Range => [
  lowOf(axis, from),
  lowOf(axis, to - 1) + 1,
]

/** Outputs, at least one, that hold all those to which a source pixel of [from, to) is nearest. */
export function copies({ out, a, d }: Axis, [from, to]: Range): Range {
  const first = Math.min(Math.ceil((from * d) / a), out - 1)
  return [first, Math.max(Math.min(Math.ceil((to * d) / a), out), first + 1)]
}
