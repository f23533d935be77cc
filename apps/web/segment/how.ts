// What was done with a picture beyond one pass over it, in sentences: at which size, in which windows and why, in how many looks.

import { showBytes } from '../../../engine/index.ts'
import type { Fitted, TestTime } from '../../../train/index.ts'
import { sizesOf, windowsOf } from '../../../train/predict/geometry.ts'

type Pair = readonly [height: number, width: number]

export interface Done {
  readonly picture: Pair
  readonly fitted: Fitted
  readonly memory: number
  readonly hasScores: boolean
  /** The canvas that it is shown on. */
  readonly shown: Pair
}

export function sentences({ picture, fitted, memory, hasScores, shown }: Done): string[] {
  const { test } = fitted.predictor
  const sizes = sizesOf(test, picture)
  return [
    ...sizeSentence(picture, sizes, test),
    ...windowSentence(sizes, fitted, memory),
    ...(hasScores
      ? []
      : [
          'Its classes are kept and not its probabilities, which would take more memory than allowed.',
        ]),
    ...(shown.join() === picture.join()
      ? []
      : [
          `Shown smaller, in ${shown.join(' × ')} pixels, since no canvas here holds it all; masks are saved in its own size.`,
        ]),
  ]
}

function sizeSentence(picture: Pair, sizes: readonly Pair[], { flip }: TestTime): string[] {
  const looks = sizes.length * (flip ? 2 : 1)
  const told = sizes.map((size) => size.join(' × ')).join(' and ')
  const own = sizes.length === 1 && sizes[0].join() === picture.join()
  const where = own ? 'Looked at in its own size' : `Looked at in ${told} pixels`
  if (looks > 1) return [`${where}${flip ? ', mirrored too' : ''}: the mean of ${looks} looks.`]
  return own ? [] : [`${where}.`]
}

function windowSentence(sizes: readonly Pair[], fitted: Fitted, memory: number): string[] {
  const { window } = fitted.predictor.test
  if (!window) return []
  const all = sizes.map((size) => windowsOf(window, size))
  const count = all.reduce((n, { rows, columns }) => n + rows.length * columns.length, 0)
  if (count === sizes.length) return []
  const [{ size }] = all
  const why =
    fitted.whole.bytes > memory
      ? `: at once it would take ${showBytes(fitted.whole.bytes)}, and ${showBytes(memory)} are allowed`
      : ''
  return [`In ${count} overlapping windows of ${size.join(' × ')}${why}.`]
}
