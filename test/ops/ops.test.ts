// Every op in the list, on every sample in its definition: the device against the float64 interpreter, and its
// derivative against finite differences. One program an op, so that equal kernels are compiled once.

import * as assert from 'uvu/assert'
import { sizeOf } from '../../engine/dtype.ts'
import { copyOf } from '../../engine/graph.ts'
import { type Device, ops, type Tensor, type TensorType } from '../../engine/index.ts'
import { openDevice } from '../../engine/node.ts'
import type { Op } from '../../engine/op.ts'
import { references } from '../../engine/reference/index.ts'
import { stages } from '../../engine/stages.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'
import { checkSecond } from './op-checks.ts'
import { allSamples, compareGradients, compareOp, gradients, samplesOf } from './op-runs.ts'

const cases = ops.filter((op) => op.samples.length)
const typesOf = (op: Op): TensorType[] =>
  samplesOf(op).flatMap((s) => s.inputs.map(({ dtype, shape }) => ({ dtype, shape })))

test('ops: every op has a reference, and every op with kernels or expressions has samples', () => {
  const structured = ops.filter((op) => op.kind === 'structured').map((op) => op.name)
  assert.equal(Object.keys(references).sort(), structured.sort())
  const without = ops.filter((op) => op.kind !== 'source' && !op.samples.length)
  assert.equal(
    without.map((op) => op.name),
    ['assign'],
  )
})

for (const op of cases) {
  test(`${op.name}: the device agrees with the interpreter, twice to the bit`, () =>
    compare(op, (x) => x))
}

// Arguments have buffers of their own, which are bound to be read; values inside a program share slabs, are bound
// read_write and start anywhere: other variants of the same kernels.
for (const op of cases.filter((o) => o.kind === 'structured')) {
  test(`${op.name}: the same from activation memory`, () => compare(op, copyOf))
}

// Other limits choose other schedules.
for (const op of cases.filter((o) => o.kind === 'structured')) {
  test(`${op.name}: the same on a device with no more than WebGPU's default limits`, async () =>
    compare(op, copyOf, await leastDevice()))
}

let least: Promise<Device> | undefined

async function leastDevice(): Promise<Device> {
  await testDevice()
  least ??= openDevice({ defaultLimits: true, alignment: 256, say: () => {} })
  return least
}

async function compare(op: Op, prepare: (x: Tensor) => Tensor, device?: Device): Promise<void> {
  await compareOp(device ?? (await testDevice()), op, prepare)
}

// ---- derivatives

for (const op of cases.filter((o) => gradients(o).length)) {
  test(`${op.name}: its gradient is the slope, and the device agrees`, async () =>
    compareGradients(await testDevice(), op))
}

test('ops: the gradient of a gradient is its slope', () => {
  for (const op of cases) for (const g of gradients(op)) checkSecond(g)
})

test('ops: kernels with equal keys have equal code', async () => {
  const { caps } = await testDevice()
  const codes = new Map<string, string>()
  for (const op of cases)
    for (const prepare of [copyOf, (x: Tensor) => x])
      for (const { dispatches } of stages(allSamples(op, prepare), typesOf(op), caps).plan.steps)
        for (const { kernel } of dispatches.map((d) => d.dispatch)) {
          assert.is(codes.get(kernel.key) ?? kernel.code, kernel.code, kernel.key)
          codes.set(kernel.key, kernel.code)
        }
})

const sizes = (types: readonly TensorType[]) => types.reduce((n, t) => n + sizeOf(t.shape), 0)

test('ops: samples are small', () => {
  for (const op of cases) assert.ok(sizes(typesOf(op)) < 60000, op.name)
})
