// Which version of a variable follows which, in the order of a graph.

import { baseOf, type Graph } from './graph.ts'
import type { Node, Tensor } from './tensor.ts'

/** Which version of a variable follows which. Fusion moves work to a later place; a read of an old version must not
 * be moved past the update. */
export class Versions {
  readonly position: ReadonlyMap<Node, number>
  /** The version that an assignment replaces, by the new one. */
  readonly before = new Map<Tensor, Tensor>()
  readonly #after = new Map<Tensor, Tensor>()
  constructor(graph: Graph) {
    this.position = new Map(graph.nodes.map((n, i) => [n, i]))
    const current = new Map<unknown, Tensor>()
    for (const node of graph.nodes) {
      if (node.op.name !== 'variable' && node.op.name !== 'assign') continue
      const old = current.get(node.attrs.variable)
      if (old) {
        this.before.set(node.output(), old)
        this.#after.set(old, node.output())
      }
      current.set(node.attrs.variable, node.output())
    }
  }

  /** Whether `x` is a version whose update, other than the updates in `parts`, stands before `at`. */
  readonly overwritten = (x: Tensor, at: Node, parts: readonly Tensor[] = []): boolean => {
    const update = this.#after.get(baseOf(x))
    if (!update || parts.includes(update)) return false
    return this.position.get(update.node)! < this.position.get(at)!
  }
}
