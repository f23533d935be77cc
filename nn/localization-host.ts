// The targets of the localization net worked out on the host, pixel by pixel: for the preparation of data, and to compare
// the device's with.

import { isWholes } from '../engine/dtype.ts'
import { refuseOption, shown } from '../engine/ops/refuse.ts'
import { hostTensor } from '../engine/ops/source.ts'
import type { HostTensor } from '../engine/tensor.ts'
import { type LocalizationTargetOptions, targetOptions } from './localization-targets.ts'

export interface HostLocalizationTargets {
  /** As in `LocalizationTargets`, the next ones too. */
  readonly boxes: HostTensor
  readonly classes: HostTensor
  readonly outOfRange: number
  readonly sigma: number
}

/** First and last row and column. */
type Edges = [top: number, left: number, bottom: number, right: number]

/** `localizationTargets` of host data: labels and instances are n·h·w whole numbers each, image by image and row by row.
 * Throws OptionError where they are not so many, and for strides and options that say nothing. */
export function hostLocalizationTargets(
  labels: ArrayLike<number>,
  instances: ArrayLike<number>,
  shape: readonly [n: number, h: number, w: number],
  stride: number,
  options: LocalizationTargetOptions = {},
): HostLocalizationTargets {
  const me = 'hostLocalizationTargets'
  const { offset, ignore, classes, sigma } = targetOptions(me, stride, options)
  const pixels = isWholes(shape, 1) && shape.length === 3 ? shape[0] * shape[1] * shape[2] : -1
  if (labels?.length !== pixels || instances?.length !== pixels)
    refuseOption(
      me,
      `${shown(labels?.length)} labels and ${shown(instances?.length)} instances are not images of ${shown(shape)}`,
      'give one number for each pixel of [n, h, w]',
    )
  const [n, h, w] = shape
  const isObject = (p: number): boolean =>
    labels[p] >= 1 && labels[p] <= classes && labels[p] !== ignore && instances[p] >= 1

  const instancesOf = (image: number): Map<number, Edges> => {
    const found = new Map<number, Edges>()
    for (let y = 0, p = image * h * w; y < h; y++)
      for (let x = 0; x < w; x++, p++) {
        if (!isObject(p)) continue
        const [top, left, bottom, right] = found.get(instances[p]) ?? [y, x, y, x]
        found.set(instances[p], [top, Math.min(left, x), Math.max(bottom, y), Math.max(right, x)])
      }
    return found
  }

  const [rows, columns] = [Math.ceil(h / stride), Math.ceil(w / stride)]
  const found = new Int32Array(n * rows * columns)
  const boxes = new Float32Array(4 * found.length)
  let outOfRange = 0
  let cell = 0
  for (let image = 0; image < n; image++) {
    const edges = instancesOf(image)
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < columns; j++, cell++) {
        const [y, x] = [stride * i + offset[0], stride * j + offset[1]]
        if (y >= h || x >= w) continue
        const p = (image * h + y) * w + x
        if (labels[p] !== ignore && (labels[p] < 0 || labels[p] > classes)) outOfRange++
        if (!isObject(p)) continue
        const [top, left, bottom, right] = edges.get(instances[p])!
        found[cell] = labels[p]
        const box = [
          (top + bottom) / 2 - y,
          (left + right) / 2 - x,
          bottom - top + 1,
          right - left + 1,
        ]
        boxes.set(
          box.map((v) => v / sigma),
          4 * cell,
        )
      }
  }
  return {
    boxes: hostTensor(boxes, [n, rows, columns, 4]),
    classes: hostTensor(found, [n, rows, columns]),
    outOfRange,
    sigma,
  }
}
