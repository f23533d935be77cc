// Functions on maps [n, h, w, c]: convolutions, pooling, resizing.

import {
  adaptiveAvgPool2d,
  avgPool2d,
  conv2d,
  convTranspose2d,
  globalAvgPool2d,
  maxPool2d,
  maxPool2dWithIndices,
  maxUnpool2d,
  repeatUpsample,
  resizeBicubic,
  resizeBilinear,
  resizeNearest,
  scope,
} from '../../engine/index.ts'
import { f32, i32, type Misuses, u8 } from './makers.ts'

const map = () => f32(2, 4, 4, 3)
const weight = () => f32(3, 3, 3, 8)

export const maps: Misuses = {
  conv2d: [
    () =>
      scope('layer3', () => scope('conv1', () => conv2d(f32(1, 56, 56, 64), f32(3, 3, 32, 128)))),
    () => conv2d(f32(1, 3, 224, 224), f32(7, 7, 3, 64)),
    () => conv2d(f32(1, 224, 224, 3), f32(64, 3, 7, 7)),
    () => conv2d(f32(4, 4, 3), weight()),
    () => conv2d(map(), f32(3, 3)),
    () => conv2d(u8(2, 4, 4, 3), weight()),
    () => conv2d(map(), f32(5, 3, 3, 8)),
    () => conv2d(f32(0, 4, 4, 3), weight()),
    () => conv2d(map(), weight(), { stride: 0 }),
    () => conv2d(map(), weight(), { padding: 'valid' as never }),
    () => conv2d(map(), weight(), { strides: 2 } as never),
    () => conv2d(map(), weight(), f32(8) as never),
    () => conv2d(map(), weight(), { padding: 100000 }),
  ],
  convTranspose2d: [
    () => convTranspose2d(map(), weight()),
    () => convTranspose2d(map(), f32(2, 2, 8, 3), { stride: 2, outputPadding: 2 }),
    () => convTranspose2d(f32(1, 1, 1, 3), f32(2, 2, 8, 3), { padding: 1 }),
    () => convTranspose2d(f32(4, 4, 3), f32(2, 2, 8, 3)),
    () => convTranspose2d(map(), f32(2, 2, 8, 3), { stride: [2, 2, 2] as never }),
    () => convTranspose2d(i32(2, 4, 4, 3), f32(2, 2, 8, 3)),
    () => convTranspose2d(map(), f32(0, 2, 8, 3)),
  ],
  maxPool2d: [
    () => maxPool2d(map(), { kernel: 5 }),
    () => maxPool2d(map(), { kernel: 2, padding: 2 }),
    () => maxPool2d(map(), { kernel: 2.5 }),
    () => maxPool2d(map(), 2 as never),
    () => maxPool2d(map(), { size: 2 } as never),
    () => maxPool2d(f32(4), { kernel: 2 }),
    () => maxPool2d(f32(0, 4, 4, 3), { kernel: 2 }),
  ],
  maxPool2dWithIndices: [
    () => maxPool2dWithIndices(map(), { kernel: 5 }),
    () => maxPool2dWithIndices(map(), { kernel: 2, stride: 0 }),
    () => maxPool2dWithIndices(map(), undefined as never),
  ],
  avgPool2d: [
    () => avgPool2d(i32(2, 4, 4, 3), { kernel: 2 }),
    () => avgPool2d(map(), { kernel: [1, 2], padding: [0, 0, 0, 3] }),
    () => avgPool2d(map(), { kernel: 2, padding: -1 }),
    () => avgPool2d(map(), { kernel: 2, dilation: 2 } as never),
    () => avgPool2d(map(), { kernel: 2, countPadding: 'no' as never }),
  ],
  adaptiveAvgPool2d: [
    () => adaptiveAvgPool2d(map(), [0, 2]),
    () => adaptiveAvgPool2d(map(), 7 as never),
    () => adaptiveAvgPool2d(f32(4, 4, 3), [1, 1]),
  ],
  globalAvgPool2d: [() => globalAvgPool2d(f32(2)), () => globalAvgPool2d(i32(2, 4, 4, 3))],
  maxUnpool2d: [
    () => maxUnpool2d(map(), map(), [8, 8]),
    () => maxUnpool2d(map(), i32(2, 4, 4, 1), [8, 8]),
    () => maxUnpool2d(map(), i32(2, 4, 4, 3), [8, 8.5]),
    () => maxUnpool2d(map(), i32(2, 4, 4, 3), undefined as never),
  ],
  repeatUpsample: [
    () => repeatUpsample(map(), [0, 2]),
    () => repeatUpsample(map(), 2 as never),
    () => repeatUpsample(f32(4), [2, 2]),
  ],
  resizeNearest: [
    () => resizeNearest(map(), [3] as never),
    () => resizeNearest(f32(4, 4), [3, 3]),
    () => resizeNearest(f32(0, 4, 4, 3), [3, 3]),
  ],
  resizeBilinear: [
    () => resizeBilinear(map(), [0, 4]),
    () => resizeBilinear(u8(2, 4, 4, 3), [8, 8]),
    () => resizeBilinear(map(), [8, 8], 'cubic' as never),
    () => resizeBilinear(map(), [4, 2 ** 30]),
    () => resizeBilinear(map(), 2 as never),
  ],
  resizeBicubic: [
    () => resizeBicubic(u8(2, 4, 4, 3), [8, 8]),
    () => resizeBicubic(map(), [8, 0.5]),
    () => resizeBicubic(map(), [8, 8], 'antialias' as never),
  ],
}
