// The programs that `explain` and `plan` look at: a network's forward pass, and a whole step of its training.

import type { Caps } from '../../engine/adapters/adapter.ts'
import type { TensorType } from '../../engine/dtype.ts'
import { defaultCaps } from '../../engine/explain.ts'
import type { Precision } from '../../engine/stages.ts'
import type { Tensor } from '../../engine/tensor.ts'
import type { ImageSize, Network } from '../../models/index.ts'
import { bootstrappedCrossEntropy } from '../../nn/bootstrap.ts'
import { labelsOnGrid } from '../../nn/grid.ts'
import { localizationLoss } from '../../nn/localization-loss.ts'
import { localizationTargets } from '../../nn/localization-targets.ts'
import { crossEntropy } from '../../nn/losses.ts'
import { accumulated, microBatch } from '../../train/loop/accumulate.ts'
import { Adam, Sgd } from '../../train/optimizers.ts'

/** Default limits, but no end to memory: what a network needs is the question here. */
export const roomy: Caps = { ...defaultCaps, maxBindingBytes: 2 ** 45, maxBufferBytes: 2 ** 45 }

export interface StepProgram {
  readonly fn: (...inputs: Tensor[]) => unknown
  readonly types: readonly TensorType[]
}

const imageOf = ([n, h, w]: ImageSize): TensorType => ({ dtype: 'f32', shape: [n, h, w, 3] })

/** What prediction runs, the choice of classes apart. */
export const forwardPass = (model: Network, size: ImageSize): StepProgram => ({
  fn: (x) => model.apply(x, { train: false }),
  types: [imageOf(size)],
})

export const optimizerNames = ['adam', 'sgd'] as const
export type OptimizerName = (typeof optimizerNames)[number]

/** Forward, loss, backward and update: what `train` runs, where it trains such a network, with the batch in `parts` one after the
 * other. `sgd` has momentum; for `mixed` precision the loss is scaled. */
export function trainingStep(
  model: Network,
  size: ImageSize,
  optimizer: OptimizerName,
  parts = 1,
  precision: Precision = 'full',
): StepProgram {
  const parameters = model.parameters()
  const lossScale = precision === 'mixed'
  const updates =
    optimizer === 'adam'
      ? new Adam(parameters, { lossScale })
      : new Sgd(parameters, { momentum: 0.9, lossScale })
  const { truth, lossOf } = lossOn(model, size)
  return {
    fn: (x, lr, seed, step, ...given) => {
      const lossOfPart = (part: number) => {
        const [image, ...own] = [x, ...given].map((t) => microBatch(t, part, parts))
        return lossOf(model.apply(image, { train: true, random: { seed, step } }), own)
      }
      return accumulated(updates, parts, lossOfPart, lr)
    },
    types: [
      imageOf(size),
      { dtype: 'f32', shape: [] },
      { dtype: 'u32', shape: [] },
      { dtype: 'u32', shape: [] },
      ...truth,
    ],
  }
}

interface LossOn {
  /** What is known of the images. */
  readonly truth: readonly TensorType[]
  lossOf(y: Tensor, truth: readonly Tensor[]): Tensor
}

/** Of pixels a quarter is kept, the hardest; boxes and whole images have losses of their own. */
function lossOn({ predicts, scoreStride, classes }: Network, [n, h, w]: ImageSize): LossOn {
  const labels: TensorType = { dtype: 'u8', shape: [n, h, w] }
  if (predicts === 'boxes')
    return {
      truth: [labels, { dtype: 'i32', shape: [n, h, w] }],
      lossOf: (y, [labels, instances]) =>
        localizationLoss(y, localizationTargets(labels, instances, scoreStride, { classes })).loss,
    }
  if (!scoreStride)
    return {
      truth: [{ dtype: 'i32', shape: [n] }],
      lossOf: (y, [labels]) => crossEntropy(y, labels).loss,
    }
  const keep = Math.ceil((Math.ceil(h / scoreStride) * Math.ceil(w / scoreStride)) / 4)
  return {
    truth: [labels],
    lossOf: (y, [labels]) =>
      bootstrappedCrossEntropy(y, labelsOnGrid(labels, scoreStride), { keep }).loss,
  }
}
