// What all optimisers share: which parameters a loss is differentiated with respect to, what becomes of the gradients before each
// update has its own, and state by name. An update is arithmetic on a parameter, its gradient and its moments, of which fusion
// makes one kernel. The moments are variables, so that a checkpoint can hold them.

import { sizeOf } from '../../engine/dtype.ts'
import { OptionError } from '../../engine/errors.ts'
import { grad, versionsBehind } from '../../engine/grad.ts'
import { refuseOption, shown } from '../../engine/ops/refuse.ts'
import { assign, read, toTensor } from '../../engine/ops/source.ts'
import { type Tensor, Variable } from '../../engine/tensor.ts'
import { scope } from '../../engine/trace.ts'
import { Ema, type EmaOptions } from '../loop/ema.ts'
import { LossScale, type LossScaleOptions } from '../loop/loss-scale.ts'
import { boundsNorm, type Clip, checkClip, clipped } from './clip.ts'
import { type Factors, factorsOf, type ParameterRule } from './rules.ts'

export interface OptimizerOptions {
  /** Differentiates scale · loss instead of the loss, as `precision: 'mixed'` needs it: see `LossScale`. A step whose gradients
   * are not all finite is skipped: parameters, moments, and whatever else the function has assigned until then, such as running
   * averages, keep their bits. `true`: with the usual numbers. Default: none. */
  readonly lossScale?: LossScaleOptions | boolean
  /** Exceptions for some parameters; default: none. */
  readonly rules?: readonly ParameterRule[]
  /** Bounds the gradients, after the loss scale is taken out and the parts of a batch are added up, before weight decay; default: no
   * bound. */
  readonly clip?: Clip
  /** Averages the parameters over the steps, beside them: a decay, or all of `EmaOptions`. Default: no average. */
  readonly ema?: number | EmaOptions
}

/** Options that are an optimiser's own. */
export type Own<T extends OptimizerOptions> = Required<Omit<T, keyof OptimizerOptions>>

/** The options that are an optimiser's own, of all of them. */
export function ownOptions<T extends OptimizerOptions>(options: T) {
  const { lossScale, rules, clip, ema, ...own } = options
  return own
}

/** Throws OptionError for a number that is not finite or does not fit. */
export function checkRange(me: string, name: string, value: number, fits: boolean, range: string) {
  if (!(Number.isFinite(value) && fits))
    refuseOption(me, `${name} ${shown(value)} is out of range`, `it goes ${range}`)
}

/** What a step does with each parameter, and with what is averaged beside those that it changes. */
interface Update {
  readonly one: (p: Variable, g: Tensor) => void
  readonly rest: () => void
}

/** Assigns new values to parameters so that a loss falls. */
export abstract class Optimizer {
  /** Those that it trains: all but the frozen ones. */
  readonly parameters: readonly Variable[]
  readonly #factors: ReadonlyMap<Variable, Factors>
  readonly #clip: Clip | undefined
  readonly #state = new Map<string, Variable>()
  readonly #sums = new Map<Variable, Variable>()
  /** Of the losses that it minimises, if they are scaled; part of the state. */
  readonly lossScale: LossScale | undefined
  /** f32 scalar, where `clip` bounds the norm of all gradients: what that was in the last step that was taken, before it was bounded.
   * No part of the state. */
  readonly gradientNorm: Variable | undefined
  /** Of the parameters, if they are averaged; part of the state. */
  readonly ema: Ema | undefined

  /** Throws OptionError when two parameters have one name, since their moments could not be told apart, for options that are out
   * of range, and for a rule that fits no parameter. */
  constructor(parameters: readonly Variable[], options: OptimizerOptions = {}) {
    const { lossScale, rules, clip, ema } = options
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
    this.#factors = factorsOf(parameters, rules)
    this.parameters = parameters.filter((p) => !this.factors(p).frozen)
    if (clip !== undefined) checkClip(clip)
    this.#clip = clip
    if (clip !== undefined && boundsNorm(clip)) this.gradientNorm = zeros('gradient_norm', [])
    if (ema === undefined) return
    this.ema = new Ema(this.parameters, typeof ema === 'number' ? { decay: ema } : ema)
    for (const [name, v] of this.ema.stateDict()) this.#state.set(name, v)
  }

  /** What the rules say of a parameter that it trains. */
  protected factors(p: Variable): Factors {
    return this.#factors.get(p)!
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
    const update = scope('optimizer', () => this.#prepareAll(toTensor(lr, 'step')))
    const given = typeof grads === 'function' ? grads() : grads
    const assign = (gs: readonly Tensor[]) => this.#assign(parameters, this.#bounded(gs), update)
    if (!this.lossScale || !given.length) assign(given)
    else this.lossScale.step(given, assign)
  }

  /** Where the gradients of a parameter are added up within a step; no part of the state, since no step reads another's. */
  sumOf(p: Variable): Variable {
    const sum = this.#sums.get(p) ?? zeros(`gradient.${p.name}`, p.shape)
    this.#sums.set(p, sum)
    return sum
  }

  #bounded(gradients: readonly Tensor[]): readonly Tensor[] {
    const clip = this.#clip
    if (clip === undefined) return gradients
    return scope('clip', () => {
      const { gradients: bounded, norm } = clipped(gradients, clip)
      if (norm) assign(this.gradientNorm!, norm)
      return bounded
    })
  }

  #prepareAll(lr: Tensor): Update {
    const update = this.prepare(lr)
    const average = this.ema?.prepare()
    if (!average) return { one: update, rest: () => undefined }
    const left = new Set(this.ema!.averages.keys())
    const one = (p: Variable, g: Tensor) => {
      update(p, g)
      if (left.delete(p)) average(p)
    }
    const rest = () => {
      for (const v of left) scope(v.name, () => average(v))
    }
    return { one, rest }
  }

  #assign(parameters: readonly Variable[], grads: readonly Tensor[], update: Update): void {
    scope('optimizer', () => {
      parameters.forEach((p, i) => {
        scope(p.name, () => update.one(p, grads[i]))
      })
      update.rest()
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
