// Unpooling: values put back where a max pooling found them.

import { type MaxUnpoolSpec, maxUnpool, maxUnpoolGrad } from '../../shaders/max-unpool.ts'
import { type Shape, sameShape } from '../dtype.ts'
import { apply, type Bound, noCost, type StructuredOp, sample, type TensorLike } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { type Pair, sizeOfMap } from './options.ts'
import { checkMap } from './pool-window.ts'
import { toTensor } from './source.ts'
import { rows } from './windows.ts'

/** Height and width of the large map and of the small one. */
type UnpoolAttrs = { readonly size: Pair; readonly from: Pair }

const spec = ([x, index]: readonly Bound[], { size, from }: UnpoolAttrs): MaxUnpoolSpec => ({
  n: x.shape[0],
  pooled: from[0] * from[1],
  pixels: size[0] * size[1],
  c: x.shape[3],
  elem: x.dtype,
  access: [x.access, index.access],
})

const plain = {
  kind: 'structured',
  cost: () => noCost,
  tail: false,
  prologue: false,
  f16: 'alike',
  windows: rows(1),
} as const
const cases: [x: Shape, size: Pair][] = [
  [
    [2, 2, 3, 3],
    [4, 5],
  ],
  [
    [1, 3, 3, 4],
    [2, 3],
  ],
  [
    [1, 1, 5, 1],
    [7, 1],
  ],
]
// Some positions come twice, and some are outside.
const index = (shape: Shape, [h, w]: Pair) =>
  ({ dtype: 'i32', shape, range: [-2, h * w + 1] }) as const
const attrsOf = ([, h, w]: Shape, size: Pair): UnpoolAttrs => ({ size, from: [h, w] })

const maxUnpoolOp: StructuredOp<UnpoolAttrs> = {
  ...plain,
  name: 'maxUnpool2d',
  error: 'exact',
  source: 'positions h·w + w as in PyTorch; of equal ones the last in row-major order wins',
  infer: ([x, at], { size, from }, refuse) => {
    checkMap(x, refuse)
    if (from.some((n, a) => n !== x.shape[a + 1])) refuse(`a map of ${from.join('×')} is needed`)
    if (at.dtype !== 'i32' && at.dtype !== 'u32')
      refuse('positions are i32 or u32', 'maxPool2dWithIndices gives them')
    if (at.shape.length !== 4 || at.shape.some((n, a) => n !== x.shape[a]))
      refuse('every value needs one position', 'values and positions have one shape')
    return [{ dtype: x.dtype, shape: [x.shape[0], ...size, x.shape[3]] }]
  },
  vjp: ({ inputs: [, at], attrs }, [dy]) => [dy && apply(maxUnpoolGradOp, [dy, at], attrs)[0]],
  lower: ({ inputs, attrs }) => maxUnpool(spec(inputs, attrs)),
  samples: [
    ...cases.map(([x, size]) => ({
      inputs: [sample(x), index(x, size)],
      attrs: attrsOf(x, size),
    })),
    {
      inputs: [{ dtype: 'u8', shape: [1, 2, 3, 3], range: [0, 255] }, index([1, 2, 3, 3], [3, 5])],
      attrs: attrsOf([1, 2, 3, 3], [3, 5]),
    },
  ],
}

const maxUnpoolGradOp: StructuredOp<UnpoolAttrs> = {
  ...plain,
  name: 'maxUnpool2dGrad',
  source: 'adjoint of maxUnpool2d',
  error: 'exact',
  infer: ([dy, at], { size, from }, refuse) => {
    const [n, , , c] = at.shape
    if (!sameShape(dy.shape, [n, ...size, c])) refuse(`a map of ${size.join('×')} is needed`)
    if (!sameShape(at.shape, [n, ...from, c])) refuse(`positions of ${from.join('×')} are needed`)
    return [{ dtype: dy.dtype, shape: at.shape }]
  },
  vjp: ({ inputs: [, at], attrs }, [g]) => [g && apply(maxUnpoolOp, [g, at], attrs)[0]],
  lower: ({ inputs, attrs }) => maxUnpoolGrad(spec(inputs, attrs)),
  samples: cases.map(([x, size]) => ({
    inputs: [sample([x[0], ...size, x[3]]), index(x, size)],
    attrs: attrsOf(x, size),
  })),
}

/** Values x [n, oh, ow, c], of any dtype, put at their positions in maps [n, h, w, c] of zeros: `index`, i32 or u32 of x's
 * shape, counts h·w + w in one image, as `maxPool2dWithIndices` gives it. Where several values have one position the last
 * of them in row-major order stays, and the others get no gradient; values with a position outside the image are
 * dropped. Throws ShapeError. */
export function maxUnpool2d(x: TensorLike, index: TensorLike, size: Pair): Tensor {
  const [t, at] = [toTensor(x, 'maxUnpool2d'), toTensor(index, 'maxUnpool2d')]
  const from: Pair = [t.shape[1], t.shape[2]]
  const to = sizeOfMap('maxUnpool2d', size, [t, at], 'give [height, width] of what was pooled')
  return apply(maxUnpoolOp, [t, at], { size: to, from })[0]
}

export const unpoolOps = [maxUnpoolOp, maxUnpoolGradOp] as const
