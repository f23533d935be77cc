// What a checkpoint must agree with: names and shapes of a model's variables.

import { type Shape, sameShape, sizeOf } from '../engine/dtype.ts'
import { DataError } from '../engine/errors.ts'
import type { Variable } from '../engine/tensor.ts'
import type { AnyModule } from './module.ts'
import { listed } from './near.ts'

/** Number of trainable values. */
export const countParameters = (model: AnyModule): number =>
  model.parameters().reduce((n, p) => n + sizeOf(p.shape), 0)

/** Compares loaded names and shapes (in the library's layout) with what `expected`, a state dict, needs. Throws one
 * DataError that names `file` and lists what is missing, unexpected, and of another shape. */
export function checkState(
  expected: ReadonlyMap<string, Variable>,
  loaded: ReadonlyMap<string, { readonly shape: Shape }>,
  file: string,
): void {
  const missing = [...expected.keys()].filter((name) => !loaded.has(name))
  const unexpected = [...loaded.keys()].filter((name) => !expected.has(name))
  const different = [...expected].flatMap(([name, { shape }]) => {
    const found = loaded.get(name)?.shape
    return found && !sameShape(found, shape) ? [`${name} [${found}] for [${shape}]`] : []
  })
  const problems = [
    missing.length && `${missing.length} missing (${listed(missing)})`,
    unexpected.length && `${unexpected.length} unexpected (${listed(unexpected)})`,
    different.length && `${different.length} of another shape (${listed(different)})`,
  ].filter(Boolean)
  if (problems.length)
    throw new DataError(
      file,
      `does not fit the model: ${problems.join('; ')}`,
      'build the model with the configuration that the checkpoint was saved with',
    )
}
