// A Tensor is an immutable handle on one output of a Node; a Node is one application of an op. Building them
// touches no device: shapes are checked on the line that wrote them, and everything else comes later.

import { type HostArray, type Shape, showType, sizeOf, type TensorType } from './dtype.ts'
import { OptionError, ShapeError } from './errors.ts'
import type { Attrs, Op } from './op.ts'
import { currentBlock, currentPath, currentSource } from './trace.ts'

let nextId = 1

/** Part of a forward pass whose inner values do not wait for the backward pass: what `checkpoint` marks. */
export interface Block {
  /** Module path where it was marked. */
  readonly path: string
}

/** One application of an op. `source` is the forward node that a backward node differentiates. */
export class Node {
  readonly id: number = nextId++
  readonly op: Op
  readonly inputs: readonly Tensor[]
  readonly attrs: Attrs
  readonly types: readonly TensorType[]
  /** Module path that wrote the node, as `encoder.3.conv1`; '' outside any module. */
  readonly path: string
  readonly source: Node | undefined
  /** The outermost block that it is in. */
  readonly block: Block | undefined
  /** The node that a person's function, or a derivative's rule, wrote, where a pass has put this one in its place. */
  readonly origin: Node | undefined

  constructor(
    op: Op,
    inputs: readonly Tensor[],
    attrs: Attrs,
    types: readonly TensorType[],
    from: { path?: string; source?: Node; block?: Block; origin?: Node } = {},
  ) {
    this.op = op
    this.inputs = inputs
    this.attrs = attrs
    this.types = types
    this.path = from.path ?? currentPath()
    this.source = from.source ?? currentSource()
    this.block = from.block ?? currentBlock()
    this.origin = from instanceof Node ? (from.origin ?? from) : from.origin
  }

  /** Handle on output `index`. Equal calls give the same object, so tensors can be compared with `===`. */
  output(index = 0): Tensor {
    this.#outputs[index] ??= new Tensor(this, index)
    return this.#outputs[index]
  }
  readonly #outputs: Tensor[] = []
}

/** An immutable value of known shape and dtype; where it is computed, and when, is the plan's business. */
export class Tensor implements TensorType {
  readonly node: Node
  readonly index: number
  constructor(node: Node, index: number) {
    this.node = node
    this.index = index
  }
  get dtype(): TensorType['dtype'] {
    return this.node.types[this.index].dtype
  }
  get shape(): Shape {
    return this.node.types[this.index].shape
  }
  [Symbol.toPrimitive](hint: string): string {
    return asPrimitive(hint, this, UNKNOWN)
  }
}

const UNKNOWN = [
  'a tensor has no value while a function is traced',
  'write add(x, 1), greater(x, 0), where(condition, a, b): the device computes them',
] as const

/** The type in a text. Throws OptionError in arithmetic and comparisons, where JavaScript would go on with that text. */
export function asPrimitive(
  hint: string,
  type: TensorType,
  [problem, advice]: readonly [problem: string, advice: string],
): string {
  if (hint === 'string') return showType(type)
  throw new OptionError(`${problem}: it cannot be computed with here`, advice)
}

/** Throws ShapeError where there is not exactly one element. */
export function checkSingle(type: TensorType): void {
  if (sizeOf(type.shape) === 1) return
  throw new ShapeError('value', 'one element is needed', [showType(type)], '', 'read() gives all')
}

/** Host data with a shape: what programs take and give at their edges. */
export interface HostTensor extends TensorType {
  readonly data: HostArray
}

/** State that outlives a program: a parameter, a running average, an optimiser's moment. The device that first
 * uses it keeps its current value; `initial` is the value before that. */
export class Variable implements TensorType {
  readonly dtype: TensorType['dtype']
  readonly shape: Shape
  /** Set by the module tree; used in messages and printing. */
  name: string
  /** Counts the assignments that devices have run, so that a lazy read of an old value can be refused. */
  version = 0
  readonly #initial: () => HostArray
  constructor(type: TensorType, initial: () => HostArray, name = 'variable') {
    this.dtype = type.dtype
    this.shape = type.shape
    this.name = name
    this.#initial = initial
  }
  /** The starting value; computed anew at each call, so that nothing is held twice in host memory. */
  initial(): HostArray {
    return this.#initial()
  }
  [Symbol.toPrimitive](hint: string): string {
    return asPrimitive(hint, this, UNKNOWN)
  }
}
