// What an op is. One object in its family's file says everything: its shape rule with the errors a person gets,
// its derivative written with other ops, how it is computed, what it costs, and inputs to try it on.

import type { Access, Caps, Elem, Operand, Recipe, Tail } from '../shaders/kernel.ts'
import { type DType, type Shape, sizeOf, type TensorType } from './dtype.ts'
import { refuse } from './ops/refuse.ts'
import { Node, Tensor, Variable } from './tensor.ts'

export type Attrs = Readonly<Record<string, unknown>>

/** Arithmetic and traffic of one application. */
export interface Cost {
  /** Multiply-adds of convolutions and matrix products; the papers' counts. */
  readonly macs: number
  /** All floating-point operations, 2 per multiply-add. */
  readonly flops: number
}

/** What a vjp may mention; whatever it mentions is kept alive for the backward part, and nothing else. */
export interface At<A> {
  readonly inputs: readonly Tensor[]
  readonly outputs: readonly Tensor[]
  readonly attrs: A
}

/** Cotangents of the inputs from those of the outputs (`undefined` = does not matter / no gradient). */
export type Vjp<A> = (
  at: At<A>,
  cotangents: readonly (Tensor | undefined)[],
) => readonly (Tensor | undefined)[]

/** Said in words: why an op has no gradient. Asking for one through it gives zero, as calculus does
 * for piecewise constant functions. */
export interface NoGradient {
  readonly reason: string
  /** Asking is an error: a zero would be wrong. What to do instead. */
  readonly hint?: string
}
export const none = (reason: string): NoGradient => ({ reason })
/** For ops that have a derivative which is not built: asking for it throws ShapeError. */
export const refusedGradient = (reason: string, hint: string): NoGradient => ({ reason, hint })

/** Inputs to try an op on, for the reference check, the gradient check and the fuzzer. */
export interface Sample<A> {
  readonly inputs: readonly SampleInput[]
  readonly attrs: A
  /** Inputs whose gradient is checked; default: all floating-point ones. */
  readonly wrt?: readonly number[]
}
export interface SampleInput extends TensorType {
  /** Range of values drawn; default [-1, 1] for floats. `steps` draws from that many values, so that ties occur. */
  readonly range?: readonly [number, number]
  readonly steps?: number
}
export const sample = (shape: Shape, range?: readonly [number, number]): SampleInput => ({
  dtype: 'f32',
  shape,
  ...(range && { range }),
})

type Refuse = (problem: string, hint?: string) => never

interface Common<A> {
  readonly name: string
  /** Types of the outputs, or an error that names the rule. */
  infer(types: readonly TensorType[], attrs: A, refuse: Refuse): TensorType[]
  readonly vjp: Vjp<A> | NoGradient
  cost(inputs: readonly TensorType[], outputs: readonly TensorType[], attrs: A): Cost
  readonly samples: readonly Sample<A>[]
  /** How far a device may be from the mathematics beyond a few roundings; `exact` for ops that round nothing: they only
   * move or choose values, or give whole numbers. */
  readonly error?: OpError | 'exact'
  /** Where its rule comes from, for the table of ops: a paper's section, a standard, a peer's behaviour. */
  readonly source?: string
}

/** Errors that WGSL allows its functions on moderate arguments: whatever the size of the result, and in proportion. */
export interface OpError {
  readonly absolute?: number
  readonly relative?: number
}

/** A value that comes from outside: an input, a constant, a variable. */
export interface SourceOp<A extends Attrs = Attrs> extends Common<A> {
  readonly kind: 'source'
}

/** The same elements under another shape; no kernel runs. */
export interface ViewOp<A extends Attrs = Attrs> extends Common<A> {
  readonly kind: 'view'
}

/** What WGSL of a pointwise op may use besides its arguments. */
export interface PointwiseEnv {
  /** Name of a `vec4u` that holds the row-major index of each of the four elements. */
  readonly index: string
  /** Names of the `vec4f` constants that `constants(attrs)` asked for: run-time values, not text. */
  readonly constants: readonly string[]
  readonly types: readonly Elem[]
  readonly out: Elem
}

/** Dtypes for a pointwise op's reference, to which all numbers look alike. */
export interface ReferenceDTypes {
  readonly types: readonly DType[]
  readonly out: DType
}

/** One output element from the input elements at the same place, after broadcasting. */
export interface PointwiseOp<A extends Attrs = Attrs> extends Common<A> {
  readonly kind: 'pointwise'
  /** A WGSL expression of the vec4 of results; arguments are vec4s of their register types. */
  wgsl(args: readonly string[], env: PointwiseEnv, attrs: A): string
  constants(attrs: A): readonly number[]
  /** Uses `env.index`, so that it may be fused only where the element's index is the same. */
  readonly indexed: boolean
  /** The same in float64 on the host. What does not fit the output's dtype is wrapped as memory does. */
  reference(args: readonly number[], attrs: A, index: number, dtypes: ReferenceDTypes): number
}

/** An operand of a structured kernel as its lowering sees it. */
export interface Bound extends TensorType {
  readonly access: Access
}

export interface LowerContext<A> {
  readonly inputs: readonly Bound[]
  readonly outputs: readonly TensorType[]
  readonly attrs: A
  readonly caps: Caps
  /** Fused pointwise work after the kernel. Its operands follow the op's own inputs, its results are the outputs. */
  readonly tail: Tail
  /** Fused pointwise work before the kernel, for ops with `prologue`; its operands replace the op's inputs. */
  readonly prologue: Prologue
  /** How each input is read, for ops with `loads`; the operands of these take the place of the inputs, one after another. */
  readonly loads: readonly Prologue[]
  /** Mean and variance of each channel of the tail's single result are wanted as two more outputs, for ops with `statistics`. */
  readonly statistics?: boolean
}

/** Pointwise work on the way in: gives the op's inputs at element `4·i4 …` from the operands it loads there. */
export interface Prologue {
  readonly key: string
  readonly operands: readonly Operand[]
  emit(operands: readonly string[]): { code: string; results: readonly string[] }
}

/** An op with kernels of its own. */
export interface StructuredOp<A extends Attrs = Attrs> extends Common<A> {
  readonly kind: 'structured'
  lower(context: LowerContext<A>): Recipe
  /** A pointwise tail may ride on its (single) output. */
  readonly tail: boolean
  /** Cheap pointwise producers may be computed while it loads. All its inputs have one shape then. */
  readonly prologue: boolean
  /** Inputs [n, h, w, c] that its kernels may make by pointwise work while they read them, each from operands of its own:
   * tensors of its shape, vectors of its channels and single elements. */
  readonly loads?: readonly number[]
  /** Its kernels can give the mean and variance of each channel of what they store. */
  readonly statistics?: boolean
  /** Which of its inputs its kernels read, and which outputs they write, in f16 as well where the graph has f32, with all
   * arithmetic in f32. `alike`: all that are f32, but only together. What is not named stays f32; prologues and tails read
   * either (see precision.ts). */
  readonly f16?: 'alike' | Places
  /** How it falls into smaller applications of itself, for tensors larger than an adapter can bind at once; without it
   * such tensors are refused. Of several ways the first that fits is taken. */
  readonly windows?: readonly Windows<A>[]
  /** Its naive twin in float64, for ops that the table of references does not know: a user's own. */
  readonly reference?: (
    inputs: readonly { readonly shape: Shape; readonly data: Float64Array }[],
    attrs: A,
    outputs: readonly TensorType[],
  ) => Float64Array[]
}

/** Inputs and outputs by number. */
export interface Places {
  readonly inputs: readonly number[]
  readonly outputs: readonly number[]
}

/** From … to (exclusive) on each axis. */
export type Box = readonly (readonly [from: number, to: number])[]

/** A cut along the leading axes: single entries of some, a range of the next, all of the rest. */
export interface Windows<A> {
  /** What is cut: every output, so that the results are joined, or the first input, so that they are combined. */
  readonly cut: 'output' | 'input'
  /** How many leading axes of it may be cut; 0 where this is no way. */
  axes(attrs: A, inputs: readonly TensorType[]): number
  /** What one window needs of each input (undefined: all of it, null: that it is not there), and the attributes of the smaller application; or
   * undefined where no window can begin or end so. */
  part(
    box: Box,
    attrs: A,
    inputs: readonly TensorType[],
  ): { readonly inputs: readonly (Box | undefined | null)[]; readonly attrs: A } | undefined
  /** For a cut input: the outputs from those of the windows. `share` is each window's part of the whole. */
  combine?(parts: readonly Tensor[][], share: readonly number[]): Tensor[]
}

/** Several ops that run as one kernel; only fusion makes it. `attrs.body` says which. */
export interface FusedOp<A extends Attrs = Attrs> extends Common<A> {
  readonly kind: 'fused'
}

export type Op<A extends Attrs = Attrs> =
  | SourceOp<A>
  | ViewOp<A>
  | PointwiseOp<A>
  | StructuredOp<A>
  | FusedOp<A>

/** Elements of a tensor: what kernels count with has 32 bits. */
const MOST = 2 ** 32

/** Applies an op: checks the types and gives the tensors of its outputs. */
export function apply<A extends Attrs>(op: Op<A>, inputs: readonly Tensor[], attrs: A): Tensor[] {
  const no = (problem: string, hint?: string) => refuse(op.name, problem, inputs, hint)
  const types = op.infer(inputs, attrs, no)
  const vast = types.find((t) => sizeOf(t.shape) > MOST)
  if (vast) no(`the result would be [${vast.shape}]`, 'a tensor has at most 2³² elements')
  const node = new Node(op as Op, inputs, attrs, types)
  return types.map((_, i) => node.output(i))
}

/** What an op function accepts where it wants a tensor. */
export type TensorLike = Tensor | Variable

export const noCost: Cost = { macs: 0, flops: 0 }
export const perElement =
  (flops: number) =>
  (_: readonly TensorType[], outputs: readonly TensorType[]): Cost => ({
    macs: 0,
    flops: flops * sizeOf(outputs[0].shape),
  })

export const isTensorLike = (x: unknown): x is TensorLike =>
  x instanceof Tensor || x instanceof Variable
