// The layers that multiply by a weight.

import { OptionError } from '../engine/errors.ts'
import { add } from '../engine/ops/arithmetic.ts'
import { conv2d } from '../engine/ops/conv.ts'
import type { ConvOptions } from '../engine/ops/conv-options.ts'
import { type ConvTransposeOptions, convTranspose2d } from '../engine/ops/conv-transpose.ts'
import { linear } from '../engine/ops/linear.ts'
import { checkCount, optionsOf, type Pair, pairOf, sidesOf } from '../engine/ops/options.ts'
import { refuseOption } from '../engine/ops/refuse.ts'
import { slice } from '../engine/ops/shape.ts'
import type { Tensor, Variable } from '../engine/tensor.ts'
import { partOf } from '../engine/trace.ts'
import { heUniform, type Initializer, zeros } from './init.ts'
import { Module } from './module.ts'
import { parameter } from './parameter.ts'

const channels = 'it is a number of channels'

export interface Conv2dOptions extends ConvOptions {
  /** Default true. */
  readonly bias?: boolean
  /** Of the weight; default He's uniform for a following ReLU. The bias starts at 0. */
  readonly init?: Initializer
}

/** Cross-correlation of [n, h, w, in] with a weight [kh, kw, in, out], giving [n, h', w', out]. With an `offset`, of less than
 * the stride, it gives the outputs that stand so many rows and columns further on, which the stride leaves out otherwise:
 * those of all offsets, interleaved, are the output of the same convolution without a stride. */
export class Conv2d extends Module<[x: Tensor, offset?: Pair]> {
  readonly weight: Variable
  readonly bias: Variable | undefined
  readonly options: ConvOptions

  constructor(
    inputs: number,
    outputs: number,
    kernel: number | readonly [number, number],
    options: Conv2dOptions = {},
  ) {
    super()
    const defaults = { stride: 1, dilation: 1, padding: 0, bias: true, init: heUniform() }
    const { bias, init, ...rest } = optionsOf('Conv2d', options, defaults)
    checkCount('Conv2d', 'inputs', inputs, channels)
    checkCount('Conv2d', 'outputs', outputs, channels)
    const shape = [...pairOf('Conv2d', 'kernel', kernel), inputs, outputs]
    this.weight = partOf('Conv2d', () => parameter(shape, init))
    this.bias = bias ? parameter([outputs], zeros) : undefined
    this.options = rest
  }

  protected forward(x: Tensor, offset: Pair = [0, 0]): Tensor {
    const y = offset.some((n) => n) ? this.from(x, offset) : conv2d(x, this.weight, this.options)
    return this.bias ? add(y, this.bias) : y
  }

  /** Fewer rows of padding before x, or fewer rows of x where there is not that much padding. */
  private from(x: Tensor, offset: Pair): Tensor {
    const { padding = 0 } = this.options
    if (padding === 'same')
      return refuseOption('Conv2d', "an offset has no meaning with padding 'same'", 'give numbers')
    const [top, left, bottom, right] = sidesOf('Conv2d', padding)
    const less = [top - offset[0], left - offset[1]]
    const [up, side] = less.map((n) => Math.max(0, n))
    const cut = slice(x, [0, ...less.map((n) => Math.max(0, -n))])
    return conv2d(cut, this.weight, { ...this.options, padding: [up, side, bottom, right] })
  }
}

export interface ConvTranspose2dOptions extends ConvTransposeOptions {
  /** Default true. */
  readonly bias?: boolean
  /** Of the weight; default He's uniform for a following ReLU, `bilinear` for a learnt upsampling. The bias starts at 0. */
  readonly init?: Initializer
}

/** Transposed convolution of [n, h, w, in] with a weight [kh, kw, out, in], giving [n, h', w', out] of
 * h' = (h − 1)·stride − padding + dilation·(kh − 1) + outputPadding + 1. PyTorch stores this weight as [in, out, kh, kw];
 * permuted by [2, 3, 1, 0], as weights of convolutions are, it is this one. */
export class ConvTranspose2d extends Module<[x: Tensor]> {
  readonly weight: Variable
  readonly bias: Variable | undefined
  readonly options: ConvTransposeOptions

  constructor(
    inputs: number,
    outputs: number,
    kernel: number | readonly [number, number],
    options: ConvTranspose2dOptions = {},
  ) {
    super()
    const me = 'ConvTranspose2d'
    const defaults = { stride: 1, dilation: 1, padding: 0, outputPadding: 0, bias: true }
    const { bias, init, ...rest } = optionsOf(me, options, { ...defaults, init: heUniform() })
    checkCount(me, 'inputs', inputs, channels)
    checkCount(me, 'outputs', outputs, channels)
    const shape = [...pairOf(me, 'kernel', kernel), outputs, inputs]
    this.weight = partOf(me, () => parameter(shape, init))
    this.bias = bias ? parameter([outputs], zeros) : undefined
    this.options = rest
  }

  protected forward(x: Tensor): Tensor {
    const y = convTranspose2d(x, this.weight, this.options)
    return this.bias ? add(y, this.bias) : y
  }
}

/** A weight [kh, kw, c, c] with which a transposed convolution interpolates each channel by itself: per axis the tent
 * 1 − |i − (k − 1)/2| / ⌈k/2⌉ (with k even, for a stride of k/2 and padding k/4). Long, Shelhamer and Darrell 2015, section
 * 3.3. Throws OptionError where outputs and inputs differ in number. */
export const bilinear: Initializer = (name, shape) => {
  const [kh, kw, outputs, inputs] = shape
  if (shape.length !== 4 || outputs !== inputs)
    throw new OptionError(
      `bilinear: ${name} [${shape}] has no channel of its own for each output`,
      'interpolation keeps the number of channels; take heUniform() to change it',
    )
  const tent = (k: number, i: number) => 1 - Math.abs(i - (k - 1) / 2) / Math.ceil(k / 2)
  const weight = new Float32Array(kh * kw * inputs * inputs)
  for (let y = 0; y < kh; y++)
    for (let x = 0; x < kw; x++)
      for (let c = 0; c < inputs; c++)
        weight[((y * kw + x) * inputs + c) * inputs + c] = tent(kh, y) * tent(kw, x)
  return weight
}

export interface LinearOptions {
  /** Default true. */
  readonly bias?: boolean
  /** Of the weight; default He's uniform without a following ReLU. The bias starts at 0. */
  readonly init?: Initializer
}

/** [..., in] times a weight [in, out], giving [..., out]. PyTorch stores this weight as [out, in]. */
export class Linear extends Module<[x: Tensor]> {
  readonly weight: Variable
  readonly bias: Variable | undefined

  constructor(inputs: number, outputs: number, options: LinearOptions = {}) {
    super()
    const defaults = { bias: true, init: heUniform({ gain: 1 }) }
    const { bias, init } = optionsOf('Linear', options, defaults)
    checkCount('Linear', 'inputs', inputs, 'it is the size of the last axis')
    checkCount('Linear', 'outputs', outputs, 'it is the size of the last axis')
    this.weight = partOf('Linear', () => parameter([inputs, outputs], init))
    this.bias = bias ? parameter([outputs], zeros) : undefined
  }

  protected forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias)
  }
}
