// A random program in the making: its tensors so far with their values, computed as it grows. Knowing the values keeps
// them moderate, and inside the range that an op wants, without a rule for every op.

import { type HostArray, isFloat, sizeOf, type TensorType } from '../../engine/dtype.ts'
import { apply, type SampleInput } from '../../engine/op.ts'
import { reshape } from '../../engine/ops/shape.ts'
import { constant, copyOp, inputOp, read } from '../../engine/ops/source.ts'
import { evaluate } from '../../engine/reference/evaluate.ts'
import { drawInput, randomFrom } from '../../engine/reference/index.ts'
import { numbersOf, type Value } from '../../engine/reference/value.ts'
import type { HostTensor, Node, Tensor } from '../../engine/tensor.ts'
import { Variable } from '../../engine/tensor.ts'

/** Choices from a seed. */
export class Dice {
  readonly random: () => number
  constructor(seed: number) {
    this.random = randomFrom(seed)
  }
  below(n: number): number {
    return Math.floor(this.random() * n)
  }
  one<T>(xs: readonly T[]): T {
    return xs[this.below(xs.length)]
  }
  /** True once in n times. */
  rarely(n: number): boolean {
    return this.below(n) === 0
  }
}

/** Largest values and sizes that a program goes on with. */
export const most = { value: 1e4, integer: 2 ** 32, elements: 1500 }

/** Calm programs keep their values apart and read their arguments through copies. */
export class World {
  readonly dice: Dice
  /** Arguments of the program: their tensors and what they are given. */
  readonly inputs: Tensor[] = []
  readonly args: HostTensor[] = []
  /** What moves may use. */
  readonly pool: Tensor[] = []
  /** Variables that the program has read. */
  readonly variables: Variable[] = []
  readonly #values = new Map<Tensor, Value>()
  readonly #ranges = new Map<Tensor, readonly [number, number]>()
  readonly #calm: boolean

  constructor(dice: Dice, calm: boolean) {
    this.dice = dice
    this.#calm = calm
  }

  /** One more argument of the program. */
  argument(type: SampleInput): Tensor {
    const position = this.inputs.length
    const given = drawInput(type, this.dice.random)
    const plain: TensorType = { dtype: type.dtype, shape: type.shape }
    const [t] = apply(inputOp, [], { type: plain, position })
    this.inputs.push(t)
    this.args.push(given)
    this.#known(t, numbersOf(given.data))
    return this.#calm ? apply(copyOp, [t], {})[0] : t
  }

  /** A variable with drawn values. */
  variable(type: SampleInput): Variable {
    const { dtype, shape, data } = drawInput(type, this.dice.random)
    const made = new Variable(
      { dtype, shape },
      () => data.slice() as HostArray,
      `v${this.variables.length}`,
    )
    this.variables.push(made)
    return made
  }

  /** Drawn values from anywhere: an argument, a variable, a constant. */
  fresh(type: SampleInput): Tensor {
    const kind = this.dice.below(8)
    if (kind === 0) {
      const { data, shape } = drawInput(type, this.dice.random)
      const t = constant(data, shape)
      return this.#known(t, numbersOf(data))
    }
    if (kind > 2) return this.argument(type)
    const v = this.variable(type)
    const t = read(v)
    return this.#known(t, numbersOf(v.initial()))
  }

  #known(t: Tensor, data: Float64Array): Tensor {
    this.#values.set(t, { dtype: t.dtype, shape: t.shape, data })
    return t
  }

  value(t: Tensor): Value {
    const known = this.#values.get(t)
    if (known) return known
    for (const node of unknownBehind(t, this.#values)) {
      const outputs =
        node.op.kind === 'source'
          ? [sourceValue(node)]
          : evaluate(
              node.op,
              node.inputs.map((x) => this.#values.get(x)!),
              node.attrs,
              node.types,
            )
      outputs.forEach((v, i) => {
        this.#values.set(node.output(i), v)
      })
    }
    return this.#values.get(t)!
  }

  /** Smallest and largest element; [NaN, NaN] where one is not finite. */
  range(t: Tensor): readonly [number, number] {
    let range = this.#ranges.get(t)
    if (!range) {
      range = rangeOf(this.value(t).data)
      this.#ranges.set(t, range)
    }
    return range
  }

  /** In a calm program, `t` as others see it: no kernel computes it anew, neither on the way forward nor back. So fusion
   * meets the same chains again and again, and few pipelines are compiled. */
  apart(t: Tensor): Tensor {
    if (!this.#calm || t.node.op.kind === 'view') return t
    const size = sizeOf(t.shape)
    return reshape(reshape(t, t.shape.length === 1 ? [1, size] : [size]), t.shape)
  }

  /** Puts what has moderate finite values at the end of the pool; says whether it did. */
  accept(t: Tensor): boolean {
    if (t.dtype === 'f16' || sizeOf(t.shape) > most.elements || !sizeOf(t.shape)) return false
    const [low, high] = this.range(t)
    const limit = isFloat(t.dtype) ? most.value : most.integer
    if (!(Math.abs(low) <= limit && Math.abs(high) <= limit)) return false
    const at = this.pool.indexOf(t)
    if (at >= 0) this.pool.splice(at, 1)
    this.pool.push(this.apart(t))
    return true
  }
}

/** The nodes behind `t` without a value, each after its inputs. */
function unknownBehind(t: Tensor, values: ReadonlyMap<Tensor, unknown>): Node[] {
  const found = new Set<Node>()
  const stack = [t.node]
  while (stack.length) {
    const node = stack.pop()!
    if (found.has(node) || values.has(node.output())) continue
    found.add(node)
    for (const x of node.inputs) stack.push(x.node)
  }
  return [...found].sort((a, b) => a.id - b.id)
}

function sourceValue({ op, attrs, types: [type] }: Node): Value {
  const { value, variable } = attrs as { value: HostTensor; variable: Variable }
  const data = numbersOf(op.name === 'constant' ? value.data : variable.initial())
  return { ...type, data }
}

function rangeOf(data: Float64Array): readonly [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const x of data) {
    if (!Number.isFinite(x)) return [Number.NaN, Number.NaN]
    if (x < low) low = x
    if (x > high) high = x
  }
  return [low, high]
}

/** A tensor type whose data is drawn. */
export const drawnType = (
  dtype: TensorType['dtype'],
  shape: readonly number[],
  range?: readonly [number, number],
): SampleInput => ({ dtype, shape, ...(range && { range }) })
