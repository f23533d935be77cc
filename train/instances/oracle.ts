// The oracle experiment (Wu, Shen and van den Hengel 2016b, section 4.3): the truth's masks in place of the category net's scores, which
// shows what is left to the localization net and the pipeline.

import { DataError } from '../../engine/errors.ts'
import { type HostTensor, hostTensor } from '../../engine/index.ts'
import { hostLocalizationTargets } from '../../nn/localization-host.ts'
import { type Example, VOID } from '../dataset.ts'

/** Probabilities f32 [1, h, w, classes] that are 1 for the label of each pixel; void pixels, and pixels of objects that have no
 * number, have none. */
export function trueProbabilities(
  { labels, instances, height, width }: Example,
  classes: number,
): HostTensor {
  const data = new Float32Array(height * width * classes)
  labels.forEach((label, at) => {
    if (label !== VOID && label < classes && (!instances || !label || instances[at]))
      data[at * classes + label] = 1
  })
  return hostTensor(data, [1, height, width, classes])
}

/** What a perfect localization net says, at stride 1: f32 [1, h, w, 4·(classes − 1)] in units of 64 pixels. */
export function exactBoxes(
  { name, labels, instances, height, width }: Example,
  classes: number,
): HostTensor {
  if (!instances)
    throw new DataError(name, 'has no objects told apart', 'open the data set with its objects')
  const objects = classes - 1
  const { boxes } = hostLocalizationTargets(labels, instances, [1, height, width], 1, {
    ...{ classes: objects, ignore: VOID },
  })
  const data = new Float32Array(4 * objects * height * width)
  labels.forEach((label, at) => {
    if (label >= 1 && label <= objects)
      data.set(
        boxes.data.subarray(4 * at, 4 * at + 4) as Float32Array,
        4 * (at * objects + label - 1),
      )
  })
  return hostTensor(data, [1, height, width, 4 * objects])
}
