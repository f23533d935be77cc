// Updates that do the same to different variables run in one dispatch: the same bits as one by one, wherever the variables are and
// however they came there.

import * as assert from 'uvu/assert'
import type { Caps } from '../../engine/adapters/adapter.ts'
import type { Device } from '../../engine/device.ts'
import { sizeOf } from '../../engine/dtype.ts'
import {
  add,
  assign,
  type HostTensor,
  hostTensor,
  mul,
  type Program,
  square,
  sub,
  sum,
  type Tensor,
  Variable,
} from '../../engine/index.ts'
import { jointOf } from '../../engine/passes/fused.ts'
import { type Plan, planBytes } from '../../engine/plan/plan.ts'
import { placed, poolBytes } from '../../engine/plan/spans.ts'
import { randomFrom } from '../../engine/reference/index.ts'
import { CompiledPlan } from '../../engine/run/program.ts'
import { stages } from '../../engine/stages.ts'
import type { Slot } from '../../shaders/kernel.ts'
import { Adam, AdamW, type Optimizer, Sgd } from '../../train/optimizers.ts'
import { bitsOf, withDevice } from '../checks.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'
import { checkPlan } from './plan-checker.ts'

// Less than a group of four, whole groups, less and more than a block of 1,024, and several blocks.
const shapes = [[1], [2], [5], [64], [3, 3, 7], [4, 256], [1025], [3, 3, 16, 40]]

const scalar = { dtype: 'f32', shape: [] } as const

const drawn = (shape: readonly number[], seed: number): Float32Array => {
  const random = randomFrom(seed)
  return Float32Array.from({ length: sizeOf(shape) }, () => 2 * random() - 1)
}
const variable = (shape: readonly number[], i: number) =>
  new Variable({ dtype: 'f32', shape }, () => drawn(shape, i + 1), `p${i}`)
const parameters = (list = shapes) => list.map(variable)

/** Two rows of data for each parameter. */
const dataFor = (list: readonly (readonly number[])[]): HostTensor[] =>
  list.map((shape, i) => hostTensor(drawn([2, ...shape], 50 + i), [2, ...shape]))

/** A loss whose gradient of each parameter is a sum, and so a value in memory. */
const lossOf = (ps: readonly Variable[], data: readonly Tensor[]): Tensor =>
  ps.map((p, i) => mul(sum(square(mul(p, data[i]))), 0.5 + i)).reduce(add)

const training =
  (optimizer: Optimizer) =>
  (lr: Tensor, ...data: Tensor[]) =>
    optimizer.minimize(lossOf(optimizer.parameters, data), lr)

const jointSizes = ({ steps }: Plan): number[] =>
  steps.flatMap(({ node }) => jointOf(node)?.members.length ?? [])

/** Everything that an optimiser has after a few steps, by name. */
async function after(
  device: Device,
  make: (ps: Variable[]) => Optimizer,
  fuse: true | 'apart',
): Promise<Map<string, Uint8Array>> {
  const ps = parameters()
  const optimizer = make(ps)
  const step = device.compile(training(optimizer), { fuse })
  for (let i = 0; i < 3; i++) (await step.run(0.01 * (i + 1), ...dataFor(shapes))).dispose()
  const found = jointSizes(step.stages(scalar, ...dataFor(shapes)).plan)
  assert.is(found.length > 0, fuse === true)
  const all = [...ps.map((p) => [p.name, p] as const), ...optimizer.stateDict()]
  const left = new Map<string, Uint8Array>()
  for (const [name, v] of all) left.set(name, bitsOf(await device.read(v)))
  step.dispose()
  for (const [, v] of all) device.release(v)
  return left
}

const optimizers: [string, (ps: Variable[]) => Optimizer][] = [
  ['SGD', (ps) => new Sgd(ps)],
  ['SGD with momentum and decay', (ps) => new Sgd(ps, { momentum: 0.9, weightDecay: 0.01 })],
  ['Nesterov', (ps) => new Sgd(ps, { momentum: 0.9, nesterov: true, rate: 'inside' })],
  ['Adam', (ps) => new Adam(ps, { weightDecay: 0.01 })],
  ['AdamW', (ps) => new AdamW(ps)],
]

for (const [name, make] of optimizers)
  test(`fuse: ${name} over all parameters in few kernels gives the bits of one kernel for each`, async () => {
    const device = await testDevice()
    assert.equal(await after(device, make, true), await after(device, make, 'apart'))
  })

test('fuse: equal updates of small parameters are one dispatch, whatever their sizes', async () => {
  const device = await testDevice()
  const fn = training(new Adam(parameters()))
  const planned = (fuse: true | 'apart') =>
    device.compile(fn, { fuse }).stages(scalar, ...dataFor(shapes)).plan
  const [joint, apart] = [planned(true), planned('apart')]
  // A parameter of one element is to its kernel what the learning rate is.
  assert.equal(jointSizes(joint), [shapes.length - 1])
  assert.is(joint.steps.length, apart.steps.length - (shapes.length - 2))
  assert.is(joint.pools.length, 1)
  assert.is(new Set(joint.pools[0]).size, joint.pools[0].length)
  assert.ok(joint.activationBytes <= (65 / 64) * apart.activationBytes)
})

test('fuse: no kernel more for other sizes of parameters', async () => {
  const device = await testDevice()
  const keysOf = (list: number[][]) => {
    const step = device.compile(training(new Adam(parameters(list))))
    const { plan } = step.stages(scalar, ...dataFor(list))
    return [...plan.kernels].filter((key) => key.startsWith('joint'))
  }
  assert.is(keysOf([[4], [9]]).length, 1)
  assert.equal(keysOf([[4], [9]]), keysOf([[3, 3, 16, 40], [2000], [12], [77]]))
})

/** Steps of `n` equal updates of the variables from `first` on. */
function steps(device: Device, vs: readonly Variable[], rate: number): Program<Tensor> {
  return device.compile((x: Tensor) => {
    for (const v of vs) assign(v, sub(v, mul(mul(v, x), rate)))
    return x
  })
}

const expected = (shape: readonly number[], seed: number, rates: readonly number[]): number[] =>
  [...drawn(shape, seed)].map((start) =>
    rates.reduce((v, rate) => Math.fround(v - Math.fround(Math.fround(v * 1) * rate)), start),
  )

test('fuse: variables move into a buffer together as programs ask for it, and keep their values', async () => {
  const rates = [0.5, 0.25, 0.125]
  await withDevice({ alignment: 256 }, async (device) => {
    const [a, b, c, d] = parameters([[5], [64], [1025], [6]])
    // One has memory already, with a value that is not its first one.
    device.write(b, drawn([64], 99))
    const [ab, cd, bc] = [
      steps(device, [a, b], rates[0]),
      steps(device, [c, d], rates[1]),
      steps(device, [b, c], rates[2]),
    ]
    for (const p of [ab, cd, bc, ab, cd]) (await p.run(1)).dispose()
    const [r, s, t] = rates
    assert.equal([...(await device.read(a))], expected([5], 1, [r, r]))
    assert.equal([...(await device.read(b))], expected([64], 99, [r, t, r]))
    assert.equal([...(await device.read(c))], expected([1025], 3, [s, t, s]))
    assert.equal([...(await device.read(d))], expected([6], 4, [s, s]))
    // All are in one buffer by now, in which each begins where a binding may.
    assert.is(new Set([a, b, c, d].map((v) => device.place(v).gpu)).size, 1)
    for (const v of [a, b, c, d]) assert.is(device.place(v).offset % 256, 0)
    assert.is(device.stats().variableBytes, 256 + 256 + 4352 + 256)
    // What is released starts from its first value, and the buffer goes with the last of them.
    device.release(b)
    ;(await ab.run(1)).dispose()
    assert.equal([...(await device.read(b))], expected([64], 2, [r]))
    device.write(a, drawn([5], 7))
    ;(await ab.run(1)).dispose()
    assert.equal([...(await device.read(a))], expected([5], 7, [r]))
    for (const v of [a, b, c, d]) device.release(v)
    assert.is(device.stats().variableBytes, 0)
    for (const p of [ab, cd, bc]) p.dispose()
  })
})

test('fuse: what a program with joint updates takes is what its plan says', async () => {
  await withDevice({ alignment: 256 }, async (device) => {
    const data = dataFor(shapes)
    const step = device.compile(training(new Adam(parameters())))
    const { plan } = step.stages(scalar, ...data)
    assert.ok(plan.paddingBytes > 0)
    ;(await step.run(0.1, ...data)).dispose()
    await device.idle()
    assert.is(device.stats().allocatedBytes, planBytes(plan))
  })
})

test('fuse: a program may read one variable of a buffer while it updates another', async () => {
  await withDevice({ alignment: 256 }, async (device) => {
    const [a, b, c] = parameters([[8], [8], [8]])
    const both = steps(device, [a, b, c], 0.5)
    ;(await both.run(1)).dispose()
    const mix = device.compile((x: Tensor) => {
      assign(a, add(a, mul(b, x)))
      return sum(mul(c, b))
    })
    const total = await (await mix.run(2)).value()
    const [a0, b0, c0] = [1, 2, 3].map((seed) => expected([8], seed, [0.5]))
    assert.equal(
      [...(await device.read(a))],
      a0.map((v, i) => Math.fround(v + 2 * b0[i])),
    )
    assert.ok(Math.abs(total - c0.reduce((n, v, i) => n + v * b0[i], 0)) < 1e-5)
    for (const p of [both, mix]) p.dispose()
  })
})

test('fuse: what several joint updates read brings their variables into one buffer, which is no larger than a device can have and bind', async () => {
  await withDevice({ alignment: 256 }, async (device) => {
    // Each update of Adam reads the number of steps.
    const list = [...new Array<number[]>(20).fill([8, 16]), [5], [9]]
    const want = await afterAdam(device, list, device.caps)
    for (const [maxBindingBytes, maxBufferBytes] of [
      [16384, 16384],
      [8192, 65536],
      [16384, 8192],
    ]) {
      const caps = { ...device.caps, maxBindingBytes, maxBufferBytes }
      const { plan, left } = await afterAdam(device, list, caps)
      const most = Math.min(maxBindingBytes, maxBufferBytes)
      for (const pool of plan.pools) assert.ok(poolBytes(pool, 256) <= most, `${most}`)
      assert.ok(plan.pools.length > 0)
      assert.equal(left, want.left)
    }
    // All that has its place in one buffer is more than the limit.
    const [pool] = want.plan.pools
    assert.ok(poolBytes(pool, 256) > 16384)
  })
})

async function afterAdam(device: Device, list: readonly (readonly number[])[], caps: Caps) {
  const ps = list.map(variable)
  const data = dataFor(list)
  const optimizer = new Adam(ps)
  const fn = training(optimizer)
  const types = [scalar, ...data.map(({ dtype, shape }) => ({ dtype, shape }))]
  const { plan } = stages(fn, types, caps)
  checkPlan(plan, caps)
  const compiled = await CompiledPlan.make(device, plan)
  for (const result of await compiled.run([hostTensor(Float32Array.of(0.1), []), ...data]))
    result.dispose()
  const left: number[][] = []
  for (const p of ps) left.push([...(await device.read(p))])
  compiled.dispose()
  for (const v of [...ps, ...optimizer.stateDict().values()]) device.release(v)
  return { plan, left }
}

/** The plan with every joint update in as many dispatches as it has members, as if nothing could be bound together. */
const apartAsCan = (plan: Plan): Plan => ({
  ...plan,
  steps: plan.steps.map((step) => ({
    ...step,
    dispatches: step.dispatches.flatMap(({ dispatch, places }) => {
      const slots = [...dispatch.buffers, ...(dispatch.spans ?? []).flat()]
      const values = places.flatMap((p) =>
        p.kind === 'span' ? p.places : p.kind === 'table' ? [] : [p],
      )
      const at = (slot: Slot) =>
        values[slots.findIndex((s) => s.kind === slot.kind && s.index === slot.index)]
      return placed(dispatch, at, { slabBytes: plan.slabBytes, maxBindingBytes: 1 })
    }),
  })),
})

test('fuse: where nothing can be bound together a joint update falls into dispatches for each, to the same bits', async () => {
  const device = await testDevice()
  const run = async (split: boolean) => {
    const ps = parameters()
    const fn = training(new Adam(ps))
    const types = [scalar, ...dataFor(shapes).map(({ dtype, shape }) => ({ dtype, shape }))]
    const { plan } = stages(fn, types, device.caps)
    const made = split ? apartAsCan(plan) : plan
    checkPlan(made, device.caps)
    const compiled = await CompiledPlan.make(device, made)
    const args = [hostTensor(Float32Array.of(0.1), []), ...dataFor(shapes)]
    for (const result of await compiled.run(args)) result.dispose()
    const left: number[][] = []
    for (const p of ps) left.push([...(await device.read(p))])
    compiled.dispose()
    return { left, dispatches: made.steps.reduce((n, s) => n + s.dispatches.length, 0) }
  }
  const [whole, parts] = [await run(false), await run(true)]
  assert.equal(parts.left, whole.left)
  assert.is(parts.dispatches, whole.dispatches + shapes.length - 2)
})
