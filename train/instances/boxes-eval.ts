// How well a localization net's boxes fit those of the instances of a split: the mean IoU over the cells that have one, and the
// loss of training without its choice of cells.

import type { Program } from '../../engine/compile.ts'
import type { Device } from '../../engine/device.ts'
import type { DeviceTensor } from '../../engine/device-tensor.ts'
import { OptionError } from '../../engine/errors.ts'
import {
  broadcastTo,
  cast,
  clamp,
  concat,
  equal,
  gather,
  greater,
  hostTensor,
  logicalAnd,
  mul,
  reshape,
  rsqrt,
  sub,
  sum,
  type Tensor,
  where,
} from '../../engine/index.ts'
import type { Network } from '../../models/network.ts'
import { areaOf, boxIou, inPixels } from '../../nn/boxes.ts'
import { smoothL1 } from '../../nn/elementwise-losses.ts'
import type { Dataset } from '../dataset.ts'
import type { Validation } from '../events.ts'
import { evalBatches } from '../loader/eval.ts'
import type { LossConfig } from '../recipes/loss.ts'
import { boxesTargets, checkBoxes, needBoxes } from './boxes-loss.ts'

export interface BoxesOptions {
  /** Images in a batch; default 4. */
  readonly batch?: number | undefined
  readonly onProgress?: (done: number, of: number) => void
  readonly signal?: AbortSignal | undefined
}

export interface BoxFit {
  /** Mean over cells of the IoU of the box that is predicted and that of the instance there; 0 where no cell has one. */
  readonly meanIoU: number
  /** Share of the cells whose IoU is 0.5 or more. */
  readonly above: number
  /** The loss over all cells that have an instance. */
  readonly loss: number
  readonly cells: number
  /** Of each class of objects, from label 1 on; undefined where no cell has it. */
  readonly perClass: readonly { readonly name: string; readonly iou: number | undefined }[]
  readonly images: number
  readonly seconds: number
}

/** A localization net compiled to be looked at. */
export class BoxJudge {
  readonly model: Network
  readonly #program: Program<Tensor>

  /** `config` is the loss that it was trained with. Throws OptionError for a network that predicts no boxes. */
  constructor(device: Device, model: Network, config: LossConfig) {
    needBoxes(model, 'the fit of boxes')
    this.model = model
    const { loss } = checkBoxes(config)
    const targetsOf = boxesTargets(config, model)
    const { classes } = model
    this.#program = device.compile((image: Tensor, labels: Tensor, instances: Tensor) => {
      const x = model.apply(image, { train: false })
      const { boxes, classes: label, sigma } = targetsOf([labels, instances])
      const [n, h, w] = x.shape
      const cells = n * h * w
      const own = ownBoxes(reshape(x, [cells, classes, 4]), reshape(label, [cells]))
      const truth = reshape(boxes, [cells, 4])
      const [predicted, actual] = [own, truth].map((t) => inPixels(t, sigma))
      const valid = greater(reshape(label, [cells]), 0)
      const iou = where(valid, boxIou(predicted, actual), 0)
      const weight = where(valid, clamp(rsqrt(areaOf(actual)), ...loss.weights), 0)
      const losses = sum(smoothL1(own, truth, { beta: loss.beta, reduction: 'none' }), [1])
      const count = (mask: Tensor) => sum(cast(mask, 'f32'))
      const good = count(logicalAnd(valid, greater(iou, 0.5)))
      const perClass = Array.from({ length: classes }, (_, k) => {
        const mine = equal(reshape(label, [cells]), k + 1)
        return [sum(where(mine, iou, 0)), count(mine)]
      }).flat()
      const figures = [good, sum(weight), sum(mul(weight, where(valid, losses, 0))), ...perClass]
      // One small vector: each read waits for the device.
      return concat(
        figures.map((f) => reshape(f, [1])),
        0,
      )
    })
  }

  /** Looks at every image of a split once. Throws OptionError where the network and the data set have not the same classes, and
   * DataError for examples whose objects are not told apart. */
  async evaluate(dataset: Dataset, options: BoxesOptions = {}): Promise<BoxFit> {
    checkClasses(this.model, dataset)
    const begun = performance.now()
    const { sizeMultiple: multiple, padding, classes } = this.model
    const layout = { multiple, padding, targets: ['labels', 'instances'] as const }
    const totals = new Float64Array(3 + 2 * classes)
    let running: { readonly figures: DeviceTensor; readonly count: number } | undefined
    let done = 0
    const finish = async ({ figures, count }: NonNullable<typeof running>) => {
      using owned = figures
      const values = (await owned.read()) as Float32Array
      values.forEach((v, i) => {
        totals[i] += v
      })
      done += count
      options.onProgress?.(done, dataset.size)
    }
    // One batch ahead: the host makes the next while the device works.
    for await (const batch of evalBatches(dataset, options.batch ?? 4, layout)) {
      if (options.signal?.aborted) break
      const { image, targets, examples, height, width } = batch
      const n = image.length / (3 * height * width)
      const figures = await this.#program.run(
        hostTensor(image, [n, height, width, 3]),
        ...targets.map(({ data, shape }) => hostTensor(data, shape)),
      )
      if (running) await finish(running)
      running = { figures, count: examples.length }
    }
    if (running) await finish(running)
    const [good, weights, losses, ...each] = totals
    const perClass = dataset.classes.slice(1).map(({ name }, k) => {
      const [total, cells] = each.slice(2 * k, 2 * k + 2)
      return { name, iou: cells ? total / cells : undefined, total, cells }
    })
    const cells = perClass.reduce((s, c) => s + c.cells, 0)
    return {
      meanIoU: cells && perClass.reduce((s, c) => s + c.total, 0) / cells,
      above: cells && good / cells,
      loss: weights && losses / weights,
      cells,
      perClass: perClass.map(({ name, iou }) => ({ name, iou })),
      images: done,
      seconds: (performance.now() - begun) / 1000,
    }
  }

  dispose(): void {
    this.#program.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

/** Of boxes [cells, classes, 4] those of each cell's label, from 1; of label 0 the first. */
function ownBoxes(boxes: Tensor, label: Tensor): Tensor {
  const [cells] = label.shape
  const block = clamp(sub(label, 1), 0, boxes.shape[1] - 1)
  const index = broadcastTo(reshape(block, [cells, 1, 1]), [cells, 1, 4])
  return reshape(gather(boxes, index, 1), [cells, 4])
}

function checkClasses({ classes }: Network, { name, ...dataset }: Dataset): void {
  if (classes !== dataset.classes.length - 1)
    throw new OptionError(
      `the model has boxes of ${classes} classes and ${name} has ${dataset.classes.length - 1} beside background`,
      'evaluate on the data set that it was trained on',
    )
}

/** What training makes of it: the mean IoU of boxes decides which weights are best. */
export const boxValidation = ({ meanIoU, above, loss, perClass }: BoxFit): Validation => ({
  score: meanIoU,
  scoreName: 'box IoU',
  figures: { boxIoU: meanIoU, boxesAbove50: above, boxLoss: loss },
  perClass: perClass.flatMap(({ name, iou }) => (iou === undefined ? [] : [{ name, iou }])),
})
