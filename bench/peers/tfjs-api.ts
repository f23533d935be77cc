// What the comparison uses of @tensorflow/tfjs-core.

import type { Values } from './engine.ts'

export interface Tensor {
  readonly shape: readonly number[]
  data(): Promise<Values>
  dispose(): void
}
/** A tensor whose value can be replaced. */
export type Variable = Tensor

interface Backend {
  readonly device: GPUDevice
  readonly queue: GPUQueue
  readonly commandEncoder: GPUCommandEncoder | null
  endComputePassEncoder(): void
  submitQueue(): void
}

type Size = readonly [number, number]

export interface Tf {
  readonly version_core: string
  setBackend(name: string): Promise<boolean>
  backend(): Backend
  tensor(values: ArrayLike<number>, shape: readonly number[], dtype?: string): Tensor
  variable(value: Tensor, trainable: boolean, name: string): Variable
  tidy<T>(fn: () => T): T
  keep<T>(t: T): T
  grads(fn: (...xs: Tensor[]) => Tensor): (xs: Tensor[], dy?: Tensor) => Tensor[]
  conv2d(
    x: Tensor,
    w: Tensor,
    stride: number,
    pad: number,
    format: 'NHWC',
    dilation: number,
    rounding: 'floor',
  ): Tensor
  fused: {
    conv2d(options: {
      x: Tensor
      filter: Tensor
      strides: number
      pad: number
      dimRoundingMode: 'floor'
      bias: Tensor
      activation: 'relu' | 'linear'
    }): Tensor
  }
  matMul(a: Tensor, b: Tensor): Tensor
  add(a: Tensor, b: Tensor): Tensor
  relu(x: Tensor): Tensor
  mean(x: Tensor, axes: readonly number[]): Tensor
  moments(x: Tensor, axes: readonly number[]): { mean: Tensor; variance: Tensor }
  batchNorm(
    x: Tensor,
    mean: Tensor,
    variance: Tensor,
    offset: Tensor,
    scale: Tensor,
    epsilon: number,
  ): Tensor
  maxPool(x: Tensor, size: number, stride: number, pad: number, rounding: 'floor'): Tensor
  image: {
    resizeNearestNeighbor(x: Tensor, size: Size, corners: boolean, halfPixel: boolean): Tensor
    resizeBilinear(x: Tensor, size: Size, corners: boolean, halfPixel: boolean): Tensor
  }
  oneHot(labels: Tensor, classes: number): Tensor
  losses: { softmaxCrossEntropy(labels: Tensor, logits: Tensor): Tensor }
  topk(x: Tensor, k: number): { values: Tensor; indices: Tensor }
  train: {
    momentum(
      rate: number,
      momentum: number,
    ): {
      minimize(loss: () => Tensor, returnCost: true, variables?: Variable[]): Tensor
      dispose(): void
    }
  }
}
