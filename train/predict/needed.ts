// The memory that a prediction takes, told from its plans before anything runs. Its programs run one after another and share the
// device's activation memory, so of that the largest counts; each has arguments and results of its own, and scores wait from the
// first window to the last.

import type { Program } from '../../engine/compile.ts'
import { storedBytes, type TensorType } from '../../engine/dtype.ts'
import type { Pair } from '../../engine/ops/options.ts'
import type { Plan } from '../../engine/plan/plan.ts'
import type { Tensor } from '../../engine/tensor.ts'
import type { Fused } from './fuse.ts'
import { windowsOf } from './geometry.ts'
import type { Scorer } from './scorer.ts'

/** Bytes that a prediction takes on its device. */
export interface Needed {
  /** Variables of the networks. */
  readonly variableBytes: number
  /** The activation memory. */
  readonly activationBytes: number
  /** Scores of all windows, which wait for each other, where they are made and where they are put together. With a `hold` below
   * that they take less. */
  readonly scoreBytes: number
  /** All other arguments and results: pictures, what networks look at, what comes out. */
  readonly otherBytes: number
  /** All of it. */
  readonly bytes: number
}

/** The programs of a prediction. */
export interface Programs {
  readonly scorers: readonly Scorer[]
  readonly resize: Program<Tensor>
  readonly fuse: Program<Tensor>
}

/** Of a picture of a size that is looked at in `views`, those of one size after the other, which those of `scorers` take in turn. */
export function neededBytes(
  { scorers, resize, fuse }: Programs,
  spec: Pick<Fused, 'test' | 'picture' | 'views' | 'out'>,
): Needed {
  const { test, picture, views } = spec
  const flips = test.flip ? 2 : 1
  const plans = new Set<Plan>()
  const scores: TensorType[] = []
  for (const [i, view] of views.entries()) {
    const scorer = scorers[Math.floor(i / flips) % scorers.length]
    const indices = view.padded.map((n): TensorType => ({ dtype: 'i32', shape: [n] }))
    const { plan, result } = scorer.scores.stages(pixels('f32', view.padded))
    plans.add(plan)
    plans.add(scorer.look.stages(pixels('u8', view.size), ...indices).plan)
    plans.add(resize.stages(pixels('u8', picture), JSON.stringify(view.size)).plan)
    const { rows, columns } = windowsOf(test.window, view.size)
    const count = rows.length * columns.length * scorer.moves.length
    scores.push(...new Array<TensorType>(count).fill(result))
  }
  const all: Fused = { ...spec, continued: false, looks: views.length }
  plans.add(fuse.stages(JSON.stringify(all), ...scores).plan)
  const each = [...plans]
  const variables = new Set(each.flatMap(({ variables }) => variables))
  const own = each.reduce(
    (n, p) => n + p.inputBytes + p.outputBytes + p.constantBytes + p.uniformBytes + p.paddingBytes,
    0,
  )
  // Arguments of the last program are the scores once more; what is counted twice is one window's, of each plan that makes some.
  const parts = {
    variableBytes: storedBytes(variables),
    activationBytes: Math.max(...each.map((plan) => plan.activationBytes)),
    scoreBytes: 2 * storedBytes(scores),
    otherBytes: own - storedBytes(scores),
  }
  return { ...parts, bytes: Object.values(parts).reduce((a, b) => a + b) }
}

const pixels = (dtype: 'u8' | 'f32', size: Pair): TensorType => ({ dtype, shape: [1, ...size, 3] })
