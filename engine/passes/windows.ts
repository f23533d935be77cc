// Tensors larger than an adapter can bind at once. This pass replaces every op that reads or makes one by several
// applications of the same op to windows: runs of batch entries, or of rows where one entry is already too large. The
// large tensor itself is never made unless somebody outside asked for it; what was cut stays cut from op to op, and a
// consumer that needs other rows (a convolution's margin) joins what it needs from the pieces.
//
//   y = conv2d(x, w)                     y₀ = conv2d(rows 0…40 of x, w)   y₁ = conv2d(rows 36…80 of x, w)
//
// Arguments, constants, variables and results keep a buffer of their own, which pieces are copied out of and into.

import type { Caps } from '../adapters/adapter.ts'
import { bytesOf, sameShape, showType, sizeOf, storageBytes } from '../dtype.ts'
import { OutOfMemoryError } from '../errors.ts'
import { type Graph, graphOf, makeNode, outputsOf, withInputs } from '../graph.ts'
import type { Attrs, Box, Op, Windows } from '../op.ts'
import { concat } from '../ops/concat.ts'
import { joinOp, partOp } from '../ops/parts.ts'
import { reshape, slice } from '../ops/shape.ts'
import { showBytes } from '../print.ts'
import type { Node, Tensor } from '../tensor.ts'
import { boxOn, cutAlong, shorter, sizes, startOf, volume, withRange } from './box.ts'
import { onWindow, pointwiseWindows } from './pointwise-windows.ts'

/** Elements from … to of a large tensor, in row-major order. */
interface Piece {
  readonly from: number
  readonly to: number
  readonly tensor: Tensor
}

/** The graph with every tensor that is too large for one binding in pieces. Throws OutOfMemoryError where an op cannot
 * work on pieces. */
export function cutLarge(graph: Graph, caps: Pick<Caps, 'maxBindingBytes' | 'name'>): Graph {
  const large = (n: Node) => n.types.some((t) => storageBytes(t) > caps.maxBindingBytes)
  return graph.nodes.some(large) ? new Cutter(graph, caps).graph() : graph
}

class Cutter {
  readonly #old: Graph
  readonly #limit: number
  readonly #name: string
  /** What became of each tensor of the old graph: another tensor, or pieces. */
  readonly #whole = new Map<Tensor, Tensor>()
  readonly #pieces = new Map<Tensor, readonly Piece[]>()
  readonly #fetched = new Map<string, Tensor>()

  constructor(graph: Graph, { maxBindingBytes, name }: Pick<Caps, 'maxBindingBytes' | 'name'>) {
    this.#old = graph
    this.#limit = maxBindingBytes
    this.#name = name
  }

  graph(): Graph {
    const joined = new Map<Tensor, Tensor>()
    // The order of writing stays: whether a read comes before or after an update is told by it.
    const order = new Set<Node>()
    const place = ({ node }: Tensor) => {
      if (order.has(node)) return
      for (const x of node.inputs) place(x)
      order.add(node)
    }
    for (const node of this.#old.nodes) {
      this.#visit(node, joined)
      for (const t of outputsOf(node)) {
        const made = joined.get(t) ?? this.#whole.get(t)
        if (made) place(made)
        else for (const p of this.#pieces.get(t)!) place(p.tensor)
      }
    }
    const at = (t: Tensor) => {
      if (!joined.has(t)) joined.set(t, this.#whole.get(t) ?? this.#join(t))
      place(joined.get(t)!)
      return joined.get(t)!
    }
    const outputs = this.#old.outputs.map(at)
    const assigns = this.#old.assigns.map(at)
    const { nodes } = graphOf(this.#old.inputs, outputs, assigns)
    const needed = new Set(nodes)
    return {
      inputs: this.#old.inputs,
      nodes: [...order].filter((n) => needed.has(n)),
      outputs,
      assigns,
    }
  }

  #large(t: Tensor): boolean {
    return storageBytes(t) > this.#limit
  }

  #visit(node: Node, joined: Map<Tensor, Tensor>): void {
    const outputs = outputsOf(node)
    if (node.op.kind === 'source' || ![...outputs, ...node.inputs].some((t) => this.#large(t))) {
      const same = withInputs(
        node,
        node.inputs.map((x) => this.#whole.get(x)!),
      )
      outputs.forEach((t, i) => {
        this.#whole.set(t, same.output(i))
      })
      return
    }
    if (node.op.kind === 'view') this.#pieces.set(outputs[0], this.#piecesOf(node.inputs[0]))
    else if (node.op.name === 'assign') {
      this.#pieces.set(outputs[0], this.#piecesOf(node.inputs[0]))
      joined.set(outputs[0], this.#join(outputs[0], node.attrs))
    } else if (joinsEnds(node)) this.#append(node)
    else this.#cut(node)
  }

  #piecesOf(x: Tensor): readonly Piece[] {
    return this.#pieces.get(x) ?? [{ from: 0, to: sizeOf(x.shape), tensor: this.#whole.get(x)! }]
  }

  // ---- one op, window by window

  #cut(node: Node): void {
    const { windows, subject, boxes } = this.#choose(node) ?? this.#refuse(node)
    const parts = boxes.map((box) => this.#apply(node, windows, box))
    if (windows.cut === 'input') {
      const share = boxes.map((b) => volume(b) / sizeOf(subject.shape))
      windows.combine!(parts, share).forEach((t, i) => {
        this.#whole.set(node.output(i), t)
      })
      return
    }
    for (const [i, t] of outputsOf(node).entries()) {
      const pieces = boxes.map((box, k): Piece => {
        const own = boxOn(t.shape, box, subject.shape)
        const from = startOf(t.shape, own)
        return { from, to: from + volume(own), tensor: parts[k][i] }
      })
      if (this.#large(t)) this.#pieces.set(t, pieces)
      else this.#whole.set(t, reshape(concat(pieces.map(flat), 0), t.shape))
    }
  }

  /** What is joined one after another is as many pieces. */
  #append(node: Node): void {
    let at = 0
    const pieces = node.inputs.flatMap((x) => {
      const from = at
      at += sizeOf(x.shape)
      return this.#piecesOf(x).map((p) => ({ ...p, from: from + p.from, to: from + p.to }))
    })
    this.#pieces.set(node.output(), pieces)
  }

  #choose(node: Node) {
    for (const windows of windowsOf(node)) {
      const subject = windows.cut === 'output' ? node.output() : node.inputs[0]
      const boxes = this.#boxes(node, windows, subject)
      if (boxes) return { windows, subject, boxes }
    }
    return undefined
  }

  /** The fewest windows of equal size in which everything can be bound. */
  #boxes(node: Node, windows: Windows<Attrs>, subject: Tensor): readonly Box[] | undefined {
    const { shape } = subject
    const axes = Math.min(windows.axes(node.attrs, node.inputs), shape.length)
    for (let axis = 0; axis < axes; axis++) {
      const size = shape[axis]
      for (let length = size; length > 0; length = shorter(size, length)) {
        const boxes = cutAlong(shape, axis, length)
        if (boxes.every((b) => this.#fits(node, windows, b, subject))) return boxes
      }
    }
    return undefined
  }

  #fits(node: Node, windows: Windows<Attrs>, box: Box, subject: Tensor): boolean {
    const part = windows.part(box, node.attrs, node.inputs)
    if (!part) return false
    const { inputs } = part
    const small = ({ dtype, shape }: Tensor, b: Box | undefined | null) =>
      b === null || storageBytes({ dtype, shape: b ? sizes(b) : shape }) <= this.#limit
    // What is combined may be wider than the result: positions of bytes, sums of bytes.
    const result = (t: Tensor) =>
      windows.cut === 'output'
        ? small(t, boxOn(t.shape, box, subject.shape))
        : 4 * sizeOf(t.shape) <= this.#limit
    return node.inputs.every((x, i) => small(x, inputs[i])) && outputsOf(node).every(result)
  }

  #apply(node: Node, windows: Windows<Attrs>, box: Box): Tensor[] {
    const { inputs, attrs } = windows.part(box, node.attrs, node.inputs)!
    const args = node.inputs.flatMap((x, i) => {
      const own = inputs[i] === undefined ? x.shape.map((n): Box[number] => [0, n]) : inputs[i]
      return own ? [this.#fetch(x, own, node)] : []
    })
    const like = { path: node.path, source: node.source, block: node.block }
    if (node.op.kind !== 'pointwise') return outputsOf(makeNode(node.op, args, attrs, like))
    const { dtype, shape } = node.types[0]
    const op = onWindow(node.op, { dtype, shape: sizes(box) }, startOf(shape, box))
    return outputsOf(makeNode(op as Op, args, attrs, like))
  }

  #refuse(node: Node): never {
    const largest = [...node.inputs, ...outputsOf(node)].reduce((a, b) =>
      bytesOf(b) > bytesOf(a) ? b : a,
    )
    throw new OutOfMemoryError(
      `${showType(largest)} takes ${showBytes(storageBytes(largest))}, ${this.#name} binds at most ${showBytes(this.#limit)} at once, and ${node.op.name} cannot work on smaller pieces (in ${node.path || 'the program'})`,
      'use a smaller batch or crop',
    )
  }

  // ---- getting at pieces

  /** The part of x inside a box. */
  #fetch(x: Tensor, box: Box, node: Node): Tensor {
    if (!this.#large(x)) {
      const t = this.#whole.get(x)!
      if (sameShape(sizes(box), x.shape)) return t
      return slice(
        t,
        box.map(([from]) => from),
        box.map(([, to]) => to),
      )
    }
    const axis = box.findIndex(([from, to]) => to - from > 1)
    const rest = axis < 0 ? [] : box.slice(axis + 1)
    const together = rest.every(([from, to], i) => from === 0 && to === x.shape[axis + 1 + i])
    if (together) {
      const from = startOf(x.shape, box)
      return reshape(this.#run(x, from, from + volume(box)), sizes(box))
    }
    // Rows that do not follow one another are fetched one by one.
    const [from, to] = box[axis]
    if (to - from > 256) this.#refuse(node)
    const rows = Array.from({ length: to - from }, (_, i) =>
      this.#fetch(x, withRange(box, axis, [from + i, from + i + 1]), node),
    )
    return concat(rows, axis)
  }

  /** Elements from … to of x, as [to − from]. */
  #run(x: Tensor, from: number, to: number): Tensor {
    const key = `${x.node.id}.${x.index} ${from} ${to}`
    const known = this.#fetched.get(key)
    if (known) return known
    const near = this.#piecesOf(x).filter((p) => p.from < to && p.to > from)
    const cut = near.map((p) => this.#within(p, Math.max(p.from, from), Math.min(p.to, to)))
    const run = concat(cut, 0)
    this.#fetched.set(key, run)
    return run
  }

  #within(piece: Piece, from: number, to: number): Tensor {
    if (from === piece.from && to === piece.to && !this.#isSource(piece.tensor)) return flat(piece)
    if (!this.#isSource(piece.tensor))
      return slice(flat(piece), [from - piece.from], [to - piece.from])
    // A copy between buffers begins at a word.
    const perWord = 4 / bytesOf({ dtype: piece.tensor.dtype, shape: [1] })
    const start = from - ((from - piece.from) % Math.max(1, perWord))
    const part = makeNode(partOp as Op, [piece.tensor], {
      from: start - piece.from,
      count: to - start,
    }).output()
    return start === from ? part : slice(part, [from - start], [to - start])
  }

  #isSource(t: Tensor): boolean {
    return this.#large(t) && t.node.op.kind === 'source'
  }

  /** A large tensor in one buffer, from runs that end where its pieces do, or before that where they would be too large;
   * each but the last fills whole words. */
  #join(t: Tensor, attrs: Attrs = {}): Tensor {
    const bytes = bytesOf({ dtype: t.dtype, shape: [1] })
    const perWord = Math.max(1, 4 / bytes)
    const most = Math.floor(this.#limit / bytes / perWord) * perWord
    const total = sizeOf(t.shape)
    const runs: Tensor[] = []
    let from = 0
    for (const p of this.#piecesOf(t)) {
      const end = p.to === total ? total : p.to - (p.to % perWord)
      while (from < end) {
        const to = Math.min(end, from + most)
        runs.push(this.#run(t, from, to))
        from = to
      }
    }
    return makeNode(joinOp as Op, runs, { ...attrs, shape: t.shape }).output()
  }
}

const flat = ({ tensor }: Pick<Piece, 'tensor'>): Tensor => reshape(tensor, [sizeOf(tensor.shape)])

/** Whether a node puts the elements of its inputs one after another. */
const joinsEnds = ({ op, attrs, types: [y] }: Node): boolean =>
  op.name === 'concat' && sizeOf(y.shape.slice(0, attrs.axis as number)) === 1

function windowsOf({ op, types: [y] }: Node): readonly Windows<Attrs>[] {
  if (op.kind === 'pointwise') return [pointwiseWindows(y.shape)]
  return (op.kind === 'structured' && op.windows) || []
}
