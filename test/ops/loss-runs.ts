// What the tests of losses share: spread-out numbers, a run, and a loss with its gradient.

import type { Shape } from '../../engine/dtype.ts'
import { grad } from '../../engine/grad.ts'
import { hostTensor } from '../../engine/ops/source.ts'
import type { HostTensor, Tensor } from '../../engine/tensor.ts'
import { readAll } from '../checks.ts'
import { testDevice } from '../device.ts'

/** Numbers in [-scale, scale] that repeat nothing. */
export const spread = (shape: Shape, scale: number, prime = 7919) =>
  hostTensor(
    Float32Array.from(
      { length: shape.reduce((a, b) => a * b, 1) },
      (_, i) => scale * Math.sin(i * prime),
    ),
    shape,
  )

/** Runs a function of host tensors and reads everything that it returns. */
export async function run(fn: (...x: Tensor[]) => readonly Tensor[], ...args: HostTensor[]) {
  const program = (await testDevice()).compile(fn)
  const results = await readAll(await program.run(...args))
  program.dispose()
  return results
}

/** A loss and its gradient with respect to the first argument. */
export const both = (loss: Tensor, x: Tensor, seed?: Tensor) => [loss, ...grad(loss, [x], seed)]
