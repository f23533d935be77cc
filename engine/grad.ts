// Reverse mode: one walk over the graph from the result back to what is asked for. Each op's vjp appends ordinary
// nodes, so gradients are tensors like any other and can be differentiated again.

import { isFloat, sameType, showType, sizeOf } from './dtype.ts'
import { ShapeError } from './errors.ts'
import { isTensorLike, type TensorLike } from './op.ts'
import { add, broadcastTo } from './ops/arithmetic.ts'
import { sumTo } from './ops/reduce.ts'
import { refuseNamed, shown } from './ops/refuse.ts'
import { scalar, toTensor } from './ops/source.ts'
import { type Node, Tensor, Variable } from './tensor.ts'
import { currentPath, currentTrace, derivedFrom, scope } from './trace.ts'

/** d(y · seed)/d(each of wrt), as tensors of their shapes. `y` is a scalar unless `seed`, a tensor of y's type, is
 * given. A variable stands for the newest of its versions that `y` depends on, whether or not it has been assigned
 * since; for another version give what `read` or `assign` returned. What `y` does not depend on, or only through
 * piecewise constant ops, gets zeros.
 * Throws ShapeError when `y` is no scalar and no seed is given, or one of another type, and for ops that refuse. */
export function grad(y: Tensor, wrt: readonly TensorLike[], seed?: Tensor): Tensor[] {
  const problem = 'a list of tensors and variables is needed'
  if (!Array.isArray(wrt) || wrt.findIndex((t) => !isTensorLike(t)) >= 0)
    refuseNamed('grad', problem, [shown(wrt)], 'write grad(y, [x, w])')
  return gradients(toTensor(y, 'grad'), wrt, seed === undefined ? seed : toTensor(seed, 'grad'))
}

function gradients(y: Tensor, wrt: readonly TensorLike[], seed: Tensor | undefined): Tensor[] {
  if (!seed && sizeOf(y.shape) !== 1)
    throw new ShapeError(
      'grad',
      'only a scalar has a gradient',
      [showType(y)],
      currentPath(),
      'take sum() or mean() of it first, or give a seed of its shape',
    )
  if (seed && !sameType(seed, y))
    throw new ShapeError(
      'grad',
      'the seed must have the type of what is differentiated',
      [showType(y), showType(seed)],
      currentPath(),
      'use cast() and broadcastTo()',
    )
  const versions = versionsBehind(y)
  const targets = wrt.map((t) => (t instanceof Tensor ? t : versions.get(t)))
  const nodes = nodesBetween(
    y,
    targets.filter((t) => t !== undefined),
  )
  const cotangents = new Map<Tensor, Tensor>()
  cotangents.set(y, seed ?? broadcastTo(scalar(1, y.dtype), y.shape))
  for (const node of nodes) {
    if (!node.inputs.length) continue
    const dys = node.types.map((_, i) => cotangents.get(node.output(i)))
    if (dys.every((dy) => !dy)) continue
    const { vjp } = node.op
    if (typeof vjp === 'function')
      scope('', () => derivedFrom(node, () => accumulate(node, vjp, dys, cotangents)))
    else if (vjp.hint !== undefined) refuse(node, vjp.reason, vjp.hint)
  }
  const noted = currentTrace()?.cotangents
  for (const [t, dy] of cotangents) if (!noted?.has(t)) noted?.set(t, dy)
  return targets.map(
    (t, i) => (t && cotangents.get(t)) ?? broadcastTo(scalar(0, wrt[i].dtype), wrt[i].shape),
  )
}

function refuse({ op, inputs, path }: Node, reason: string, hint: string): never {
  throw new ShapeError(op.name, reason, inputs.map(showType), path, hint)
}

/** The newest version of each variable that `y` depends on. What is behind an assignment to one of `end` is left out. */
export function versionsBehind(
  y: Tensor,
  end: ReadonlySet<Variable> = new Set(),
): Map<Variable, Tensor> {
  const newest = new Map<Variable, Tensor>()
  const seen = new Set([y.node])
  // A set goes on to what is added to it on the way.
  for (const node of seen) {
    const { variable } = node.attrs
    if (variable instanceof Variable) {
      const known = newest.get(variable)
      if (!known || known.node.id < node.id) newest.set(variable, node.output())
      if (node.op.kind !== 'source' && end.has(variable)) continue
    }
    for (const x of node.inputs) seen.add(x.node)
  }
  return newest
}

type VjpFunction = Extract<Node['op']['vjp'], (...args: never) => unknown>

function accumulate(
  node: Node,
  vjp: VjpFunction,
  dys: readonly (Tensor | undefined)[],
  cotangents: Map<Tensor, Tensor>,
): void {
  const outputs = node.types.map((_, i) => node.output(i))
  const parts = vjp({ inputs: node.inputs, outputs, attrs: node.attrs }, dys)
  node.inputs.forEach((x, i) => {
    const part = parts[i]
    if (!part || !isFloat(x.dtype)) return
    // Broadcasting is undone here, once, and so in no op's own rule.
    const dx = sumTo(part, x.shape)
    const sofar = cotangents.get(x)
    cotangents.set(x, sofar ? add(sofar, dx) : dx)
  })
}

/** The nodes on some way from a target to y, those nearest to y first. */
function nodesBetween(y: Tensor, targets: readonly Tensor[]): Node[] {
  const ends = new Set(targets.map((t) => t.node))
  const leads = new Map<Node, boolean>()
  const stack: Node[] = [y.node]
  while (stack.length) {
    const node = stack[stack.length - 1]
    const waiting = node.inputs.map((x) => x.node).filter((n) => !leads.has(n))
    if (waiting.length) stack.push(...waiting)
    else {
      leads.set(node, ends.has(node) || node.inputs.some((x) => leads.get(x.node)))
      stack.pop()
    }
  }
  // A node's inputs are older than the node, so falling ids are a reverse topological order.
  return [...leads.keys()].filter((n) => leads.get(n)).sort((a, b) => b.id - a.id)
}
