// On paths of which length a residual network learns (Wu, Shen and van den Hengel 2016b, section 6.3): the gradient at the
// image through exactly k of its n branches, for each k. Where it falls fast with k, long paths hardly train.

import type { Device } from '../../engine/device.ts'
import { isWholes, type Shape, type TensorType } from '../../engine/dtype.ts'
import { NonFiniteError, OptionError } from '../../engine/errors.ts'
import { grad } from '../../engine/grad.ts'
import { apply } from '../../engine/op.ts'
import { abs, div, gate, greater, sqrt, square, where } from '../../engine/ops/arithmetic.ts'
import { stack } from '../../engine/ops/concat.ts'
import { checkChoice, checkCount, optionsOf } from '../../engine/ops/options.ts'
import { max, mean, sum } from '../../engine/ops/reduce.ts'
import { refuseOption, shown } from '../../engine/ops/refuse.ts'
import { slice } from '../../engine/ops/shape.ts'
import { hostTensor, inputOp } from '../../engine/ops/source.ts'
import type { HostTensor, Tensor } from '../../engine/tensor.ts'
import { tracing } from '../../engine/trace.ts'
import type { Network } from '../../models/network.ts'
import { labelsOnGrid } from '../../nn/grid.ts'
import { crossEntropy } from '../../nn/losses.ts'
import type { Mode } from '../../nn/module.ts'
import { checkPixels } from '../loader/batch.ts'
import { permutation } from '../random.ts'

/** Examples whose gradient is measured; a `Batch` is one. */
export interface PathBatch {
  /** f32 [n, height, width, 3], RGB in [0, 1]. */
  readonly image: Float32Array
  readonly height: number
  readonly width: number
  /** Classes: [n, height, width], 255 where void; of a network that scores images as a whole [n], −1 where unknown. */
  readonly labels?: Uint8Array | Int32Array | undefined
}

export interface PathOptions {
  /** Sets of units drawn for each k; default 20 (the paper gives no number). */
  readonly draws?: number
  /** Fixes the draws; default 0. */
  readonly seed?: number
  /** The values of k; default all, 0 … n. */
  readonly lengths?: readonly number[] | undefined
  /** Of batch norm: `running` (default), or those of the batch as in training, which starting values want, since averages
   * that have seen nothing normalise nothing. The averages stay as they are. */
  readonly statistics?: 'running' | 'batch'
  /** Gets the number of runs done after each. */
  readonly onProgress?: (done: number, of: number) => void
}

/** The gradient through k branches. */
export interface PathLength {
  readonly k: number
  /** Of the norms. */
  readonly mean: number
  /** Of the norms, about their mean (n − 1 in the divisor; 0 for a single draw). */
  readonly deviation: number
  /** One for each draw. */
  readonly norms: readonly number[]
}

export interface PathLengths {
  /** Number of residual units, n. */
  readonly units: number
  /** What the gradient is of: cross entropy where there are labels. */
  readonly of: 'cross entropy' | 'largest score'
  /** Norm of the whole gradient, which is the sum over all 2ⁿ sets of units; the mean over batches. */
  readonly full: number
  readonly lengths: readonly PathLength[]
}

const NAME = 'pathLengths'
const defaults = {
  ...{ draws: 20, seed: 0, statistics: 'running' as const },
  ...{ lengths: undefined, onProgress: undefined },
}

/** Measures ‖∂L/∂images‖₂ / examples where the gradient passes k randomly drawn residual units only through their branch
 * and the others only through their shortcut (which the projection belongs to, where there is one). Whatever is no
 * residual unit is always passed, and values are those of a plain forward pass. Draw i uses batch i modulo their number.
 *
 * L is the sum over the examples of their losses, so that this is the gradient of the mean. With labels the loss is the
 * cross entropy, on the grid of scores (the label in the middle of each cell). Without, it is the mean over the cells of
 * the largest score: a cross entropy against the network's own answer would vanish where the network is sure of it, and
 * a random direction would be one that nothing is decided by.
 *
 * All runs are of one program. Throws OptionError for a network without residual units, batches that are no batch or of
 * several sizes, labels that are no classes, and options that make no sense; NonFiniteError where an image or a gradient is not
 * finite. */
export async function pathLengths(
  device: Device,
  model: Network,
  batches: readonly PathBatch[],
  options: PathOptions = {},
): Promise<PathLengths> {
  const given = optionsOf(NAME, options, defaults)
  const { draws, seed, statistics, onProgress } = given
  checkChoice(NAME, 'statistics', statistics, ['running', 'batch'])
  checkCount(NAME, 'draws', draws, 'a gradient is measured for each')
  if (!isWholes([seed], 0))
    refuseOption(NAME, `seed ${shown(seed)} is no whole number from 0`, 'by default it is 0')
  const { units, inputs } = inputsOf(model, batches)
  const lengths = given.lengths ?? Array.from({ length: units + 1 }, (_, k) => k)
  checkLengths(lengths, units)

  using program = device.compile((gates, image, ...labels: Tensor[]) =>
    normOf(pathGradient(model, gates, image, labels[0], statistics).gradient),
  )
  const of = inputs.length + lengths.length * draws
  let done = 0
  const measure = async (gates: HostTensor, batch: number): Promise<number> => {
    using result = await program.run(gates, ...inputs[batch % inputs.length])
    const [largest, relative] = await result.read()
    onProgress?.(++done, of)
    if (Number.isFinite(largest * relative)) return largest * relative
    throw new NonFiniteError(
      `a gradient of ${model.config.name} at the image is not finite`,
      "its scores or weights are not, or leave what f32 holds; untrained, try { statistics: 'batch' }",
    )
  }
  const whole: number[] = []
  for (const i of inputs.keys()) whole.push(await measure(openGates(units), i))
  const measured: PathLength[] = []
  for (const k of lengths) {
    const norms: number[] = []
    for (let i = 0; i < draws; i++)
      norms.push(await measure(gatesOf(units, drawUnits(units, k, seed, i)), i))
    measured.push({ k, ...spread(norms), norms })
  }
  return {
    units,
    of: batches[0].labels ? 'cross entropy' : 'largest score',
    full: spread(whole).mean,
    lengths: measured,
  }
}

/** Draw number `draw` of k distinct units of 0 … n−1; the same for the same numbers. */
export const drawUnits = (units: number, k: number, seed: number, draw: number): Uint32Array =>
  permutation(units, seed, k, draw).slice(0, k)

/** Factors f32 [units, 2] of the gradients of shortcut and branch: only the branch of units in `drawn`, only the shortcut
 * of the others. */
export function gatesOf(units: number, drawn: Iterable<number>): HostTensor {
  const data = Float32Array.from({ length: 2 * units }, (_, i) => 1 - (i % 2))
  for (const unit of drawn) data.set([0, 1], 2 * unit)
  return hostTensor(data, [units, 2])
}

/** Gates that let everything pass. */
export const openGates = (units: number): HostTensor =>
  hostTensor(new Float32Array(2 * units).fill(1), [units, 2])

/** Scores of an image, and the gradient at the image f32 [n, h, w, 3] of the mean loss through these gates. */
export function pathGradient(
  model: Network,
  gates: Tensor,
  image: Tensor,
  labels: Tensor | undefined,
  statistics: 'running' | 'batch',
): { scores: Tensor; gradient: Tensor } {
  let unit = 0
  const factor = (way: number) => slice(gates, [unit, way], [unit + 1, way + 1])
  const residual: Mode['residual'] = (shortcut, branch) => {
    const gated = [gate(shortcut, factor(0)), gate(branch, factor(1))] as const
    unit++
    return gated
  }
  // Not `train`, which would draw dropout and move the averages.
  const scores = model.apply(image, { train: false, statistics, residual })
  const loss = labels ? lossOf(model, scores, labels) : mean(max(scores, [-1]))
  return { scores, gradient: grad(loss, [image])[0] }
}

/** Where images have one label each, 255 is a class like others. */
const lossOf = ({ scoreStride }: Network, scores: Tensor, labels: Tensor): Tensor =>
  scoreStride
    ? crossEntropy(scores, labelsOnGrid(labels, scoreStride)).loss
    : crossEntropy(scores, labels, { ignore: -1 }).loss

/** [largest |x|, ‖x / largest‖₂]: the squares of what is left of a gradient after fifty branches would be 0 in f32. */
function normOf(x: Tensor): Tensor {
  const largest = max(abs(x))
  return stack([largest, sqrt(sum(square(div(x, where(greater(largest, 0), largest, 1)))))])
}

/** Images, and labels where there are some, as the program takes them; and how many units the gradient passes. */
function inputsOf(
  model: Network,
  batches: readonly PathBatch[],
): { units: number; inputs: HostTensor[][] } {
  const [first] = batches
  if (!first) throw new OptionError('path lengths are measured on at least one batch; got none')
  const { height, width } = first
  const shape = [first.image.length / (3 * height * width), height, width, 3]
  for (const { image, labels, ...size } of batches)
    if (
      size.height !== height ||
      size.width !== width ||
      image.length !== first.image.length ||
      !labels !== !first.labels
    )
      throw new OptionError(
        'batches differ in size, or some have labels and others have none',
        'measure each kind by itself',
      )
  checkPixels(batches)
  const images = batches.map(({ image }) => hostTensor(image, shape))
  const units = residualUnits(model, shape)
  if (!units)
    throw new OptionError(
      `${model.config.name} has no residual units`,
      'measure a network of units with shortcuts, such as resnet-50',
    )
  return {
    units,
    inputs: batches.map(({ labels }, i) =>
      labels ? [images[i], labelsOf(labels, shape, model)] : [images[i]],
    ),
  }
}

/** How many residual units images [n, h, w, 3] pass; found without a device. */
export function residualUnits(model: Network, shape: Shape): number {
  let units = 0
  const residual: Mode['residual'] = (...terms) => {
    units++
    return terms
  }
  tracing(() => {
    const type: TensorType = { dtype: 'f32', shape }
    const [image] = apply(inputOp, [], { type, position: 0 })
    model.apply(image, { train: false, residual })
  })
  return units
}

/** Labels as a program takes them. */
function labelsOf(
  labels: Uint8Array | Int32Array,
  [n, height, width]: Shape,
  { config, predicts, scoreStride, classes }: Network,
): HostTensor {
  const pixels = scoreStride ? height * width : 1
  const none = scoreStride ? 255 : -1
  const strange = labels.find((label) => label !== none && !(label >= 0 && label < classes))
  if (predicts === 'scores' && strange !== undefined)
    throw new OptionError(
      `${config.name} has no score of class ${strange}`,
      `labels are 0 to ${classes - 1}, or ${none} where there is none`,
    )
  if (predicts === 'scores' && labels.length === n * pixels)
    return hostTensor(labels, scoreStride ? [n, height, width] : [n])
  throw new OptionError(
    `${config.name} cannot take ${labels.length} labels for ${n} images of ${height}×${width}`,
    predicts === 'scores'
      ? `give one for each ${scoreStride ? 'pixel' : 'image'}, or none`
      : 'it predicts no classes: leave them out',
  )
}

function checkLengths(lengths: readonly number[], units: number): void {
  if (!Array.isArray(lengths))
    refuseOption(NAME, `lengths are a list, not ${shown(lengths)}`, `write [${shown(lengths)}]`)
  const other = lengths.find((k) => !(Number.isInteger(k) && k >= 0 && k <= units))
  if (other !== undefined)
    throw new OptionError(
      `there are no paths through ${other} of ${units} branches`,
      `use whole numbers from 0 to ${units}`,
    )
}

function spread(norms: readonly number[]): { mean: number; deviation: number } {
  const average = norms.reduce((a, b) => a + b, 0) / norms.length
  const squares = norms.reduce((sum, x) => sum + (x - average) ** 2, 0)
  return { mean: average, deviation: Math.sqrt(squares / Math.max(1, norms.length - 1)) }
}
