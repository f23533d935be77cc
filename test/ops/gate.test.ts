// The gate: identity forward, the gradient times a run-time factor backward.

import * as assert from 'uvu/assert'
import * as a from '../../engine/index.ts'
import { ShapeError, type Tensor } from '../../engine/index.ts'
import { drawn, f32 as type } from '../agree.ts'
import { close, readAll } from '../checks.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'

/** g² and its gates: y, dy/dx, the slope of |dy/dx|² and the gradient for g, which is none. */
const gated = (x: Tensor, g: Tensor) => {
  const y = a.gate(a.square(x), g)
  const dx = a.grad(a.sum(y), [x])[0]
  return [y, dx, a.grad(a.sum(a.square(dx)), [x])[0], a.grad(a.sum(y), [g])[0]]
}

test('gate: the value itself, its gradient times g, and the gradient of that', async () => {
  const d = await testDevice()
  const [x] = drawn([type(3, 4)])
  const xs = Array.from(x.data)
  for (const shape of [[], [4], [3, 1], [3, 4]]) {
    const program = d.compile(gated)
    const g = drawn([type(...shape)], 5)[0]
    const [rows, columns] = [shape[0] === 3, shape.at(-1) === 4]
    const factor = (i: number) =>
      g.data[(rows ? Math.floor(i / 4) * (columns ? 4 : 1) : 0) + (columns ? i % 4 : 0)]
    const [y, dx, second, dg] = await readAll(await program.run(x, g))
    assert.equal(
      Array.from(y),
      xs.map((v) => Math.fround(v * v)),
    )
    close(
      dx,
      xs.map((v, i) => 2 * v * factor(i)),
      1e-6,
      `slope with g [${shape}]`,
    )
    close(
      second,
      xs.map((v, i) => 8 * v * factor(i) ** 2),
      1e-5,
      `second with g [${shape}]`,
    )
    assert.ok(dg.every((v) => v === 0))
    program.dispose()
  }
})

test('gate: forward it costs nothing, and g is not read', () => {
  const { stages } = a.explain((x, g) => a.mul(a.gate(x, g), 2), [type(4), type()])
  const kernels = stages.fused.nodes.filter((n) => n.op.kind === 'fused')
  assert.equal(
    kernels.map((n) => n.inputs.length),
    [1],
  )
})

test('gate: what it refuses', () => {
  const refuses = (f: () => unknown, part: string) =>
    assert.throws(f, (e: Error) => e instanceof ShapeError && e.message.includes(part), part)
  const [x, g] = [a.constant([1, 2]), a.constant([1, 2, 3])]
  refuses(() => a.gate(x, g), 'g does not broadcast to the shape of x')
  refuses(() => a.gate(a.scalar(1), x), 'g does not broadcast to the shape of x')
  refuses(() => a.gate(x, a.cast(x, 'u8')), 'g must be f32')
  refuses(() => a.gate(a.cast(x, 'i32'), 1), 'x must be floating-point')
})
