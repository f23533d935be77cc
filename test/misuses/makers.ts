// What the lists of misuses are written with: tensors of zeros of a dtype and shape, and the commonest other arguments.

import {
  constant,
  DeviceTensor,
  type RandomKey,
  type Shape,
  scalar,
  sizeOf,
  type Tensor,
  Variable,
} from '../../engine/index.ts'
import { tracing } from '../../engine/trace.ts'

/** What a person may do wrong, by the function that is called. */
export type Misuses = Readonly<Record<string, readonly (() => unknown)[]>>

type Data = new (
  count: number,
) => Float32Array | Uint16Array | Int32Array | Uint32Array | Uint8Array
const zeros =
  (Data: Data) =>
  (...shape: Shape): Tensor =>
    constant(new Data(sizeOf(shape)), shape)
export const f32 = zeros(Float32Array)
export const f16 = zeros(Uint16Array)
export const i32 = zeros(Int32Array)
export const u32 = zeros(Uint32Array)
export const u8 = zeros(Uint8Array)

/** Of a draw. */
export const key = (): RandomKey => ({ seed: scalar(7, 'u32'), step: scalar(0, 'u32'), name: 'a' })
export const variable = (...shape: Shape): Variable =>
  new Variable({ dtype: 'f32', shape }, () => new Float32Array(sizeOf(shape)), 'w')
/** What a program returned. */
export const result = (): DeviceTensor =>
  Object.assign(Object.create(DeviceTensor.prototype), { dtype: 'f32', shape: [2, 3] })
export const program = <T>(build: () => T): T => tracing(build).result
