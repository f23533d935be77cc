import * as assert from 'uvu/assert'
import {
  AtrousError,
  apply,
  constant,
  cumsum,
  DeviceError,
  grad,
  mul,
  none,
  openDevice,
  pointwise,
  sample,
  sum,
  type Tensor,
} from '../../engine/node.ts'
import type { SampleInput, StructuredOp } from '../../engine/op.ts'
import { checkOp, interpret } from '../../engine/reference/index.ts'
import { input, output, overIndex, perIndex } from '../../shaders/kernel.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'

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

type Stepped = { readonly step: number }
/** Every step-th element. The step is in the text, and in the key only where it is `named`. */
const every = (named: boolean): StructuredOp<Stepped> => ({
  name: 'every',
  kind: 'structured',
  infer: ([x], { step }) => [{ dtype: 'f32', shape: [Math.floor(x.shape[0] / step)] }],
  vjp: none('it is a test'),
  cost: () => ({ macs: 0, flops: 1 }),
  tail: false,
  prologue: false,
  lower: ({ inputs: [x], outputs: [y], attrs: { step } }) => {
    const kernel = perIndex({
      key: named ? `test every ${step}` : 'test every',
      bindings: [
        { name: 'x', access: x.access, elem: 'f32' },
        { name: 'y', access: 'read_write', elem: 'f32' },
      ],
      body: `y[i] = x[i * ${step}u];`,
    })
    return { scratch: [], dispatches: [overIndex(kernel, y.shape[0], [input(0), output(0)])] }
  },
  reference: ([x], { step }, [y]) => [
    Float64Array.from({ length: y.shape[0] }, (_, i) => x.data[i * step]),
  ],
  samples: [{ inputs: [sample([8])], attrs: { step: 2 } }],
})

test('ops of one’s own: two kernels of one key with different code are refused', async () => {
  const device = await testDevice()
  const x = constant([0, 1, 2, 3, 4, 5, 6, 7])
  const take = (step: number, named: boolean) => apply(every(named), [x], { step })[0]
  const refused = (e: unknown) =>
    e instanceof DeviceError &&
    /^two kernels are called test every\/.*\n.*hint: the key/.test(e.message)
  assert.equal([...(await device.read(take(2, false)))], [0, 2, 4, 6])
  await rejects(() => device.read(take(4, false)), refused)
  await rejects(async () => {
    const program = device.compile(() => [take(1, false), take(2, false)])
    const results = await program.run().finally(() => program.dispose())
    for (const t of results) t.dispose()
  }, refused)
  assert.equal([...(await device.read(take(2, false)))], [0, 2, 4, 6])
  assert.equal([...(await device.read(take(4, true)))], [0, 4])
})

async function rejects(run: () => Promise<unknown>, expected: (e: unknown) => boolean) {
  const error = await run().then(
    () => assert.unreachable('nothing was thrown'),
    (e) => e,
  )
  assert.ok(expected(error), String(error))
}

/** x² said to be 5x on the device, or to have three times its derivative. */
const wrong = (inputs: readonly SampleInput[], factor = 3) =>
  pointwise('wrong', {
    infer: ([x]) => [{ dtype: 'f32', shape: x.shape }],
    wgsl: ([x]) => (factor === 2 ? `(${x} * 5.0)` : `(${x} * ${x})`),
    reference: ([x]) => x * x,
    vjp: ({ inputs: [x] }, [dy]) => [dy && mul(dy, mul(x, factor))],
    samples: inputs.length ? [{ inputs, attrs: {} }] : [],
  })

test('checkOp: what is drawn from one value is tried', async () => {
  const device = await testDevice()
  const one: SampleInput = { dtype: 'f32', shape: [8], range: [2, 4], steps: 1 }
  assert.match((await checkOp(device, wrong([one]))).join(), /the derivative along a direction/)
  assert.match((await checkOp(device, wrong([one], 2))).join(), /the value \(output 0\) is off/)
})

test('checkOp: what could not be tried is told', async () => {
  const device = await testDevice()
  assert.equal(await checkOp(device, wrong([])), ['wrong: it has no samples, so nothing was tried'])
  assert.equal(await checkOp(device, wrong([{ dtype: 'f16', shape: [8] }])), [
    'wrong {}: samples with f16 are not tried, give one in f32',
  ])
})

test('checkOp: no memory is kept, whatever is found', async () => {
  const device = await testDevice()
  await checkOp(device, wrong([sample([10000])], 2))
  const before = device.stats().allocatedBytes
  for (let i = 0; i < 3; i++) await checkOp(device, wrong([sample([10000])], 2))
  assert.is(device.stats().allocatedBytes, before)
})

test('checkOp: a reference that gives too few outputs is told', async () => {
  const two: StructuredOp<Stepped> = {
    ...every(true),
    infer: ([x]) => [x, x],
    reference: ([x]) => [x.data],
  }
  const device = await testDevice()
  const problem = 'the reference of every gave 1 arrays and the op has 2 outputs'
  await rejects(
    () => checkOp(device, two),
    (e) => e instanceof AtrousError && e.message === problem,
  )
})

test('cumsum: exclusive sums are of what comes before, whatever the element itself is', async () => {
  const device = await testDevice()
  const cases = [
    { x: [1, 1e20, 1], reverse: false, sums: [0, 1, Math.fround(1e20)] },
    { x: [1, 1e20, 1], reverse: true, sums: [Math.fround(1e20), 1, 0] },
    { x: [Infinity, 1], reverse: false, sums: [0, Infinity] },
  ]
  for (const { x, reverse, sums } of cases) {
    const y = cumsum(constant(x), 0, { exclusive: true, reverse })
    assert.equal([...interpret([y])[0]].map(Math.fround), sums)
    assert.equal([...(await device.read(y))], sums)
  }
})
