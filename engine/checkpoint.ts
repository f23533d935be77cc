// Block-wise recomputation by hand (Chen et al. 2016, section 4; Pohlen et al. 2017, section 4): of what is computed inside a
// checkpoint only that waits for the backward pass which leaves it; the rest is made again when the backward pass comes to it.

import { storageBytes } from './dtype.ts'
import { OptionError } from './errors.ts'
import { baseOf, type Graph } from './graph.ts'
import type { Passes } from './recompute/again.ts'
import { WORTH } from './recompute/cheap.ts'
import type { Node, Tensor } from './tensor.ts'
import { currentPath, inBlock } from './trace.ts'

/** What `build` returns; the values inside it do not wait for the backward pass but are made again there, from what the block
 * reads, with the same kernels and so to the same bits, gradients too. `build` is called once, and the block need not be pure:
 * running averages are not moved again, dropout draws what it drew, and what reads a variable that is overwritten before the
 * backward pass waits. A checkpoint inside another is part of that. The cost is one more forward pass of the block; without a
 * backward pass nothing changes. Throws OptionError for what is no function, and for a promise, which would go on when the
 * block has ended. */
export function checkpoint<R>(build: () => R): R {
  if (typeof build !== 'function')
    throw new OptionError(
      'checkpoint: a function is needed',
      'write checkpoint(() => block.apply(x))',
    )
  const made = inBlock({ path: currentPath() }, build)
  if (made instanceof Promise)
    throw new OptionError(
      'checkpoint: the function returned a promise, and what it builds later is not inside',
      'wait for data before the function is compiled',
    )
  return made
}

/** The values that are made again: all that blocks compute but what leaves them. Those of less than `least` bytes, such
 * as the statistics of a batch norm, wait. `blockOf` names the block that a kernel of the forward pass is in. */
export function blockValues(
  graph: Graph,
  { late, repeatable }: Passes,
  least = WORTH,
  blockOf: (node: Node) => object | undefined = (node) => node.block,
): Set<Tensor> {
  const leaving = new Set<Tensor>(graph.outputs.map(baseOf))
  for (const node of graph.nodes) {
    if (late.has(node) || node.op.kind === 'view') continue
    for (const x of node.inputs.map(baseOf)) if (blockOf(x.node) !== blockOf(node)) leaving.add(x)
  }
  const inside = new Set<Tensor>()
  for (const node of graph.nodes) {
    if (late.has(node) || node.op.kind === 'view' || !blockOf(node) || !repeatable(node)) continue
    for (const [i, type] of node.types.entries()) {
      const value = node.output(i)
      if (!leaving.has(value) && storageBytes(type) >= least) inside.add(value)
    }
  }
  return inside
}
