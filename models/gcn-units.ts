// What GCNs are made of, and what the paper compares it with (Peng et al. 2017, "Large Kernel Matters", sections 3 and
// 4.1). Every convolution keeps the size of its map; none is followed by batch norm.

import { add, cast, equal, mul, relu } from '../engine/ops/arithmetic.ts'
import { convTranspose2d } from '../engine/ops/conv-transpose.ts'
import { iota } from '../engine/ops/shape.ts'
import { constant } from '../engine/ops/source.ts'
import { expandDims } from '../engine/ops/views.ts'
import type { Tensor, Variable } from '../engine/tensor.ts'
import { bilinear, Conv2d } from '../nn/conv.ts'
import { type HeOptions, heNormal, type Initializer } from '../nn/init.ts'
import { Module } from '../nn/module.ts'
import { parameter } from '../nn/parameter.ts'

export interface ScoreOptions {
  /** Of every convolution; default true. The paper's own counts are of convolutions without. */
  readonly bias?: boolean
  /** Fixes the starting values, which are He-normal; default 0. */
  readonly seed?: number
}

/** A kh×kw convolution that keeps the size; its gain is 1, since no ReLU follows, where nothing else is said. */
const sameConv = (
  inputs: number,
  outputs: number,
  [kh, kw]: readonly [number, number],
  { bias = true, seed = 0, gain = 1 }: ScoreOptions & HeOptions = {},
): Conv2d =>
  new Conv2d(inputs, outputs, [kh, kw], {
    padding: [(kh - 1) / 2, (kw - 1) / 2],
    bias,
    init: heNormal({ seed, gain }),
  })

/** GCN (fig. 2B): maps features [n, h, w, inputs] to scores [n, h, w, classes] by k×1 and 1×k on the left, 1×k and k×1 on
 * the right, and their sum. It is linear, a sum of k×k convolutions of rank `classes`, k odd. */
export class GlobalConvolution extends Module<[x: Tensor]> {
  readonly left: readonly [Conv2d, Conv2d]
  readonly right: readonly [Conv2d, Conv2d]

  constructor(inputs: number, classes: number, k: number, options: ScoreOptions = {}) {
    super()
    const column = (from: number) => sameConv(from, classes, [k, 1], options)
    const row = (from: number) => sameConv(from, classes, [1, k], options)
    this.left = [column(inputs), row(classes)]
    this.right = [row(inputs), column(classes)]
  }

  protected forward(x: Tensor): Tensor {
    const [left, right] = [this.left, this.right].map((branch) =>
      branch.reduce((y, conv) => conv.apply(y), x),
    )
    return add(left, right)
  }
}

/** (k − 1)/2 convolutions 3×3 with `channels` between them, which see k×k as one GCN does (Table 3); nothing but
 * convolutions, so that it is linear too. k is odd and at least 3. */
export class ConvolutionStack extends Module<[x: Tensor]> {
  readonly convs: readonly Conv2d[]

  constructor(
    inputs: number,
    classes: number,
    k: number,
    channels: number,
    options: ScoreOptions = {},
  ) {
    super()
    const count = (k - 1) / 2
    this.convs = Array.from({ length: count }, (_, i) =>
      sameConv(i ? channels : inputs, i < count - 1 ? channels : classes, [3, 3], options),
    )
  }

  protected forward(x: Tensor): Tensor {
    return this.convs.reduce((y, conv) => conv.apply(y), x)
  }
}

/** A k×k convolution to the class scores (Table 2); with k = 1 the baseline. */
export const plainConvolution = (
  inputs: number,
  classes: number,
  k: number,
  options: ScoreOptions = {},
): Conv2d => sameConv(inputs, classes, [k, k], options)

/** BR (fig. 2C): S + F(S), F two 3×3 convolutions with a ReLU between them. */
export class BoundaryRefinement extends Module<[scores: Tensor]> {
  readonly conv1: Conv2d
  readonly conv2: Conv2d

  constructor(classes: number, options: ScoreOptions = {}) {
    super()
    this.conv1 = sameConv(classes, classes, [3, 3], { ...options, gain: Math.SQRT2 })
    this.conv2 = sameConv(classes, classes, [3, 3], options)
  }

  protected forward(scores: Tensor): Tensor {
    return add(scores, this.conv2.apply(relu(this.conv1.apply(scores))))
  }
}

/** What a deconvolution learns: a kernel from every channel to every channel, one for each channel by itself, or none. */
export type DeconvolutionForm = 'full' | 'per-channel' | 'fixed'

const side = 4

/** Doubles the size of a map: [n, h, w, c] to [n, 2h, 2w, c], by a transposed convolution 4×4 with stride 2 and padding 1,
 * without bias. All forms start as bilinear interpolation of each channel, with zeros around the map. */
export class Deconvolution extends Module<[x: Tensor]> {
  /** [4, 4, c, c] if full, [4, 4, c] if per channel. */
  readonly weight: Variable | undefined
  readonly form: DeconvolutionForm

  constructor(channels: number, form: DeconvolutionForm = 'full') {
    super()
    this.form = form
    if (form === 'full') this.weight = parameter([side, side, channels, channels], bilinear)
    if (form === 'per-channel') this.weight = parameter([side, side, channels], tents)
  }

  protected forward(x: Tensor): Tensor {
    const weight = this.form === 'full' ? this.weight! : this.diagonal(x.shape[3])
    return convTranspose2d(x, weight, { stride: 2, padding: 1 })
  }

  /** The kernels of single channels as one [4, 4, c, c] that mixes none. */
  private diagonal(channels: number): Tensor {
    const kernels = this.weight ? expandDims(this.weight, 3) : constant(tent, [side, side, 1, 1])
    const square = [channels, channels]
    return mul(kernels, cast(equal(iota(square, 0), iota(square, 1)), 'f32'))
  }
}

const tent = bilinear('tent', [side, side, 1, 1])

const tents: Initializer = (_, [, , channels]) =>
  Float32Array.from({ length: side * side * channels }, (_, i) => tent[Math.floor(i / channels)])
