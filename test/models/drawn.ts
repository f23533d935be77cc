// Networks with drawn weights in the interpreter: the same for networks whose variables have the same names and shapes, with
// batch norm that does something, in float64.

import assert from 'node:assert/strict'
import type { Device } from '../../engine/device.ts'
import { sizeOf } from '../../engine/dtype.ts'
import { grad } from '../../engine/grad.ts'
import { drawDirection, interpret, randomFrom, type State } from '../../engine/reference/index.ts'
import type { HostTensor, Tensor } from '../../engine/tensor.ts'
import type { AnyModule } from '../../nn/module.ts'
import { traceOf } from '../checks.ts'

/** Values for all variables of a network: convolutions as they start, batch norm anything but the identity. */
export function drawnState(network: AnyModule, seed = 1): State {
  const random = randomFrom(seed)
  const state: State = new Map()
  const all = network.stateDict()
  for (const [name, v] of all) {
    const isNorm = all.has(name.replace(/\w+$/, 'running_mean'))
    const centre = /bias$|mean$/.test(name) ? 0 : 1
    const draw = () => Math.fround(centre + random() - 0.5)
    const drawn = isNorm || v.shape.length === 1
    state.set(
      v,
      Float64Array.from(v.initial(), (x) => (drawn ? draw() : x)),
    )
  }
  return state
}

/** Puts such values on a device. */
export function place(device: Device, state: State): void {
  for (const [variable, values] of state) device.write(variable, Float32Array.from(values))
}

/** An image f32 [n, h, w, 3] in [0, 1). */
export function drawnImage(shape: readonly number[], seed = 2): HostTensor {
  const random = randomFrom(seed)
  return { dtype: 'f32', shape, data: Float32Array.from({ length: sizeOf(shape) }, random) }
}

/** Labels u8 below `classes`, every seventh of them void. */
export function drawnLabels(shape: readonly number[], classes: number, seed = 3): HostTensor {
  const random = randomFrom(seed)
  const label = () => (random() < 1 / 7 ? 255 : Math.floor(random() * classes))
  return { dtype: 'u8', shape, data: Uint8Array.from({ length: sizeOf(shape) }, label) }
}

/** What a function makes of its arguments and of the variables' values, in float64. */
export const valuesOf = (
  fn: (...inputs: Tensor[]) => readonly Tensor[],
  inputs: readonly HostTensor[],
  state: State,
): Float64Array[] => interpret(traceOf(fn, inputs), inputs, new Map(state))

/** Asserts that the gradients of a loss by all parameters and by the image are its slope in a random direction. A central
 * difference with ε = 1e-6 in float64 is off by about 1e-9, unless a ReLU is within that of its kink. */
export function checkSlope(
  network: AnyModule,
  loss: (image: Tensor) => Tensor,
  image: HostTensor,
  state: State = drawnState(network),
): void {
  const parameters = network.parameters()
  const random = randomFrom(7)
  const t = [image, ...parameters].map((p) => drawDirection(sizeOf(p.shape), random))
  const gradients = valuesOf((x) => grad(loss(x), [x, ...parameters]), [image], state)
  const slope = gradients.reduce((s, g, i) => s + g.reduce((a, v, e) => a + v * t[i][e], 0), 0)
  const graph = traceOf((x) => [loss(x)], [image])
  const epsilon = 1e-6
  const along = (step: number) => {
    const moved = new Map(state)
    const shift = (v: ArrayLike<number>, i: number) =>
      Float64Array.from(v, (x, e) => x + step * t[i][e])
    parameters.forEach((p, i) => {
      moved.set(p, shift(state.get(p)!, i + 1))
    })
    return interpret(graph, [shift(image.data, 0)], moved)[0][0]
  }
  const difference = (along(epsilon) - along(-epsilon)) / (2 * epsilon)
  const off = Math.abs(slope - difference) / Math.max(1e-3, Math.abs(difference))
  assert.ok(off < 1e-6, `the gradient's slope is ${slope}, that of the loss ${difference}`)
}
