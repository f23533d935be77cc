// Bicubic resizing of images, with antialiasing or without.

import { bicubic, bicubicFits, bicubicReach } from '../../shaders/bicubic.ts'
import type { Rows } from '../../shaders/resize-axis.ts'
import { sizeOf } from '../dtype.ts'
import { apply, refusedGradient, type StructuredOp, sample, type TensorLike } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { optionsOf, type Pair } from './options.ts'
import { refuse } from './refuse.ts'
import { resizeSizes } from './resize.ts'
import { toTensor } from './source.ts'

/** In a window of a larger application `part` is what is at hand: the rows of x, of so many, and those of y. */
type Attrs = {
  readonly to: Pair
  readonly antialias: boolean
  readonly part?: Rows & { readonly height: number }
}

const bicubicOp: StructuredOp<Attrs> = {
  name: 'resizeBicubic',
  kind: 'structured',
  source: 'Keys 1981; Pillow’s BICUBIC, or without antialiasing PyTorch’s `bicubic`',
  tail: false,
  prologue: false,
  infer: ([x], { to, part }, no) => {
    if (!sizeOf(x.shape)) no('the map has no elements')
    const height = part ? part.y[1] - part.y[0] : to[0]
    return [{ dtype: 'f32', shape: [x.shape[0], height, to[1], x.shape[3]] }]
  },
  vjp: refusedGradient(
    'it is for images and has no gradient',
    'resizeBilinear() has one; stopGradient() of its result says that none is wanted',
  ),
  cost: ([x], [y], { to, antialias }) => {
    const taps = [1, 2].map((a) => 4 * (antialias ? Math.max(1, x.shape[a] / to[a - 1]) : 1) + 1)
    return { macs: 0, flops: 12 * (taps[0] + taps[1]) * sizeOf(y.shape) }
  },
  windows: [
    {
      cut: 'output',
      axes: () => 2,
      part: ([entries, own, , channels], attrs, [{ shape }]) => {
        const [, height, width] = shape
        const needed = bicubicReach(height, attrs.to[0], attrs.antialias, own)
        const part = { x: needed, y: own, height }
        return { attrs: { ...attrs, part }, inputs: [[entries, needed, [0, width], channels]] }
      },
    },
  ],
  lower: ({ inputs: [x], attrs: { to, antialias, part } }) => {
    const [n, here, w, c] = x.shape
    const h = part?.height ?? here
    const [oh, ow] = to
    return bicubic({ n, h, w, c, oh, ow, antialias, rows: part, access: [x.access] })
  },
  samples: [
    { inputs: [sample([2, 5, 7, 3])], wrt: [], attrs: { to: [8, 9], antialias: true } },
    { inputs: [sample([1, 11, 9, 4])], wrt: [], attrs: { to: [4, 2], antialias: true } },
    { inputs: [sample([1, 13, 6, 3])], wrt: [], attrs: { to: [5, 11], antialias: false } },
    { inputs: [sample([1, 1, 2, 1])], wrt: [], attrs: { to: [3, 2], antialias: false } },
    { inputs: [sample([1, 4, 3, 8])], wrt: [], attrs: { to: [4, 1], antialias: true } },
  ],
}

export interface BicubicOptions {
  /** Widen the kernel where the image shrinks, so that every pixel counts; default true. */
  readonly antialias?: boolean
}

/** An image x [n, h, w, c], f32, at another size [height, width]. On each axis, with src = (dst + ½)·in/out − ½,
 * y[dst] = Σ k((i − src)/f)·x[i] / Σ k((i − src)/f), where k is Keys' cubic. With `antialias` f = max(1, in/out), k has
 * a = −½ and only pixels inside count, as in Pillow (which rounds to bytes); without, f = 1, a = −¾ and the edge repeats, as
 * in PyTorch. Results may overshoot the range of x by an eighth or so. It has no gradient: asking for one through it throws
 * ShapeError, as do wrong shapes. */
export function resizeBicubic(x: TensorLike, size: Pair, options: BicubicOptions = {}): Tensor {
  const t = toTensor(x, 'resizeBicubic')
  const { antialias } = optionsOf('resizeBicubic', options, { antialias: true })
  if (t.dtype !== 'f32') refuse('resizeBicubic', 'f32 is needed', [t], 'use cast()')
  const { from, to } = resizeSizes('resizeBicubic', t, size)
  if (!bicubicFits(from[0], to[0]) || !bicubicFits(from[1], to[1]))
    refuse(
      'resizeBicubic',
      `positions in ${to.join('×')} do not fit 32 bits`,
      [t],
      'resize in two steps',
    )
  return from[0] === to[0] && from[1] === to[1] ? t : apply(bicubicOp, [t], { to, antialias })[0]
}

export const bicubicOps = [bicubicOp] as const
