// What the comparison uses of @jax-js/jax. A call consumes its arguments; `ref` keeps one for another use.

import type { Values } from './engine.ts'

export interface Tensor {
  readonly ref: Tensor
  readonly shape: readonly number[]
  add(other: Tensor | number): Tensor
  sub(other: Tensor | number): Tensor
  mul(other: Tensor | number): Tensor
  neg(): Tensor
  reshape(shape: readonly number[]): Tensor
  data(): Promise<Values>
  dispose(): void
}
export type Pairs = readonly (readonly [number, number])[]
type Params = Record<string, Tensor>

export interface Jax {
  init(device: 'webgpu'): Promise<string[]>
  defaultDevice(device: 'webgpu'): string
  getWebGPUDevice(): GPUDevice
  /** What was called but not asked for is not computed. */
  blockUntilReady<T>(tensors: T): Promise<T>
  jit<F>(fn: F): F & { dispose(): void }
  vjp(
    fn: (...xs: Tensor[]) => Tensor,
    primals: Tensor[],
  ): [Tensor, ((dy: Tensor) => Tensor[]) & { dispose(): void }]
  valueAndGrad(
    fn: (first: Tensor, ...rest: Tensor[]) => Tensor,
  ): (first: Tensor, ...rest: Tensor[]) => [Tensor, Tensor]
  valueAndGrad(
    fn: (first: Params, ...rest: Tensor[]) => Tensor,
  ): (first: Params, ...rest: Tensor[]) => [Tensor, Params]
  numpy: {
    array(values: ArrayLike<number>, options: { shape: readonly number[]; dtype?: string }): Tensor
    matmul(a: Tensor, b: Tensor): Tensor
    /** Of the last two axes. */
    matrixTranspose(x: Tensor): Tensor
    mean(x: Tensor, axes: readonly number[], options?: { keepdims: boolean }): Tensor
    sum(x: Tensor, axes?: readonly number[]): Tensor
    square(x: Tensor): Tensor
    sqrt(x: Tensor): Tensor
    reciprocal(x: Tensor): Tensor
    max(x: Tensor): Tensor
    repeat(x: Tensor, times: number, axis: number): Tensor
    pad(x: Tensor, width: Pairs): Tensor
    full(shape: readonly number[], value: number): Tensor
    concatenate(parts: readonly Tensor[], axis: number): Tensor
  }
  nn: {
    relu(x: Tensor): Tensor
    logSoftmax(x: Tensor, axis: number): Tensor
    oneHot(labels: Tensor, classes: number): Tensor
  }
  lax: {
    convGeneralDilated(
      x: Tensor,
      w: Tensor,
      strides: readonly number[],
      padding: Pairs,
      options?: { rhsDilation: readonly number[] },
    ): Tensor
    reduceWindow(
      x: Tensor,
      fn: (window: Tensor) => Tensor,
      size: readonly number[],
      strides: readonly number[],
    ): Tensor
    topK(x: Tensor, k: number): [Tensor, Tensor]
  }
}
