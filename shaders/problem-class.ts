// What a measured choice is remembered by: the class of a problem. Problems of one class differ by so little that one
// tile serves all of them, and a network has a few dozen classes.
//
//   'conv f32 p13 c16 o48 t12'           a convolution of up to 2¹³ pixels, 16 channels to 48, 9 taps
//   'spread f32 p9 c96 o64 t12 step'     the input gradient of a strided convolution that is dilated too
//   'product f32 p10 c1024 o256'         a matrix product, or a 1×1 convolution, which is one
//   'weight f32 p14 c3s o12s t1'         a weight gradient; 3 and 11 channels are no whole vec4s
//
// Pixels are rounded up to powers of two, and beyond 2¹⁷ there are only more of the same. Channels and taps are rounded up to
// two leading bits (…, 16, 24, 32, 48, 64, 96, …), as 48 and 96 have tiles of their own width.

import { type Geometry, pixelsOf } from './conv-index.ts'

/** Forward kernels, the input gradient's among them, and weight gradients. */
export type Family = 'forward' | 'weight'

/** Choices that were measured. */
export interface Tuned {
  /** The name of the tile to take for a problem (see `forwardName` and `weightName`); undefined where none was measured. */
  tileFor(family: Family, problem: Geometry): string | undefined
}

const MOST_PIXELS = 17

/** n rounded up to a number of two leading bits: 1, 2, 3, 4, 6, 8, 12, … */
function twoBits(n: number): number {
  const power = 2 ** Math.floor(Math.log2(n))
  return n === power ? n : n <= 1.5 * power ? 1.5 * power : 2 * power
}

const channels = (n: number) => `${twoBits(n)}${n % 4 ? 's' : ''}`

/** The class of a problem, as text. */
export function problemClass(family: Family, g: Geometry): string {
  const taps = g.kh * g.kw
  const walked = g.mulY !== 1 || g.mulX !== 1
  const divided = g.divY > 1 || g.divX > 1
  const stepped = taps > 1 && (Math.abs(g.stepY) > 1 || Math.abs(g.stepX) > 1)
  const plain = taps === 1 && !walked && !divided
  const kind = family === 'weight' ? 'weight' : divided ? 'spread' : plain ? 'product' : 'conv'
  const pixels = family === 'weight' ? g.n * g.oh * g.ow : pixelsOf(g)
  const words = [
    kind,
    'f32',
    `p${Math.min(MOST_PIXELS, Math.ceil(Math.log2(pixels)))}`,
    `c${channels(g.cin)}`,
    `o${channels(g.cout)}`,
    kind !== 'product' && `t${twoBits(taps)}`,
    walked && 'stride',
    stepped && 'step',
    g.batch > 1 && 'batch',
  ]
  return words.filter(Boolean).join(' ')
}
