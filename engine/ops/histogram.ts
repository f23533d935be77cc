// Counting by value.

import { histogram as histogramRecipe } from '../../shaders/histogram.ts'
import { sizeOf } from '../dtype.ts'
import { apply, none, type SampleInput, type StructuredOp, sample, type TensorLike } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { add } from './arithmetic.ts'
import { optionsOf } from './options.ts'
import { refuseOption, shown } from './refuse.ts'
import { toTensor } from './source.ts'
import { combinePairwise } from './windows.ts'

const MOST = 65536

interface Range {
  readonly min: number
  readonly max: number
}
/** As f32 numbers; scale is the bins in a unit. */
type Bins = {
  readonly bins: number
  readonly low: number
  readonly high: number
  readonly scale: number
}

const binsOf = (bins: number, { min, max }: Range): Bins => {
  const [low, high] = [min, max].map(Math.fround)
  return { bins, low, high, scale: Math.fround(bins / (high - low)) }
}

const histogramOp: StructuredOp<Bins> = {
  name: 'histogram',
  error: 'exact',
  source: 'numpy.histogram with a range, in f32',
  kind: 'structured',
  tail: false,
  prologue: false,
  infer: ([x], { bins, low, high, scale }, refuse) => {
    if (x.dtype !== 'f32') refuse('an f32 tensor is needed', 'use cast()')
    if (!Number.isInteger(bins) || bins < 1 || bins > MOST)
      refuse(`there are 1 to ${MOST} bins, not ${shown(bins)}`, 'give a whole number')
    if (!(low < high && Number.isFinite(high - low)))
      refuse(
        `the range must be finite, min below max, not ${low} to ${high}`,
        'write { min: 0, max: 1 }',
      )
    // Otherwise whether an adapter keeps subnormal numbers would matter.
    if (scale < 2 ** -126 || scale > 2 ** 126)
      refuse(
        `${bins} bins from ${low} to ${high} have no width that f32 can divide by`,
        'scale the numbers and the range',
      )
    return [{ dtype: 'u32', shape: [bins] }]
  },
  vjp: none('counts are piecewise constant'),
  cost: ([x]) => ({ macs: 0, flops: 12 * sizeOf(x.shape) }),
  windows: [
    {
      cut: 'input',
      axes: (_, [x]) => x.shape.length,
      part: (box, attrs) => ({ inputs: [box], attrs }),
      combine: combinePairwise(add),
    },
  ],
  lower: ({ inputs: [x], attrs }) =>
    histogramRecipe({ ...attrs, size: sizeOf(x.shape), access: x.access }),
  samples: [
    [sample([7]), 3, -1, 1],
    [{ ...sample([4, 33]), steps: 9 }, 4, -1, 1],
    [sample([1]), 1, -2, 2],
    [sample([5, 3, 8], [-2, 2]), 10, -1, 1.5],
    [sample([3000]), 1500, -0.9, 0.7],
    [{ ...sample([9000]), steps: 300 }, 100, -1, 1],
  ].map(([x, bins, min, max]) => ({
    inputs: [x as SampleInput],
    attrs: binsOf(bins as number, { min: min as number, max: max as number }),
  })),
}

/** How many of all elements of x, f32, fall into each of `bins` bins of equal width from `min` to `max`: u32 [bins], 1 to
 * 65536 of them. Element v is in bin ⌊(v − min)·s⌋, computed in f32 with s = bins / (max − min) rounded to f32, `max` itself in
 * the last; so v within a rounding of an edge may be on either side of it, the same on every adapter. Values outside of
 * the range and NaN are not counted. Throws ShapeError for other dtypes, bins and ranges. */
export function histogram(x: TensorLike, bins: number, range: Range): Tensor {
  const { min, max } = optionsOf('histogram', range, { min: undefined, max: undefined })
  if (typeof min !== 'number' || typeof max !== 'number')
    return refuseOption(
      'histogram',
      `${shown(min)} to ${shown(max)} is no range`,
      'write { min: 0, max: 1 }',
    )
  if (typeof bins !== 'number')
    return refuseOption('histogram', `${shown(bins)} is no number of bins`, 'give a whole number')
  return apply(histogramOp, [toTensor(x, 'histogram')], binsOf(bins, { min, max }))[0]
}

export const histogramOps = [histogramOp] as const
