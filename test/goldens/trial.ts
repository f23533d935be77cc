// One run of one case: what is fed, what comes back, and that nothing of the case is passed over.

import type { Device } from '../../engine/device.ts'
import type { DeviceTensor } from '../../engine/device-tensor.ts'
import type { Shape, TensorType } from '../../engine/dtype.ts'
import { grad } from '../../engine/grad.ts'
import type { HostTensor, Tensor } from '../../engine/tensor.ts'
import { Attributes } from './attributes.ts'
import { type Comparison, sameKind } from './check.ts'
import type { GoldenCase } from './format.ts'
import { inverse, layouts, ourOrder, permuted } from './layout.ts'

/** Runs a case and compares; whatever is wrong is thrown or found in its comparisons. */
export type Operator = (trial: Trial) => Promise<void> | void

export type Inputs = Readonly<Record<string, Tensor>>
export type Outputs = Readonly<Record<string, Tensor>>
/** What an operator gives for tensors in our layout: `y` alone, or all that the case names. */
export type Build = (inputs: Inputs, attributes: Attributes) => Tensor | Outputs

export class Trial {
  readonly golden: GoldenCase
  readonly attributes: Attributes
  readonly device: Device
  readonly compared = new Map<string, Comparison>()
  readonly #fed = new Set<string>()

  constructor(golden: GoldenCase, device: Device) {
    if (!(layouts as readonly string[]).includes(golden.layout))
      throw new Error(`its layout "${golden.layout}" is not known here`)
    this.golden = golden
    this.attributes = new Attributes(golden.attributes)
    this.device = device
  }

  /** A tensor to feed, in our layout. */
  input(name: string): HostTensor {
    this.#fed.add(name)
    return this.reference(name)
  }

  /** A tensor to compare with, in our layout, for an operator that checks in its own way. */
  reference(name: string): HostTensor {
    return permuted(this.golden.plain(name), this.#order(name))
  }

  /** The shape of a tensor in our layout. */
  shape(name: string): Shape {
    const shape = this.golden.shape(name)
    return this.#order(name).map((axis) => shape[axis])
  }

  /** Throws unless a result in our layout has the type of the stored one. */
  expect(name: string, { dtype, shape }: TensorType): void {
    const stored = this.#stored(name, shape.length).map((axis) => shape[axis])
    const [want, kind] = [this.golden.shape(name), this.golden.dtype(name)]
    if (!sameKind(dtype, kind)) throw new Error(`${name} is ${dtype} and ${kind} was expected`)
    if (stored.join() !== want.join())
      throw new Error(`${name} has the shape [${stored}] and [${want}] was expected`)
  }

  /** Compares a result in our layout. */
  compare(name: string, got: HostTensor): void {
    this.expect(name, got)
    this.compareValues(name, permuted(got, this.#stored(name, got.shape.length)).data)
  }

  /** Compares numbers in the stored order. */
  compareValues(name: string, got: ArrayLike<number>): void {
    const floor = name.startsWith('d_') ? this.#floor() : 0
    this.checked(name, this.golden.compare(name, got, { floor }))
  }

  /** For what a case wants to be checked in its own way. */
  checked(name: string, comparison: Comparison = { error: 0, share: 0 }): void {
    this.compared.set(name, comparison)
  }

  /** Results of a function of tensors, by name. */
  async run(
    inputs: Readonly<Record<string, HostTensor>>,
    build: (inputs: Inputs) => Outputs,
  ): Promise<Record<string, HostTensor>> {
    const names = Object.keys(inputs)
    const program = this.device.compile((...tensors: Tensor[]) =>
      build(Object.fromEntries(names.map((name, i) => [name, tensors[i]]))),
    )
    try {
      return await readAll(await program.run(...Object.values(inputs)))
    } finally {
      program.dispose()
    }
  }

  /** Runs an operator on what the case feeds, with the gradients that it lists, and compares. */
  async differentiate(build: Build): Promise<void> {
    const { golden, attributes } = this
    const fed = golden.names('fed')
    const wanted = golden.names('compared').filter((name) => golden.role(name) === 'grad')
    const results = await this.run(
      Object.fromEntries(fed.map((name) => [name, this.reference(name)])),
      ({ gy, ...inputs }) => {
        const built = build(this.#noticed(inputs), attributes)
        const outputs = 'node' in built ? { y: built as Tensor } : (built as Outputs)
        attributes.finish()
        for (const [name, output] of Object.entries(outputs)) this.expect(name, output)
        if (!wanted.length) return outputs
        this.#fed.add('gy')
        return { ...outputs, ...this.gradients(outputs, inputs, gy, wanted) }
      },
    )
    for (const [name, got] of Object.entries(results)) this.compare(name, got)
  }

  /** The same inputs; those that are looked at count as used. */
  #noticed(inputs: Inputs): Inputs {
    const noticed: Record<string, Tensor> = {}
    for (const [name, tensor] of Object.entries(inputs))
      Object.defineProperty(noticed, name, {
        enumerable: true,
        get: () => {
          this.#fed.add(name)
          return tensor
        },
      })
    return noticed
  }

  /** dL/d… of L = Σ y · gy, under the names `wanted`. */
  gradients(
    { y }: Outputs,
    inputs: Readonly<Record<string, Tensor>>,
    gy: Tensor | undefined,
    wanted: readonly string[],
  ): Outputs {
    if (!y || !gy) throw new Error(`it wants ${wanted} and has no ${y ? 'gy' : 'y'}`)
    const of = wanted.map((name) => {
      const input = inputs[name.slice(2)]
      if (!name.startsWith('d_') || !input) throw new Error(`${name} is a gradient of no input`)
      return input
    })
    const found = grad(y, of, gy)
    return Object.fromEntries(wanted.map((name, i) => [name, found[i]]))
  }

  /** Throws when a tensor was not used, or not compared. */
  finish(): void {
    const unused = this.golden.names('fed').filter((name) => !this.#fed.has(name))
    if (unused.length) throw new Error(`nobody used its tensor ${unused.join(', ')}`)
    const unseen = this.golden.names('compared').filter((name) => !this.compared.has(name))
    if (unseen.length) throw new Error(`nobody compared its tensor ${unseen.join(', ')}`)
    this.attributes.finish()
  }

  #order(name: string): readonly number[] {
    return ourOrder(this.golden.layout, this.golden.shape(name).length, this.#isWeight(name))
  }

  /** The order of the stored axes of a result with `rank` axes. */
  #stored(name: string, rank: number): readonly number[] {
    return inverse(ourOrder(this.golden.layout, rank, this.#isWeight(name)))
  }

  #isWeight(name: string): boolean {
    return this.golden.role(name.replace(/^d_/, '')) === 'param'
  }

  /** The absolute error that a note allows in gradients. */
  #floor(): number {
    const [, number] = /gradients with absolute floor ([\d.e+-]+)/.exec(this.golden.notes) ?? []
    return number ? Number(number) : 0
  }
}

/** An operator whose results and gradients follow from one expression. */
export const expression =
  (build: Build): Operator =>
  (trial) =>
    trial.differentiate(build)

async function readAll(
  results: Readonly<Record<string, DeviceTensor>>,
): Promise<Record<string, HostTensor>> {
  const read = Object.entries(results).map(async ([name, t]) => {
    const { dtype, shape } = t
    const data = await t.read()
    t.dispose()
    return [name, { dtype, shape, data }] as const
  })
  return Object.fromEntries(await Promise.all(read))
}
