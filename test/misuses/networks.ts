// Losses and layers.

import type { Tensor } from '../../engine/index.ts'
import { scalar, scope } from '../../engine/index.ts'
import {
  BatchNorm2d,
  binaryCrossEntropyWithLogits,
  bootstrappedCrossEntropy,
  boxIou,
  Conv2d,
  ConvTranspose2d,
  crossEntropy,
  Dropout,
  Dropout2d,
  decodeBoxes,
  huber,
  Linear,
  labelsOnGrid,
  localizationLoss,
  localizationTargets,
  Module,
  nllLoss,
  pixelCrossEntropy,
  predict,
  scoresOnImage,
  smoothL1,
} from '../../nn/index.ts'
import { f16, f32, i32, type Misuses, program, u8 } from './makers.ts'

/** A layer inside another, so that the message says where. */
class Net extends Module<[x: Tensor, mode: { train: boolean }]> {
  readonly layer: Module
  constructor(layer: Module<never>) {
    super()
    this.layer = layer as never
  }
  protected forward(x: Tensor, mode: { train: boolean }) {
    return this.layer.apply(x, mode)
  }
}
/** `layer` applied as `encoder.layer` of a network. */
const inside = (layer: Module<never>, x: Tensor, mode?: unknown) =>
  scope('encoder', () => new Net(layer).apply(x, mode as never))

const logits = () => f32(2, 4, 4, 3)
const labels = () => u8(2, 4, 4)

const boxes = () => f32(2, 4, 4, 8)
const targets = (classes = i32(2, 4, 4), sigma = 64) => ({
  ...{ boxes: f32(2, 4, 4, 4), classes, outOfRange: f32(), sigma },
})

export const networks: Misuses = {
  crossEntropy: [
    () => scope('loss', () => crossEntropy(f32(2, 3, 4, 4), labels())),
    () => crossEntropy(logits(), f32(2, 4, 4)),
    () => crossEntropy(logits(), u8(2, 4, 4, 3)),
    () => crossEntropy(logits(), u8(2, 4, 4, 1)),
    () => crossEntropy(f16(2, 4, 4, 3), labels()),
    () => crossEntropy(logits(), labels(), { weights: [1, 2] }),
    () => crossEntropy(logits(), labels(), { weights: i32(3) }),
    () => crossEntropy(logits(), labels(), { reduction: 'max' as never }),
    () => crossEntropy(logits(), labels(), { ignoreIndex: 255 } as never),
    () => crossEntropy(logits(), labels(), { ignore: 2.5 }),
    () => crossEntropy(f32(0, 4, 4, 3), u8(0, 4, 4)),
  ],
  nllLoss: [
    () => nllLoss(logits(), i32(4, 4)),
    () => nllLoss(logits(), labels(), { weights: [1, '2', 3] as never }),
    () => nllLoss([0.1, 0.9] as never, labels()),
  ],
  pixelCrossEntropy: [
    () => pixelCrossEntropy(logits(), u8(2, 5, 4)),
    () => pixelCrossEntropy(logits(), labels(), { reduction: 'sum' } as never),
  ],
  bootstrappedCrossEntropy: [
    () => bootstrappedCrossEntropy(logits(), labels(), { keep: 0.5 }),
    () => bootstrappedCrossEntropy(logits(), labels(), undefined as never),
    () => bootstrappedCrossEntropy(logits(), labels(), { keep: 8, threshold: 1.5 }),
    () => bootstrappedCrossEntropy(logits(), labels(), { keep: 8, threshold: f32(2) }),
    () => bootstrappedCrossEntropy(logits(), labels(), { keep: 8, scope: 'row' as never }),
    () => bootstrappedCrossEntropy(logits(), labels(), { keep: 8, divisor: 'n' as never }),
    () => bootstrappedCrossEntropy(logits(), labels(), { keep: 8, weights: [1, 1, 1] as never }),
    () => bootstrappedCrossEntropy(f32(3), u8(), { keep: 8 }),
  ],
  smoothL1: [
    () => smoothL1(f32(4, 1), f32(4)),
    () => smoothL1(f32(4), i32(4)),
    () => smoothL1(f32(4), f32(4), { beta: -1 }),
    () => smoothL1(f16(4), f16(4)),
  ],
  huber: [
    () => huber(f32(4), f32(4), { delta: 0 }),
    () => huber(i32(4), i32(4)),
    () => huber(f32(4), f32(4), { beta: 1 } as never),
    () => huber(f32(4), 0 as never),
  ],
  binaryCrossEntropyWithLogits: [
    () => binaryCrossEntropyWithLogits(f32(4, 1), f32(4)),
    () => binaryCrossEntropyWithLogits(f32(4), u8(4)),
    () => binaryCrossEntropyWithLogits(f32(4, 3), f32(4, 3), { positiveWeight: f32(4) }),
    () => binaryCrossEntropyWithLogits(f32(4), f32(4), { weight: f32(2, 4) }),
    () => binaryCrossEntropyWithLogits(f32(4), f32(4), { reduction: 'average' as never }),
  ],
  predict: [() => predict(f16(2, 4, 4, 3)), () => predict(f32()), () => predict(null as never)],
  labelsOnGrid: [
    () => labelsOnGrid(u8(4, 4), 8),
    () => labelsOnGrid(f32(2, 4, 4), 8),
    () => labelsOnGrid(labels(), 2.5),
    () => labelsOnGrid(labels(), 8, { offset: -4 }),
    () => labelsOnGrid(labels(), 8, { offset: 'middle' as never }),
    () => labelsOnGrid(labels(), 8, { ignore: -1 }),
    () => labelsOnGrid(labels(), 8, { stretch: true } as never),
  ],
  localizationTargets: [
    () => localizationTargets(labels(), u8(2, 4, 5), 8),
    () => localizationTargets(labels(), f32(2, 4, 4), 8),
    () => localizationTargets(u8(4, 4), u8(4, 4), 8),
    () => localizationTargets(u8(0, 4, 4), u8(0, 4, 4), 8),
    () => localizationTargets(u8(2, 0, 4), u8(2, 0, 4), 8),
    () => localizationTargets(labels(), labels(), 0),
    () => localizationTargets(labels(), labels(), 8, { classes: 0 }),
    () => localizationTargets(labels(), labels(), 8, { sigma: 0 }),
    () => localizationTargets(labels(), labels(), 8, { ignore: 0.5 }),
    () => localizationTargets(labels(), labels(), 8, { offset: -1 }),
    () => localizationTargets(labels(), labels(), 8, { stride: 8 } as never),
  ],
  localizationLoss: [
    () => localizationLoss(f32(2, 4, 4, 7), targets()),
    () => localizationLoss(boxes(), targets(i32(2, 4, 5))),
    () => localizationLoss(boxes(), targets(u8(2, 4, 4))),
    () => localizationLoss(boxes(), targets(i32(2, 4, 4), -1)),
    () => localizationLoss(boxes(), labels() as never),
    () => localizationLoss(boxes(), targets(), { threshold: 70 }),
    () => localizationLoss(boxes(), targets(), { keep: 0.5 }),
    () => localizationLoss(boxes(), targets(), { beta: -1 }),
    () => localizationLoss(boxes(), targets(), { weights: [1 / 16, 1 / 256] }),
  ],
  decodeBoxes: [
    () => decodeBoxes(f32(2, 4, 4, 21), 8),
    () => decodeBoxes(f16(2, 4, 4, 8), 8),
    () => decodeBoxes(boxes(), 8, { sigma: Number.NaN }),
    () => decodeBoxes(boxes(), undefined as never),
  ],
  boxIou: [
    () => boxIou(f32(3, 4), f32(3, 2)),
    () => boxIou(f32(3, 4), f32(5, 4)),
    () => boxIou(i32(3, 4), f32(3, 4)),
    () => boxIou(f32(0, 4), f32(3, 4)),
  ],
  scoresOnImage: [
    () => scoresOnImage(logits(), [35, 32], 8),
    () => scoresOnImage(logits(), 32 as never, 8),
    () => scoresOnImage(f16(2, 4, 4, 3), [32, 32], 8),
    () => scoresOnImage(f32(2, 3), [32, 32], 8),
    () => scoresOnImage(logits(), [32, 32], 0),
    () => scoresOnImage(logits(), [32, 32], 8, { offset: [4, 4, 4] as never }),
    () => scoresOnImage(logits(), [32, 32], 8, { mode: 'half-pixel' } as never),
    () => scoresOnImage(logits(), [32, 32], 8, { offset: 4, stretch: true }),
  ],
  Conv2d: [
    () => inside(new Conv2d(3, 8, 3), f32(1, 4, 4, 4)),
    () => inside(new Conv2d(3, 8, 3), f32(1, 2, 2, 3)),
    () => new Conv2d(3, 2.5, 3),
    () => new Conv2d(3, 8, 0),
    () => new Conv2d(3, 8, 3, { groups: 3 } as never),
    () => new Conv2d(3, 8, 3, { init: 'he' as never }),
    () => inside(new Conv2d(3, 8, 3, { stride: 0.5 }), f32(1, 4, 4, 3)),
  ],
  ConvTranspose2d: [
    () => inside(new ConvTranspose2d(3, 8, 2, { stride: 2 }), f32(1, 4, 4, 4)),
    () => new ConvTranspose2d(undefined as never, 8, 2),
    () => new ConvTranspose2d(3, 8, 2, { bias: 'no' as never }),
    () => inside(new ConvTranspose2d(3, 8, 2, { outputPadding: 1 }), f32(1, 4, 4, 3)),
  ],
  Linear: [
    () => inside(new Linear(512, 10), f32(1, 7, 7, 64)),
    () => new Linear(512, -1),
    () => new Linear(512, 10, false as never),
  ],
  BatchNorm2d: [
    () => inside(new BatchNorm2d(8), f32(2, 4, 4, 3), { train: false }),
    () => program(() => inside(new BatchNorm2d(3), f32(1, 1, 1, 3), { train: true })),
    () => inside(new BatchNorm2d(3), f32(2, 4, 4, 3)),
    () => new BatchNorm2d(3, { momentum: 1.1 }),
    () => new BatchNorm2d(3, { eps: Number.NaN }),
    () => new BatchNorm2d(3, { statistic: 'inverse' as never }),
  ],
  Dropout2d: [
    () => new Dropout2d(-0.5),
    () =>
      inside(new Dropout2d(0.5), f32(3), {
        train: true,
        random: { seed: scalar(1, 'u32'), step: scalar(1, 'u32') },
      }),
  ],
  Dropout: [
    () => new Dropout(1),
    () => new Dropout('0.5' as never),
    () => inside(new Dropout(0.5), f32(3), { train: true }),
    () => inside(new Dropout(0.5), f32(3)),
  ],
}
