// What a network tells of a picture, which decides how it is judged while it learns and when it is done.

import type { Network } from '../../models/index.ts'
import type { Dataset } from '../../train/dataset.ts'

export type Task = 'pixels' | 'images' | 'boxes'

/** The class of each pixel, the class of the image as a whole where the data has only that, or boxes where they are predicted. */
export function taskOf({ labelled }: Dataset, { predicts }: Network): Task {
  if (labelled === 'image') return 'images'
  return predicts === 'boxes' ? 'boxes' : 'pixels'
}
