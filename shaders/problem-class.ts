// What a measured choice is remembered by: the class of a problem. Problems of one class differ by so little that one
// tile serves all of them, and a network has a few dozen classes.
//
//   'conv f32 p13 c16 o48 t9'            a convolution of up to 2¹³ pixels, 16 channels to 48, 9 taps
//   'spread f32 p9 c96 o64 t9 step'      the input gradient of a strided convolution that is dilated too
//   'product f32 p10 c1024 o256'         a matrix product, or a 1×1 convolution, which is one
//   'weight f32 p14 c3s o11s t1'         a weight gradient; 3 and 11 channels are no whole vec4s
//
// Pixels are rounded up to powers of two, and beyond 2¹⁷ there are only more of the same. Channels and taps are rounded up to
// four leading bits (…, 64, 72, 80, …, 128, 144, …): what divides them decides how much of a tile is wasted.

import { type Geometry, pixelsOf } from './conv/index.ts'
import type { Elem } from './kernel.ts'

/** Forward kernels, the input gradient's among them, and weight gradients. */
export type Family = 'forward' | 'weight'

/** A geometry, and how x is stored, where that is not as f32. */
export interface Problem extends Geometry {
  readonly x?: { readonly operands: readonly { readonly elem: Elem }[] }
}

/** How x is stored: the activations of a step in mixed precision are f16. */
export const storedAs = ({ x }: Problem): 'f16' | 'f32' =>
  x?.operands[0]?.elem === 'f16' ? 'f16' : 'f32'

/** Choices that were measured. */
export interface Tuned {
  /** The name of the tile to take for a problem (see `forwardName` and `weightName`); undefined where none was measured. */
  tileFor(family: Family, problem: Problem): string | undefined
}

const MOST_PIXELS = 17

/** n rounded up to a number of four leading bits: 1, 2, …, 16, 18, 20, …, 32, 36, … */
function rounded(n: number): number {
  const unit = 2 ** Math.max(0, Math.floor(Math.log2(n)) - 3)
  return Math.ceil(n / unit) * unit
}

const channels = (n: number) => `${rounded(n)}${n % 4 ? 's' : ''}`

/** The class of a problem, as text. */
export function problemClass(family: Family, g: Problem): string {
  const taps = g.kh * g.kw
  const walked = g.mulY !== 1 || g.mulX !== 1
  const divided = g.divY > 1 || g.divX > 1
  const stepped = taps > 1 && (Math.abs(g.stepY) > 1 || Math.abs(g.stepX) > 1)
  const plain = taps === 1 && !walked && !divided
  const kind = family === 'weight' ? 'weight' : divided ? 'spread' : plain ? 'product' : 'conv'
  const pixels = family === 'weight' ? g.n * g.oh * g.ow : pixelsOf(g)
  const words = [
    kind,
    storedAs(g),
    `p${Math.min(MOST_PIXELS, Math.ceil(Math.log2(pixels)))}`,
    `c${channels(g.cin)}`,
    `o${channels(g.cout)}`,
    kind !== 'product' && `t${rounded(taps)}`,
    walked && 'stride',
    stepped && 'step',
    g.batch > 1 && 'batch',
  ]
  return words.filter(Boolean).join(' ')
}

/** A problem of a class; undefined for a text that names none. */
export function problemOf(text: string): { family: Family; problem: Problem } | undefined {
  const [kind = '', type, ...words] = text.split(' ')
  const size = (letter: string) => {
    const match = words.map((w) => new RegExp(`^${letter}(\\d+)(s?)$`).exec(w)).find(Boolean)
    return match ? Number(match[1]) - (match[2] && Number(match[1]) % 4 === 0 ? 1 : 0) : undefined
  }
  const [pixels, cin, cout, taps = 1] = ['p', 'c', 'o', 't'].map(size)
  if (
    (type !== 'f32' && type !== 'f16') ||
    pixels === undefined ||
    !cin ||
    !cout ||
    pixels > MOST_PIXELS
  )
    return undefined
  const div = kind === 'spread' ? 2 : 1
  const [h, w] = [div * 2 ** Math.ceil(pixels / 2), div * 2 ** Math.floor(pixels / 2)]
  const batch = words.includes('batch') ? 2 : 1
  const mul = words.includes('stride') ? 2 : 1
  const step = words.includes('step') ? 2 : 1
  const family = kind === 'weight' ? 'weight' : 'forward'
  const problem: Problem = {
    ...(type === 'f16' && { x: { operands: [{ elem: type }] } }),
    ...{ n: 1, h: h * mul, w: w * mul, cin, oh: h, ow: w, cout, kh: 1, kw: taps },
    ...{ mulY: mul, mulX: mul, stepY: step, stepX: step, offY: 0, offX: 0, divY: div, divX: div },
    ...{
      batch,
      period: batch,
      xBatch: h * w * cin,
      xOuter: 0,
      wBatch: taps * cin * cout,
      wOuter: 0,
    },
    ...{ yBatch: h * w * cout, xStart: 0, yStart: 0 },
  }
  return problemClass(family, problem) === text ? { family, problem } : undefined
}
