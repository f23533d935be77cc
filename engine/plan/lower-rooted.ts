// Fused nodes with a structured step: its own lowering, with the pointwise steps before it pasted in where it loads and
// those after it where it stores.

import type { Caps, Operand, OperandMode, Recipe, Slot } from '../../shaders/kernel.ts'
import { identityTail, input, type Tail } from '../../shaders/kernel.ts'
import { plainLoad } from '../../shaders/reduce.ts'
import { type Shape, sameShape, sizeOf } from '../dtype.ts'
import type { Bound, Prologue, StructuredOp } from '../op.ts'
import { tailMode } from '../passes/fuse-join.ts'
import { type Body, bodyOf, type Ref, typeOf } from '../passes/fused.ts'
import type { Node, Tensor } from '../tensor.ts'
import { emitSteps } from './expressions.ts'

/** The recipe of a fused node with a root. */
export function lowerRooted(node: Node, bound: readonly Bound[], caps: Caps): Recipe {
  const body = bodyOf(node)
  const { op } = body.steps[body.root]
  return (op as StructuredOp).prologue
    ? lowerPrologue(node, bound, caps)
    : lowerGemm(node, bound, caps)
}

/** Loads each value as it is, from buffers bound as they are. */
export const loadOf = (inputs: readonly Bound[]): Prologue => ({
  ...plainLoad(inputs.map((b) => b.dtype)),
  operands: inputs.map((b) => ({ access: b.access, elem: b.dtype, mode: 'same' })),
})

/** `root` with steps before each of its inputs, and then steps on what it would store. */
function lowerGemm(node: Node, bound: readonly Bound[], caps: Caps): Recipe {
  const body = bodyOf(node)
  const root = body.steps[body.root]
  const op = root.op as StructuredOp
  const ways = root.args.map((arg) => wayIn(body, arg, bound))
  const { tail, inputs } = tailOf(node, bound)
  const statistics = body.steps[body.steps.length - 1].op.name === 'moments'
  const recipe = op.lower({
    inputs: root.args.map((arg) =>
      'input' in arg ? bound[arg.input] : { ...typeOf(body, arg, bound), access: 'read_write' },
    ),
    outputs: root.types,
    attrs: root.attrs,
    caps,
    tail,
    prologue: loadOf(bound),
    loads: ways.map((way) => way.load),
    ...(statistics && { statistics }),
  })
  return renumber(recipe, [...ways.flatMap((way) => way.inputs), ...inputs])
}

/** How an argument of the root is read, and the node's inputs from which. */
function wayIn(
  body: Body,
  arg: Ref,
  bound: readonly Bound[],
): { load: Prologue; inputs: number[] } {
  if ('input' in arg) return { load: loadOf([bound[arg.input]]), inputs: [arg.input] }
  const { shape } = typeOf(body, arg, bound)
  const { steps, inputs } = behind(body, [arg])
  const operands = inputs.map((i): Operand => {
    const { access, dtype } = bound[i]
    return { access, elem: dtype, mode: modeIn(bound[i].shape, shape) }
  })
  const emit = (names: readonly string[]) => {
    const byInput = bound.map((_, i) => names[inputs.indexOf(i)])
    const skip = (s: number) => (steps.has(s) ? undefined : '')
    const { code, name } = emitSteps(body, skip, byInput, bound, '')
    return { code, results: [name(arg)] }
  }
  const text = emit(operands.map((_, k) => `v${k}`))
  return { load: { key: `${text.code}>${text.results}`, operands, emit }, inputs }
}

/** The steps after the root, and the node's inputs that they read. Moments are no part of it. */
function tailOf(node: Node, bound: readonly Bound[]): { tail: Tail; inputs: number[] } {
  const body = bodyOf(node)
  const stored = body.results.filter(
    (r) => 'input' in r || body.steps[r.step].op.name !== 'moments',
  )
  const { steps, inputs } = behind(body, stored)
  const y = body.steps[body.root].types[0]
  const operands = inputs.map((i): Operand => {
    const mode = tailMode(node.inputs[i], { ...node.inputs[i], shape: y.shape } as Tensor)
    if (!mode) throw new Error('operand does not fit a tail')
    return { access: bound[i].access, elem: bound[i].dtype, mode }
  })
  const emit = (value: string, names: readonly string[]) => {
    const byInput = bound.map((_, i) => names[inputs.indexOf(i)])
    const skip = (s: number) => (s === body.root ? value : steps.has(s) ? undefined : '')
    const { code, name } = emitSteps(body, skip, byInput, bound, '')
    return { code, results: stored.map(name) }
  }
  const text = emit(
    'v',
    operands.map((_, i) => `t${i}`),
  )
  const outputs = stored.map((_, k) => node.types[k].dtype)
  return { tail: { key: `${text.code}>${text.results}`, operands, outputs, emit }, inputs }
}

/** The steps that values are made by, the root and what is before it left out, and the inputs that these read. */
function behind(body: Body, refs: readonly Ref[]): { steps: Set<number>; inputs: number[] } {
  const steps = new Set<number>()
  const inputs = new Set<number>()
  const visit = (ref: Ref) => {
    if ('input' in ref) inputs.add(ref.input)
    else if (ref.step !== body.root && !steps.has(ref.step)) {
      steps.add(ref.step)
      body.steps[ref.step].args.forEach(visit)
    }
  }
  refs.forEach(visit)
  return { steps, inputs: [...inputs] }
}

const modeIn = (x: Shape, whole: Shape): OperandMode =>
  sameShape(x, whole) ? 'same' : sizeOf(x) === 1 ? 'scalar' : 'channel'

/** Pointwise steps on the way into `root`, which is given all its inputs at once. */
function lowerPrologue(node: Node, bound: readonly Bound[], caps: Caps): Recipe {
  const body = bodyOf(node)
  const root = body.steps[body.root]
  const op = root.op as StructuredOp
  const shape = typeOf(body, root.args[0], bound).shape
  const operands = bound.map(
    (b): Operand => ({ access: b.access, elem: b.dtype, mode: modeIn(b.shape, shape) }),
  )
  const emit = (names: readonly string[]) => {
    const skip = (s: number) => (s === body.root ? '' : undefined)
    const { code, name } = emitSteps(body, skip, names, bound, '')
    return { code, results: root.args.map(name) }
  }
  const text = emit(operands.map((_, i) => `v${i}`))
  return op.lower({
    inputs: bound,
    outputs: root.types,
    attrs: root.attrs,
    caps,
    tail: identityTail,
    prologue: { key: `${text.code}>${text.results}`, operands, emit },
    loads: [],
  })
}

/** The recipe with its input i being the node's input `to[i]`. */
function renumber(recipe: Recipe, to: readonly number[]): Recipe {
  const slot = (s: Slot): Slot => (s.kind === 'input' ? input(to[s.index]) : s)
  return {
    scratch: recipe.scratch,
    dispatches: recipe.dispatches.map((d) => ({ ...d, buffers: d.buffers.map(slot) })),
  }
}
