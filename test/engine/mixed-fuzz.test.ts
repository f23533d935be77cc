// Random programs in mixed precision: the device agrees with the interpreter that rounds what is stored as f16, as far as f32
// arithmetic explains, which may let a stored value fall to its other neighbour.

import * as assert from 'uvu/assert'
import type { Graph } from '../../engine/graph.ts'
import { type HostTensor, ops } from '../../engine/index.ts'
import {
  asStored,
  interpretAll,
  largestDifference,
  randomFrom,
  sizeOfValues,
} from '../../engine/reference/index.ts'
import { disturbed } from '../../engine/reference/rounding.ts'
import type { Tensor, Variable } from '../../engine/tensor.ts'
import { testDevice } from '../device.ts'
import { runFrom } from '../fuzz/device-runs.ts'
import { randomProgram, replay } from '../fuzz/program.ts'
import { skip, test } from '../harness.ts'

/** What works on f16, and pointwise ops between. */
const list = ops.filter(
  (op) =>
    (op.kind === 'structured' && (op.f16 || ['sum', 'mean'].includes(op.name))) ||
    ['add', 'mul', 'sub', 'relu', 'tanh', 'sigmoid', 'normalize', 'broadcastTo'].includes(op.name),
)

/** What each result should be, how far from it rounding may carry a device, and results that depend on a choice which that may
 * change (see reference/rounding.ts, whose experiments these are, with the roundings of storage). */
function expected(graph: Graph, args: readonly HostTensor[]) {
  const plain = interpretAll(graph, args, new Map(), asStored)
  const wanted = [...graph.outputs, ...graph.assigns]
  const { unsure, errors } = disturbed(graph, args)
  const choosing = new Set<Tensor>(unsure)
  const most = new Map(wanted.map((t) => [t, errors.get(t)!]))
  for (let seed = 1; seed <= 4; seed++) {
    const random = randomFrom(seed)
    const moved = interpretAll(graph, args, new Map(), (node, outputs) =>
      outputs.map((v, i) => {
        const before = plain.get(node.output(i))!.data
        const depends = node.inputs.some((x) => choosing.has(x))
        const other =
          v.dtype !== 'f32' && v.dtype !== 'f16' && v.data.some((x, e) => x !== before[e])
        if (depends || other) choosing.add(node.output(i))
        if (v.dtype !== 'f16') return v
        return { ...v, data: v.data.map((x) => x * (1 + (2 * random() - 1) * 2 ** -10)) }
      }),
    )
    for (const t of wanted) {
      const off = largestDifference(moved.get(t)!.data, plain.get(t)!.data)
      most.set(t, Math.max(most.get(t)!, 2 * off))
    }
  }
  return { plain, most, choosing }
}

test('mixed: random programs agree with the interpreter with the rounding of storage', async () => {
  const d = await testDevice()
  if (!d.caps.f16) skip('the adapter has no shader-f16')
  let [programs, halves, compared, all] = [0, 0, 0, 0]
  for (let seed = 1; programs < 15; seed++) {
    const p = randomProgram(seed, list)
    const program = d.compile(replay(p.graph), { precision: 'mixed', recompute: 'none' })
    try {
      const { fused, plan } = program.stages(
        ...p.args.map(({ dtype, shape }) => ({ dtype, shape })),
      )
      const stored = fused.nodes.flatMap((n) => n.types.filter((t) => t.dtype === 'f16'))
      // Only what this pass has made f16 is of interest.
      if (!stored.length || p.graph.nodes.some((n) => n.types.some((t) => t.dtype === 'f16')))
        continue
      programs++
      halves += stored.length
      const start = new Map(plan.variables.map((v) => [v, v.initial()]))
      const { outputs, variables } = await runFrom(d, program, p.args, start)
      const { plain, most, choosing } = expected(fused, p.args)
      const last = new Map<Variable, Tensor>()
      p.graph.assigns.forEach((t, i) => {
        last.set(t.node.attrs.variable as Variable, fused.assigns[i])
      })
      const results = [
        ...outputs.map((data, i) => [fused.outputs[i], data] as const),
        ...[...last].map(([v, t]) => [t, variables.get(v)!] as const),
      ]
      for (const [t, data] of results) {
        const want = plain.get(t)!.data
        all++
        const decided = most.get(t)! <= 0.1 * Math.max(1e-3, sizeOfValues(want))
        if (choosing.has(t) || !decided || !want.every(Number.isFinite)) continue
        compared++
        const off = largestDifference(data, want)
        assert.ok(
          off <= most.get(t)!,
          `seed ${seed}: off by ${off}, rounding explains ${most.get(t)}`,
        )
      }
      for (const v of start.keys()) d.release(v)
    } finally {
      program.dispose()
    }
  }
  assert.ok(halves > 2 * programs, `${halves} values in f16`)
  assert.ok(compared > 0.7 * all, `${compared} of ${all} results compared`)
})
