// The layers that multiply by a weight.

import { add } from '../engine/ops/arithmetic.ts'
import { conv2d } from '../engine/ops/conv.ts'
import { matmul } from '../engine/ops/matmul.ts'
import type { Tensor, Variable } from '../engine/tensor.ts'
import { heUniform, type Initializer, zeros } from './init.ts'
import { Module } from './module.ts'
import { parameter } from './parameter.ts'

export interface Conv2dOptions {
  readonly stride?: number | readonly [number, number]
  readonly dilation?: number | readonly [number, number]
  /** Zeros around the input; default 0. */
  readonly padding?: number | readonly [number, number]
  /** Default true. */
  readonly bias?: boolean
  /** Of the weight; default He's uniform for a following ReLU. The bias starts at 0. */
  readonly init?: Initializer
}

/** Cross-correlation of [n, h, w, in] with a weight [kh, kw, in, out], giving [n, h', w', out]. */
export class Conv2d extends Module<[x: Tensor]> {
  readonly weight: Variable
  readonly bias: Variable | undefined
  readonly options: Conv2dOptions

  constructor(
    inputs: number,
    outputs: number,
    kernel: number | readonly [number, number],
    options: Conv2dOptions = {},
  ) {
    super()
    const [kh, kw] = typeof kernel === 'number' ? [kernel, kernel] : kernel
    this.weight = parameter([kh, kw, inputs, outputs], options.init ?? heUniform())
    this.bias = (options.bias ?? true) ? parameter([outputs], zeros) : undefined
    this.options = options
  }

  protected forward(x: Tensor): Tensor {
    const { stride, dilation, padding } = this.options
    const y = conv2d(x, this.weight, { stride, dilation, padding })
    return this.bias ? add(y, this.bias) : y
  }
}

export interface LinearOptions {
  /** Default true. */
  readonly bias?: boolean
  /** Of the weight; default He's uniform without a following ReLU. The bias starts at 0. */
  readonly init?: Initializer
}

/** [m, in] times a weight [in, out], giving [m, out]. */
export class Linear extends Module<[x: Tensor]> {
  readonly weight: Variable
  readonly bias: Variable | undefined

  constructor(inputs: number, outputs: number, options: LinearOptions = {}) {
    super()
    this.weight = parameter([inputs, outputs], options.init ?? heUniform({ gain: 1 }))
    this.bias = (options.bias ?? true) ? parameter([outputs], zeros) : undefined
  }

  protected forward(x: Tensor): Tensor {
    const y = matmul(x, this.weight)
    return this.bias ? add(y, this.bias) : y
  }
}
