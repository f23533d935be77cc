// Label maps with instances, and the targets of the localization net for them.

import { hostTensor } from '../../engine/ops/source.ts'
import { randomFrom } from '../../engine/reference/index.ts'
import type { HostTensor, Tensor } from '../../engine/tensor.ts'
import { hostLocalizationTargets, type LocalizationTargetOptions } from '../../nn/index.ts'
import { readAll } from '../checks.ts'
import { testDevice } from '../device.ts'

export type Maps = { labels: HostTensor; instances: HostTensor }

/** Runs a function of host tensors and reads everything that it returns. */
export async function run(fn: (...x: Tensor[]) => readonly Tensor[], ...args: HostTensor[]) {
  using program = (await testDevice()).compile(fn)
  return readAll(await program.run(...args))
}

/** Targets that the host makes. */
export const onHost = (
  { labels, instances }: Maps,
  stride: number,
  options: LocalizationTargetOptions = {},
) => {
  const [n, h, w] = labels.shape
  return hostLocalizationTargets(labels.data, instances.data, [n, h, w], stride, options)
}

const numbers = { u8: Uint8Array, i32: Int32Array, u32: Uint32Array } as const
type Ids = keyof typeof numbers

/** Empty maps, and a brush for rectangles. */
export function canvas(shape: [n: number, h: number, w: number], ids: Ids, labelsOf: Ids = 'u8') {
  const size = shape.reduce((a, b) => a * b)
  const labels = hostTensor(new numbers[labelsOf](size), shape)
  const instances = hostTensor(new numbers[ids](size), shape)
  const [, h, w] = shape
  const paint = (
    [image, top, left, bottom, right]: readonly number[],
    label: number,
    id: number,
  ): void => {
    for (let y = top; y <= bottom; y++)
      for (let x = left; x <= right; x++) {
        const p = (image * h + y) * w + x
        labels.data[p] = label
        instances.data[p] = id
      }
  }
  return { labels, instances, paint }
}

/** An instance of 8×6 pixels of class 3 and one of 16×10 of class 1, one of whose cells is void. */
export function twoInstances(): Maps {
  const { paint, ...maps } = canvas([1, 16, 24], 'u8')
  paint([0, 2, 1, 9, 6], 3, 1)
  paint([0, 0, 11, 15, 20], 1, 7)
  maps.labels.data[4 * 24 + 20] = 255
  return maps
}

/** Rectangles over each other, void and background sprinkled over them. */
export function drawnMaps(
  shape: [n: number, h: number, w: number],
  ids: readonly number[],
  dtype: Ids,
  { classes = 4, labels = 'u8' as Ids, strange = [] as readonly number[], seed = 1 } = {},
): Maps {
  const random = randomFrom(seed)
  const below = (n: number) => Math.floor(random() * n)
  const [n, h, w] = shape
  const { paint, ...maps } = canvas(shape, dtype, labels)
  for (let image = 0; image < n; image++)
    for (const id of ids) {
      const [top, left] = [below(h), below(w)]
      const [bottom, right] = [top + below(h - top), left + below(w - left)]
      paint([image, top, left, bottom, right], 1 + below(classes), id)
    }
  const values = [255, 0, ...strange]
  for (let p = 0; p < maps.labels.data.length; p++)
    if (random() < 0.2) maps.labels.data[p] = values[below(values.length)]
  return maps
}
