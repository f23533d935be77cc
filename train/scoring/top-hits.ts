// Top-k accuracy of classifiers, ImageNet's measure.

import type { TensorLike } from '../../engine/op.ts'
import {
  cast,
  equal,
  greater,
  greaterEqual,
  isNaN,
  less,
  logicalAnd,
  logicalNot,
  logicalOr,
} from '../../engine/ops/arithmetic.ts'
import { checkCount } from '../../engine/ops/options.ts'
import { sum } from '../../engine/ops/reduce.ts'
import { refuse } from '../../engine/ops/refuse.ts'
import { iota } from '../../engine/ops/shape.ts'
import { takeLabel } from '../../engine/ops/softmax.ts'
import { toTensor } from '../../engine/ops/source.ts'
import { expandDims } from '../../engine/ops/views.ts'
import type { Tensor } from '../../engine/tensor.ts'

/** 1 where an image's class is among the k with the highest scores, of equal scores the lower class before the higher: u8 [n], for
 * logits f32 [n, classes] and categories i32 [n]. A category that is no class, such as the −1 of what fills up a batch, and a
 * class whose score is NaN are no hits; scores that are NaN stand above all others. Throws ShapeError for other shapes and
 * dtypes, OptionError for a k that is no whole number from 1. */
export function topHits(logits: TensorLike, categories: TensorLike, k: number): Tensor {
  const me = 'topHits'
  const [x, own] = [toTensor(logits, me), toTensor(categories, me)]
  if (x.shape.length !== 2 || x.dtype !== 'f32' || own.dtype !== 'i32')
    refuse(me, 'logits f32 [n, classes] and categories i32 [n] are needed', [x, own])
  if (own.shape.length !== 1 || own.shape[0] !== x.shape[0])
    refuse(me, 'each image needs one category', [x, own])
  checkCount(me, 'k', k, 'it is how many classes may be named')
  const classes = x.shape[1]
  const score = takeLabel(x, own)
  const mine = expandDims(score, 1)
  const lower = less(iota([classes], 0), cast(expandDims(own, 1), 'f32'))
  const tied = logicalAnd(equal(x, mine), lower)
  const before = logicalOr(isNaN(x), logicalOr(greater(x, mine), tied))
  const among = less(sum(cast(before, 'f32'), [1]), k)
  const known = logicalAnd(greaterEqual(own, 0), less(own, classes))
  return logicalAnd(logicalAnd(among, known), logicalNot(isNaN(score)))
}
