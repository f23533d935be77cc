// Every op in the list, on every sample in its definition: the device against the float64 interpreter, and its
// derivative against finite differences. One program an op, so that equal kernels are compiled once.

import * as assert from 'uvu/assert'
import { sizeOf } from '../engine/dtype.ts'
import { copyOf } from '../engine/graph.ts'
import { type Device, type HostArray, ops, type Tensor, type TensorType } from '../engine/index.ts'
import { openDevice } from '../engine/node.ts'
import { type Attrs, apply, type Op, type Sample } from '../engine/op.ts'
import {
  interpret,
  references,
  roundingErrors,
  sizeOfValues,
  tolerance,
} from '../engine/reference/index.ts'
import { stages } from '../engine/stages.ts'
import { close, drawSample, readAll, split, title, traceOf, wrtOf } from './checks.ts'
import { testDevice } from './device.ts'
import { test } from './harness.ts'
import { checkSecond, checkSlope, drawArguments, gradientsOf } from './op-checks.ts'

const cases = ops.filter((op) => op.samples.length)
const samplesOf = (op: Op) => op.samples as readonly Sample<Attrs>[]
const typesOf = (op: Op): TensorType[] =>
  samplesOf(op).flatMap((s) => s.inputs.map(({ dtype, shape }) => ({ dtype, shape })))

/** All samples of an op in one function: arguments one after another, outputs likewise. */
const allSamples =
  (op: Op, prepare: (x: Tensor) => Tensor) =>
  (...inputs: Tensor[]) => {
    const counts = samplesOf(op).map((s) => s.inputs.length)
    return split(inputs, counts).flatMap((xs, i) =>
      apply(op, xs.map(prepare), samplesOf(op)[i].attrs),
    )
  }

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
  const d = device ?? (await testDevice())
  const program = d.compile(allSamples(op, prepare))
  const drawn = samplesOf(op).map((s, i) => drawSample(s, 100 + i))
  const got = await readAll(await program.run(...drawn.flat()))
  const again = await readAll(await program.run(...drawn.flat()))
  got.forEach((x, i) => {
    assert.ok(bytesOf(x).equals(bytesOf(again[i])), `result ${i} has other bits when run twice`)
  })
  samplesOf(op).forEach((s, i) => {
    const graph = traceOf((...xs) => apply(op, xs, s.attrs), s.inputs)
    const expected = interpret(graph, drawn[i])
    expected.forEach((y, k) => {
      const size = sizeOfValues(y)
      const types = graph.outputs[k].node.types
      const most = tolerance(op, s.inputs, types, s.attrs, size, types[k].dtype)
      close(got.shift()!, y, most, `${title(op, s)} output ${k}`)
    })
  })
  program.dispose()
}

const bytesOf = (x: HostArray) => Buffer.from(x.buffer, x.byteOffset, x.byteLength)

// ---- derivatives

const gradients = (op: Op) => gradientsOf(op, samplesOf(op))

for (const op of cases.filter((o) => gradients(o).length)) {
  test(`${op.name}: its gradient is the slope, and the device agrees`, async () => {
    const all = gradients(op)
    const d = await testDevice()
    const program = d.compile((...args: Tensor[]) =>
      split(
        args,
        all.map((g) => g.types.length),
      ).flatMap((xs, i) => all[i].build(...xs)),
    )
    for (const seed of [1, 2]) {
      const drawn = all.map((g) => drawArguments(g, seed))
      const got = await readAll(await program.run(...drawn.flat()))
      all.forEach((g, i) => {
        const what = `${title(op, g.sample)} seed ${seed}`
        const graph = traceOf(g.build, g.types)
        const expected = interpret(graph, drawn[i])
        checkSlope(g.value, drawn[i], wrtOf(g.sample), expected, seed, what)
        const errors = roundingErrors(graph, drawn[i])
        expected.forEach((y, k) => {
          const most = errors.get(graph.outputs[k])!
          close(got.shift()!, y, most, `${what}: gradient ${k} on the device`)
        })
      })
    }
    program.dispose()
  })
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
