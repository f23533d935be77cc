// A prediction within a number of bytes: the whole picture at once where that fits, else windows of it as large as do. They
// overlap by a third, and where they do their probabilities are averaged.

import type { Device } from '../../engine/device.ts'
import { OutOfMemoryError } from '../../engine/errors.ts'
import type { Pair } from '../../engine/ops/options.ts'
import { showBytes } from '../../engine/print.ts'
import type { Network } from '../../models/network.ts'
import { roundUp } from '../pictures/pad.ts'
import { Predictor, type PredictorOptions } from '../predict.ts'
import type { TestTime } from '../test-time.ts'
import { sizesOf } from './geometry.ts'
import type { Needed } from './needed.ts'

export interface FittedOptions extends PredictorOptions {
  /** The most bytes that a prediction may take, its network included. */
  readonly bytes: number
  /** What is predicted; default classes. */
  readonly out?: 'classes' | 'probabilities'
}

export interface Fitted {
  /** Its `test` has the windows; the caller disposes it. */
  readonly predictor: Predictor
  readonly needed: Needed
  /** What the whole picture at once would take. */
  readonly whole: Needed
}

/** Windows are no smaller: networks would hardly see anything but their edges. */
const LEAST = 64

/** A predictor that keeps to `bytes` for pictures of this size; windows that the procedure has stay as they are. Nothing runs: what
 * a prediction takes is told by its plans. Throws OutOfMemoryError where no windows keep to it, and what `Predictor` throws. */
export function fittedPredictor(
  device: Device,
  models: Network | readonly Network[],
  test: TestTime,
  picture: Pair,
  { bytes, out = 'classes', ...options }: FittedOptions,
): Fitted {
  const attempt = (window?: TestTime['window']) => {
    const predictor = new Predictor(device, models, window ? { ...test, window } : test, options)
    return { predictor, needed: predictor.needed(picture, out) }
  }
  const first = attempt()
  const whole = first.needed
  if (whole.bytes <= bytes) return { ...first, whole }
  first.predictor.dispose()
  const multiple = Math.max(...[models].flat().map((model) => model.sizeMultiple))
  const least = roundUp(LEAST, multiple)
  const [height, width] = sizesOf(test, picture).reduce((a, b) =>
    a[0] * a[1] > b[0] * b[1] ? a : b,
  )
  // Work grows with the pixels of a window; what is left for it decides where the search begins.
  const left = Math.max(0, bytes - whole.bytes + whole.activationBytes)
  const guess = Math.sqrt((height * width * left) / whole.activationBytes)
  const most = Math.max(height, width) - 1
  let side = test.window ? 0 : downTo(Math.min(guess, most), multiple, least)
  let smallest = whole
  while (side >= least) {
    const fitted = attempt({ height: side, width: side })
    if (fitted.needed.bytes <= bytes) return { ...fitted, whole }
    fitted.predictor.dispose()
    smallest = fitted.needed
    side = side === least ? 0 : downTo(0.75 * side, multiple, least)
  }
  throw new OutOfMemoryError(
    `a picture looked at in ${height}×${width} pixels takes ${showBytes(smallest.bytes)} ${
      smallest === whole ? 'at once' : `even in windows of ${least}×${least}`
    }, and ${showBytes(bytes)} are allowed`,
    `look at it smaller, at a height of ${Math.floor(height * Math.sqrt(bytes / smallest.bytes) * 0.9)} or so, or allow more`,
  )
}

/** A multiple, no smaller than `least`. */
const downTo = (side: number, multiple: number, least: number): number =>
  Math.max(least, Math.floor(side / multiple) * multiple)
