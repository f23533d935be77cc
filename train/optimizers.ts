// Optimisers, from simple to involved. Each is arithmetic on a parameter, its gradient and its moments, and fusion makes
// one kernel of it per parameter. The moments are variables, so that a checkpoint can hold them.

import { sizeOf } from '../engine/dtype.ts'
import { OptionError } from '../engine/errors.ts'
import { grad, versionsBehind } from '../engine/grad.ts'
import { add, div, mul, sqrt, sub } from '../engine/ops/arithmetic.ts'
import { assign, read, toTensor } from '../engine/ops/source.ts'
import { type Tensor, Variable } from '../engine/tensor.ts'
import { scope } from '../engine/trace.ts'
import { LossScale, type LossScaleOptions } from './loss-scale.ts'

export interface OptimizerOptions {
  /** Differentiates scale · loss instead of the loss, as `precision: 'mixed'` needs it: see `LossScale`. A step whose gradients
   * are not all finite is skipped: parameters, moments, and whatever else the function has assigned until then, such as running
   * averages, keep their bits. `true`: with the usual numbers. Default: none. */
  readonly lossScale?: LossScaleOptions | boolean
}

/** Assigns new values to parameters so that a loss falls. */
export abstract class Optimizer {
  readonly parameters: readonly Variable[]
  readonly #state = new Map<string, Variable>()
  readonly #sums = new Map<Variable, Variable>()
  /** Of the losses that it minimises, if they are scaled; part of the state. */
  readonly lossScale: LossScale | undefined

  /** Throws OptionError when two parameters have one name, since their moments could not be told apart, and for options of a
   * loss scale that are out of range. */
  constructor(parameters: readonly Variable[], { lossScale }: OptimizerOptions = {}) {
    this.parameters = parameters
    this.lossScale = lossScale ? new LossScale(lossScale === true ? {} : lossScale) : undefined
    if (this.lossScale)
      for (const v of [this.lossScale.scale, this.lossScale.streak]) this.#state.set(v.name, v)
    const names = parameters.map((p) => p.name)
    const twice = names.find((name, i) => names.indexOf(name) !== i)
    if (twice !== undefined)
      throw new OptionError(
        `two parameters are named ${twice || "'' (nothing)"}`,
        'take the parameters from the one module that holds all of them',
      )
  }

  /** One step, inside a compiled function: takes the gradients of `loss` and assigns new values to the parameters that
   * it depends on. A loss built before an earlier step is differentiated at the values it read, and the step taken from
   * the newest. `lr` should be an argument of that function, so that it can change. Returns the loss. */
  minimize(loss: Tensor, lr: Tensor | number): Tensor {
    const at = this.versionsFor(loss)
    this.step(
      [...at.keys()],
      () => this.gradients(loss, [...at.values()]),
      toTensor(lr, 'minimize'),
    )
    return loss
  }

  /** The gradients that `step` takes: those of the loss, times the loss scale if there is one. */
  gradients(loss: Tensor, wrt: readonly Tensor[]): Tensor[] {
    return this.lossScale ? this.lossScale.gradients(loss, wrt) : grad(loss, wrt)
  }

  /** The parameters that `loss` depends on, each with the version at which it is differentiated. */
  versionsFor(loss: Tensor): Map<Variable, Tensor> {
    const behind = versionsBehind(loss)
    // A loss at what an earlier step gave does not depend, in this sense, on all that the step was computed from.
    const near = versionsBehind(loss, new Set(this.parameters))
    const at = new Map<Variable, Tensor>()
    for (const p of this.parameters) {
      const version = behind.get(p) === read(p) ? read(p) : near.get(p)
      if (version) at.set(p, version)
    }
    return at
  }

  /** The same with gradients from elsewhere, one for each of `parameters`, as `gradients` gives them. A function that builds
   * them is better than the list: without a loss scale each update can then follow its gradient at once. */
  step(
    parameters: readonly Variable[],
    grads: readonly Tensor[] | (() => readonly Tensor[]),
    lr: Tensor | number,
  ): void {
    // What all updates share comes before the gradients.
    const update = scope('optimizer', () => this.prepare(toTensor(lr, 'step')))
    const given = typeof grads === 'function' ? grads() : grads
    if (!this.lossScale || !given.length) this.#assign(parameters, given, update)
    else this.lossScale.step(given, (gs) => this.#assign(parameters, gs, update))
  }

  /** Where the gradients of a parameter are added up within a step; no part of the state, since no step reads another's. */
  sumOf(p: Variable): Variable {
    const sum = this.#sums.get(p) ?? zeros(`gradient.${p.name}`, p.shape)
    this.#sums.set(p, sum)
    return sum
  }

  #assign(
    parameters: readonly Variable[],
    grads: readonly Tensor[],
    update: (p: Variable, g: Tensor) => void,
  ): void {
    scope('optimizer', () => {
      parameters.forEach((p, i) => {
        scope(p.name, () => update(p, grads[i]))
      })
    })
  }

  /** Moments and counters by name, for checkpoints. */
  stateDict(): Map<string, Variable> {
    return new Map(this.#state)
  }

  /** What is done once a step; the function that it returns is called for each parameter. */
  protected abstract prepare(lr: Tensor): (p: Variable, g: Tensor) => void

  /** A scalar that starts at 0 and is part of the state. */
  protected counter(name: string): Variable {
    return this.keep(name, [])
  }

  /** A moment of each parameter that starts at 0 and is part of the state. */
  protected moments(name: string): Map<Variable, Variable> {
    return new Map(this.parameters.map((p) => [p, this.keep(`${name}.${p.name}`, p.shape)]))
  }

  private keep(name: string, shape: readonly number[]): Variable {
    const variable = zeros(name, shape)
    this.#state.set(name, variable)
    return variable
  }
}

const zeros = (name: string, shape: readonly number[]): Variable =>
  new Variable({ dtype: 'f32', shape }, () => new Float32Array(sizeOf(shape)), name)

export interface SgdOptions extends OptimizerOptions {
  /** Default 0. */
  readonly momentum?: number
  /** Added to the gradient as weightDecay · p; default 0. */
  readonly weightDecay?: number
  /** `outside` (default, PyTorch): v ← m·v + g, p ← p − lr·v. `inside` (Caffe): v ← m·v + lr·g, p ← p − v. The same
   * while lr is constant. */
  readonly rate?: 'outside' | 'inside'
  /** Step along g + m·v instead of v, as in Nesterov's method; default false. */
  readonly nesterov?: boolean
}

/** Stochastic gradient descent with momentum. */
export class Sgd extends Optimizer {
  readonly options: Required<Omit<SgdOptions, 'lossScale'>>
  readonly velocity: ReadonlyMap<Variable, Variable> | undefined

  constructor(parameters: readonly Variable[], options: SgdOptions = {}) {
    const { lossScale, ...own } = options
    super(parameters, { lossScale })
    this.options = { momentum: 0, weightDecay: 0, rate: 'outside', nesterov: false, ...own }
    this.velocity = this.options.momentum ? this.moments('velocity') : undefined
  }

  protected prepare(lr: Tensor) {
    const { momentum, weightDecay, rate, nesterov } = this.options
    const inside = rate === 'inside'
    return (p: Variable, gradient: Tensor) => {
      const decayed = weightDecay ? add(gradient, mul(p, weightDecay)) : gradient
      const g = inside ? mul(decayed, lr) : decayed
      const velocity = this.velocity?.get(p)
      const v = velocity ? assign(velocity, add(mul(velocity, momentum), g)) : g
      const direction = nesterov && velocity ? add(g, mul(v, momentum)) : v
      assign(p, sub(p, inside ? direction : mul(direction, lr)))
    }
  }
}

export interface AdamOptions extends OptimizerOptions {
  /** Memory of the mean and of the mean square; default [0.9, 0.999]. */
  readonly betas?: readonly [number, number]
  /** Added outside the square root, after bias correction; default 1e-8. */
  readonly eps?: number
  /** Default 0. */
  readonly weightDecay?: number
}

/** m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g², p ← p − lr · m̂ / (√v̂ + eps) (Kingma and Ba 2015). The bias corrections
 * 1 − βᵗ are kept as moving averages of 1, which in f32 are exact to rounding where a power near 1 is not. */
abstract class Moments extends Optimizer {
  readonly options: Required<Omit<AdamOptions, 'lossScale'>>
  readonly mean: ReadonlyMap<Variable, Variable>
  readonly square: ReadonlyMap<Variable, Variable>
  readonly meanWeight: Variable
  readonly squareWeight: Variable

  constructor(parameters: readonly Variable[], options: AdamOptions) {
    const { lossScale, ...own } = options
    super(parameters, { lossScale })
    this.options = { betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, ...own }
    this.meanWeight = this.counter('mean_weight')
    this.squareWeight = this.counter('square_weight')
    this.mean = this.moments('mean')
    this.square = this.moments('square')
  }

  /** p after the step, from a start that weight decay may have moved. */
  protected adam(lr: Tensor): (p: Variable, start: Tensor, g: Tensor) => void {
    const [beta1, beta2] = this.options.betas
    const average = (of: Variable, value: Tensor | number, beta: number) =>
      assign(of, add(mul(of, beta), typeof value === 'number' ? value : mul(value, 1 - beta)))
    const rate = div(lr, average(this.meanWeight, 1 - beta1, beta1))
    const correction = average(this.squareWeight, 1 - beta2, beta2)
    return (p, start, g) => {
      const m = average(this.mean.get(p)!, g, beta1)
      const v = average(this.square.get(p)!, mul(g, g), beta2)
      const deviation = add(sqrt(div(v, correction)), this.options.eps)
      assign(p, sub(start, div(mul(m, rate), deviation)))
    }
  }
}

/** Adam; weight decay is added to the gradient. */
export class Adam extends Moments {
  constructor(parameters: readonly Variable[], options: AdamOptions = {}) {
    super(parameters, options)
  }

  protected prepare(lr: Tensor) {
    const { weightDecay } = this.options
    const update = this.adam(lr)
    return (p: Variable, g: Tensor) =>
      update(p, read(p), weightDecay ? add(g, mul(p, weightDecay)) : g)
  }
}

/** AdamW (Loshchilov and Hutter 2019): the parameter itself decays first, by lr · weightDecay. */
export class AdamW extends Moments {
  constructor(parameters: readonly Variable[], options: AdamOptions = {}) {
    super(parameters, { weightDecay: 0.01, ...options })
  }

  protected prepare(lr: Tensor) {
    const decay = sub(1, mul(lr, this.options.weightDecay))
    const update = this.adam(lr)
    return (p: Variable, g: Tensor) => update(p, mul(p, decay), g)
  }
}
