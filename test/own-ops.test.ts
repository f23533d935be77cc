import * as assert from 'uvu/assert'
import {
  apply,
  constant,
  grad,
  mul,
  none,
  openDevice,
  pointwise,
  sample,
  sum,
  type Tensor,
} from '../engine/node.ts'
import { test } from './harness.ts'

/** x³, defined the way the engine defines its own. */
const cubeOp = pointwise('cube', {
  wgsl: ([x]) => `(${x} * ${x} * ${x})`,
  reference: ([x]) => x * x * x,
  vjp: ({ inputs: [x] }, [dy]) => [dy && mul(dy, mul(3, mul(x, x)))],
  samples: [{ inputs: [sample([2, 3])], attrs: {} }],
})
const cube = (x: Tensor): Tensor => apply(cubeOp, [x], {})[0]

test('ops of one’s own: an op that a user defines runs, fuses and is differentiated', async () => {
  const device = await openDevice()
  const program = device.compile((x: Tensor) => {
    const y = sum(mul(cube(x), 2))
    return { y, dx: grad(y, [x])[0] }
  })
  const out = await program.run({ dtype: 'f32', shape: [3], data: Float32Array.of(1, -2, 3) })
  assert.is(await out.y.value(), 40)
  assert.equal([...(await out.dx.read())], [6, 24, 54])
  out.dx.dispose()
  device.close()
})

test('ops of one’s own: two of one name are two ops', async () => {
  const device = await openDevice()
  const same = (factor: number) =>
    pointwise('mine', {
      wgsl: ([x]) => `(${x} * ${factor}.0)`,
      reference: ([x]) => x * factor,
      vjp: none('it is a test'),
      samples: [],
    })
  const x = constant([1, 2])
  const program = device.compile(() => [apply(same(2), [x], {})[0], apply(same(5), [x], {})[0]])
  const [a, b] = await program.run()
  assert.equal([...(await a.read()), ...(await b.read())], [2, 4, 5, 10])
  for (const t of [a, b]) t.dispose()
  device.close()
})
