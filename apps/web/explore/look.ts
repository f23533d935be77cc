// Running what is explored: the values of a node and of its cotangent, and how long each kernel takes. The function is traced again
// for it, with one node's values as results and without its assignments, so that looking changes nothing.

import type { DeviceTensor } from '../../../engine/device-tensor.ts'
import type { HostArray, TensorType } from '../../../engine/dtype.ts'
import { type Graph, graphOf, outputsOf, rewrite, withInputs } from '../../../engine/graph.ts'
import type { Device } from '../../../engine/index.ts'
import { bodyOf } from '../../../engine/passes/fused.ts'
import { leavesOf } from '../../../engine/stages.ts'
import type { Node, Tensor } from '../../../engine/tensor.ts'
import { currentTrace } from '../../../engine/trace.ts'
import { valuesFor } from './arguments.ts'
import { CodeError, functionOf } from './evaluate.ts'
import type { Explored } from './explored.ts'

export interface Looked {
  /** As `%4` of the traced graph. */
  readonly name: string
  readonly what: 'value' | 'cotangent'
  readonly type: TensorType
  readonly data: HostArray
}

/** The tensors, as traced, that a node of any stage gives. */
export function tensorsOf(node: Node): Tensor[] {
  if (node.op.kind !== 'fused') return outputsOf(node.origin ?? node)
  const { steps, results } = bodyOf(node)
  return results.flatMap((r) => {
    const origin = 'step' in r ? steps[r.step].origin : undefined
    return origin && 'step' in r ? [origin.output(r.output)] : []
  })
}

/** Of at most this many results of a node. */
const MOST = 3

/** What a node gives, and the derivative with respect to it where one was carried back through it. */
export async function look(device: Device, explored: Explored, node: Node): Promise<Looked[]> {
  const { traced, cotangents } = explored.explanation.stages
  const numbers = new Map(traced.nodes.map((n, i) => [n.origin ?? n, i]))
  const wanted = tensorsOf(node)
    .slice(0, MOST)
    .flatMap((t) => {
      const dy = cotangents.get(t)
      return [
        { t, what: 'value' as const },
        ...(dy && numbers.has(dy.node.origin ?? dy.node)
          ? [{ t: dy, what: 'cotangent' as const }]
          : []),
      ]
    })
    .filter(({ t }) => numbers.has(t.node.origin ?? t.node))
  const places = wanted.map(({ t }) => [numbers.get(t.node.origin ?? t.node)!, t.index] as const)
  if (!places.length) return []
  const again = (...inputs: Tensor[]) => {
    const result = explored.fn(...inputs)
    const { nodes } = graphOf([], leavesOf(result), currentTrace()?.assigns ?? [])
    if (places.some(([place]) => nodes[place]?.op !== traced.nodes[place].op))
      throw new CodeError(
        'the function makes other nodes when it is called again',
        undefined,
        'let it depend on its arguments alone; updates under a loss scale cannot be looked into',
      )
    return places.map(([place, index]) => nodes[place].output(index))
  }
  const program = device.compile<Tensor[]>(again, {
    instrument: withoutUpdates,
  })
  let made: readonly DeviceTensor[] = []
  try {
    made = (await program.run(...valuesFor(explored.inputs))) as DeviceTensor[]
    const data = await Promise.all(made.map((t) => t.read()))
    return wanted.map(({ t, what }, i): Looked => {
      const { dtype, shape } = t
      return { name: `%${places[i][0]}`, what, type: { dtype, shape }, data: data[i] }
    })
  } finally {
    for (const t of made) t.dispose()
    program.dispose()
  }
}

/** The graph in which nothing is stored: what read an assignment reads the value that it would have stored. */
const withoutUpdates = (graph: Graph): Graph =>
  rewrite({ ...graph, assigns: [] }, (node, inputs) =>
    node.op.name === 'assign' ? [inputs[0]] : outputsOf(withInputs(node, inputs)),
  )

export interface Times {
  readonly ms: readonly number[]
  /** In a sentence. */
  readonly how: string
}

/** How long each dispatch of the plan takes on the device, on variables of its own. */
export async function timesOf(
  device: Device,
  explored: Explored,
  say: (text: string) => void,
): Promise<Times> {
  const program = device.compile<unknown>(functionOf(explored.code), {
    ...explored.options,
    onProgress: ({ made, total }) => say(`${made} of ${total} pipelines are made`),
  })
  try {
    const { ms, by } = await program.profileApart(...valuesFor(explored.inputs))
    return { ms, how: how[by] }
  } finally {
    program.dispose()
  }
}

const how = {
  timestamps:
    "Each was run by itself, again and again, between two of the adapter's timestamps, which browsers round to 0.1 ms.",
  wall: 'This adapter gives no timestamps: each was run by itself, again and again for 8 ms, by the clock; the way to the adapter and back is in it.',
  processors: 'Each was run by itself, again and again; what counts is the time of the processors.',
} as const
