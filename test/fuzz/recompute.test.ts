// The random pass that runs kernels again: what it repeats, and what never.

import * as assert from 'uvu/assert'
import {
  add,
  assign,
  defaultCaps,
  dropout,
  grad,
  mean,
  mul,
  type Node,
  read,
  scalar,
  square,
  sub,
  sum,
  type Tensor,
  tanh,
  Variable,
} from '../../engine/index.ts'
import { assignedBy } from '../../engine/passes/fused.ts'
import { stages } from '../../engine/stages.ts'
import { test } from '../harness.ts'
import { randomCuts } from './recompute.ts'

const v = new Variable({ dtype: 'f32', shape: [4, 6] }, () => new Float32Array(24).fill(0.5), 'v')

/** Draws, reads before and after an update, and a gradient that reads the old value. */
function program(x: Tensor): Tensor[] {
  const key = { seed: scalar(3, 'u32'), step: scalar(5, 'u32') }
  const hidden = tanh(tanh(tanh(mul(x, v))))
  const dropped = dropout(hidden, 0.5, key)
  const loss = mean(square(add(sum(dropped, [1], { keepDims: true }), dropped)))
  const [slope] = grad(loss, [v])
  const old = sum(read(v), [0])
  assign(v, sub(v, mul(slope, 0.1)))
  return [loss, old, sum(v, [0]), slope]
}

const repeatedBy = (seed: number): Node[] => {
  const repeated: Node[] = []
  const recompute = randomCuts(seed, (node) => repeated.push(node))
  stages(program, [{ dtype: 'f32', shape: [4, 6] }], defaultCaps, { recompute })
  return repeated
}

test('recompute: many kernels run again, draws among them, but no update', () => {
  const all = Array.from({ length: 40 }, (_, seed) => repeatedBy(seed)).flat()
  const steps = (node: Node) => (node.attrs as { body: { steps: { op: { name: string } }[] } }).body
  const draws = all.filter(
    (n) => n.op.kind === 'fused' && steps(n).steps.some((s) => s.op.name === 'randomUniform'),
  )
  assert.ok(all.length > 40, `${all.length} in all`)
  assert.ok(draws.length > 3, `${draws.length} draw`)
  assert.ok(all.every((n) => n.types.every((_, i) => !assignedBy(n, i))))
})
