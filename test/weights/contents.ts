// What a file was read into, for comparison.

import type { Weights } from '../../train/weights/tensor.ts'

/** Shapes and values of all tensors. */
export const contents = ({ tensors }: Weights) =>
  Object.fromEntries([...tensors].map(([name, t]) => [name, [[...t.shape], [...t.values()]]]))
