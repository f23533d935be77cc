// From the scores of many looks at a picture to one distribution over the classes at each of its pixels. Scores are brought to
// the pixels that were looked at, made probabilities, turned back; windows are put together, and the sizes brought to that of
// the picture and added. What is here are functions of tensors: the interpreter runs them as a device does.

import { sameShape } from '../../engine/dtype.ts'
import {
  add,
  concat,
  flip,
  mul,
  padReplicate,
  resizeBicubic,
  resizeBilinear,
  slice,
  softmax,
  type Tensor,
} from '../../engine/index.ts'
import type { Pair } from '../../engine/ops/options.ts'
import { interleavedPasses } from '../../models/shifted.ts'
import { middleOf, scoresOnImage } from '../../nn/grid.ts'
import { predict } from '../../nn/losses.ts'
import type { TestTime } from '../test-time.ts'
import { windowsOf } from './geometry.ts'

/** One look at the picture: by one network, at one size, mirrored or not. */
export interface View {
  readonly size: Pair
  readonly mirrored: boolean
  /** Height and width of what the network got, for each window. */
  readonly padded: Pair
  /** Pixels from one of its scores to the next. */
  readonly stride: number
  /** Row and column, in so many pixels, for which a score stands; the middle one if left out. */
  readonly offset?: number
  /** Passes over each window. */
  readonly passes: 1 | 4
}

type Kind = NonNullable<TestTime['upsample']>

/** Scores of a view's windows, row by row, and of each window its passes: as many tensors as it has of these. */
export const lookCount = ({ size, passes }: View, { window }: TestTime): number => {
  const { rows, columns } = windowsOf(window, size)
  return rows.length * columns.length * passes
}

/** The scores of a window f32 [1, h, w, classes] at its pixels. */
export function pixelScores(passes: readonly Tensor[], { padded, stride, offset }: View): Tensor {
  const { grid, step } = gridOf(passes, padded, stride)
  return scoresOnImage(grid, padded, step, offset === undefined ? {} : { offset })
}

/** The four passes of a window on one grid. */
function gridOf(passes: readonly Tensor[], padded: Pair, stride: number) {
  if (passes.length === 1) return { grid: passes[0], step: stride }
  const step = stride / 2
  const cells = padded.map((n) => Math.ceil(n / step))
  const [first] = passes
  const grid = slice(interleavedPasses(passes), [], [1, ...cells, first.shape[3]])
  return { grid, step }
}

/** Probabilities of a window [1, ...size, classes] from the scores of its passes. */
function probabilitiesOf(
  passes: readonly Tensor[],
  view: View,
  size: Pair,
  upsample: Kind,
): Tensor {
  const cut = (x: Tensor, from = 0) =>
    slice(x, [0, from, from], [1, from + size[0], from + size[1]])
  const turned = (x: Tensor) => (view.mirrored ? flip(x, [2]) : x)
  if (upsample === 'bilinear') return turned(softmax(cut(pixelScores(passes, view))))
  const { grid, step } = gridOf(passes, view.padded, view.stride)
  // Pixels by which the cells stand for others than their middle; where these are further on, the first cells are there once more.
  const beyond = (view.offset ?? middleOf(step)) - middleOf(step)
  const [before, after] = [Math.ceil(Math.max(0, beyond) / step), beyond < 0 ? 1 : 0]
  const wide = padReplicate(grid, [0, before, before, 0], [0, after, after, 0])
  const whole: Pair = [wide.shape[1] * step, wide.shape[2] * step]
  return turned(cut(resizeBicubic(softmax(wide), whole), before * step - beyond))
}

/** Tensors of one `length` that lie along an axis, each from its start on: the means where they overlap, in pieces from one edge to
 * the next. A piece and what it needs are made when it is asked for. */
function piecesAlong(
  parts: readonly (() => Tensor)[],
  starts: readonly number[],
  length: number,
  axis: number,
): (() => Tensor)[] {
  const made: Tensor[] = []
  const edges = [...new Set([...starts, ...starts.map((s) => s + length)])].sort((a, b) => a - b)
  return edges.slice(0, -1).map((from, i) => () => {
    const to = edges[i + 1]
    const over = parts.flatMap((make, k) => {
      if (starts[k] > from || starts[k] + length < to) return []
      made[k] ??= make()
      const { shape } = made[k]
      const begin = shape.map((_, a) => (a === axis ? from - starts[k] : 0))
      return [slice(made[k], begin, shape.with(axis, to - starts[k]))]
    })
    const sum = over.reduce(add)
    return over.length === 1 ? sum : mul(sum, 1 / over.length)
  })
}

/** The pieces one after another. */
const joined = (pieces: readonly Tensor[], axis: number): Tensor =>
  pieces.length === 1 ? pieces[0] : concat(pieces, axis)

/** Such tensors as one. */
export const meanAlong = (...[parts, starts, length, axis]: Parameters<typeof piecesAlong>) =>
  joined(
    piecesAlong(parts, starts, length, axis).map((make) => make()),
    axis,
  )

/** The probabilities of a view at the pixels of its size, [1, rows, width, classes], a piece for each few rows, from `lookCount`
 * scores. */
function viewPieces(scores: readonly Tensor[], view: View, test: TestTime): (() => Tensor)[] {
  const { rows, columns, size } = windowsOf(test.window, view.size)
  const upsample = test.upsample ?? 'bilinear'
  const strips = rows.map((_, row) => () => {
    const windows = columns.map((_, column) => () => {
      const at = (row * columns.length + column) * view.passes
      return probabilitiesOf(scores.slice(at, at + view.passes), view, size, upsample)
    })
    return meanAlong(windows, columns, size[1], 2)
  })
  return piecesAlong(strips, rows, size[0], 1)
}

/** The scores of each view. */
function scoresOfViews(scores: readonly Tensor[], views: readonly View[], test: TestTime) {
  let at = 0
  return views.map((view) => {
    const from = at
    at += lookCount(view, test)
    return { view, scores: scores.slice(from, at) }
  })
}

/** What is made of the scores of some views of a picture, and of the sum of those before. JSON all through: it is a static
 * argument. */
export interface Fused {
  readonly test: TestTime
  /** Height and width of the picture. */
  readonly picture: Pair
  readonly views: readonly View[]
  /** Whether the sum of earlier views comes first, f32 [1, ...picture, classes]. */
  readonly continued: boolean
  /** Views of the whole procedure, whose mean is taken at the end. */
  readonly looks: number
  readonly out: 'sum' | 'probabilities' | 'classes'
}

/** The sum, the mean [1, ...picture, classes] or its likeliest classes u8 [1, ...picture], from `lookCount` scores of each view. */
export function fused(
  { test, picture, views, continued, looks, out }: Fused,
  given: Tensor[],
): Tensor {
  const scores = continued ? given.slice(1) : given
  const [view] = views
  // The likeliest class is that of the largest score.
  const direct = out === 'classes' && looks === 1 && scores.length === view.passes
  if (direct && !view.mirrored && sameShape(view.size, picture) && test.upsample !== 'bicubic')
    return predict(slice(pixelScores(scores, view), [], [1, ...picture]))
  if (out === 'classes' && !continued && views.every(({ size }) => sameShape(size, picture))) {
    // A few rows of all views after the others, so that no probabilities but theirs are there.
    const pieces = scoresOfViews(scores, views, test).map((v) => viewPieces(v.scores, v.view, test))
    const rows = pieces[0].map((_, k) => predict(pieces.map((own) => own[k]()).reduce(add)))
    return joined(rows, 1)
  }
  const own = summed(scores, views, test, picture)
  const sum = continued ? add(given[0], own) : own
  if (out === 'sum') return sum
  if (out === 'classes') return predict(sum)
  return looks === 1 ? sum : mul(sum, 1 / looks)
}

/** The probabilities of views, added up at the pixels of the picture: [1, ...picture, classes]. */
export function summed(
  scores: readonly Tensor[],
  views: readonly View[],
  test: TestTime,
  picture: Pair,
): Tensor {
  const bySize = new Map<string, Tensor>()
  for (const { view, scores: own } of scoresOfViews(scores, views, test)) {
    const pieces = viewPieces(own, view, test).map((make) => make())
    const key = view.size.join()
    const before = bySize.get(key)
    const all = joined(pieces, 1)
    bySize.set(key, before ? add(before, all) : all)
  }
  return [...bySize.values()].map((p) => enlarged(p, picture, test.upsample)).reduce(add)
}

function enlarged(p: Tensor, size: Pair, upsample: Kind = 'bilinear'): Tensor {
  if (sameShape(p.shape.slice(1, 3), size)) return p
  return upsample === 'bilinear' ? resizeBilinear(p, size) : resizeBicubic(p, size)
}
