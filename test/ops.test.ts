// Every op in the list, on every sample in its definition: the device against the float64 interpreter, and its
// derivative against finite differences. One program an op, so that equal kernels are compiled once.

import * as assert from 'uvu/assert'
import { isFloat, sizeOf } from '../engine/dtype.ts'
import type { Graph } from '../engine/graph.ts'
import { copyOf } from '../engine/graph.ts'
import { add, grad, mul, ops, sum, type Tensor, type TensorType } from '../engine/index.ts'
import { type Attrs, apply, type Op, type Sample } from '../engine/op.ts'
import {
  drawDirection,
  drawInput,
  type Given,
  interpret,
  randomFrom,
  references,
  roundingErrors,
  sizeOfValues,
  tolerance,
} from '../engine/reference/index.ts'
import { stages } from '../engine/stages.ts'
import { close, drawSample, readAll, split, title, traceOf, wrtOf } from './checks.ts'
import { testDevice } from './device.ts'
import { test } from './harness.ts'

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
  test(`${op.name}: the device agrees with the interpreter`, () => compare(op, (x) => x))
}

// Arguments have buffers of their own, which are bound to be read; values inside a program share slabs, are bound
// read_write and start anywhere: other variants of the same kernels.
for (const op of cases.filter((o) => o.kind === 'structured')) {
  test(`${op.name}: the same from activation memory`, () => compare(op, copyOf))
}

async function compare(op: Op, prepare: (x: Tensor) => Tensor): Promise<void> {
  const d = await testDevice()
  const program = d.compile(allSamples(op, prepare))
  const drawn = samplesOf(op).map((s, i) => drawSample(s, 100 + i))
  const got = await readAll(await program.run(...drawn.flat()))
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

// ---- derivatives

/** Σ ⟨output, cotangent⟩ over the floating-point outputs. */
const pair = (ys: readonly Tensor[], cs: readonly Tensor[]): Tensor =>
  ys.map((y, i) => sum(mul(y, cs[i]))).reduce((a, b) => add(a, b))

interface Gradient {
  readonly op: Op
  readonly sample: Sample<Attrs>
  /** Types of the inputs, then of the cotangents. */
  readonly types: readonly TensorType[]
  /** ⟨f(x), c⟩ */
  readonly value: Graph
  /** Its gradient with respect to the inputs that the sample asks for. */
  build(...args: Tensor[]): Tensor[]
}

function gradients(op: Op): Gradient[] {
  if (typeof op.vjp !== 'function') return []
  return samplesOf(op).flatMap((sample) => {
    const wrt = wrtOf(sample)
    const n = sample.inputs.length
    const plain = traceOf((...xs) => apply(op, xs, sample.attrs), sample.inputs)
    const floats = plain.outputs.filter((y) => isFloat(y.dtype))
    if (!wrt.length || !floats.length) return []
    const outputTypes = floats.map(({ dtype, shape }) => ({ dtype, shape }))
    const types = [...sample.inputs.map(({ dtype, shape }) => ({ dtype, shape })), ...outputTypes]
    const loss = (...args: Tensor[]) => {
      const ys = apply(op, args.slice(0, n), sample.attrs).filter((y) => isFloat(y.dtype))
      return pair(ys, args.slice(n))
    }
    const build = (...args: Tensor[]) =>
      grad(
        loss(...args),
        wrt.map((i) => args[i]),
      )
    return [{ op, sample, types, value: traceOf((...a) => [loss(...a)], types), build }]
  })
}

const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((n, v, i) => n + v * b[i], 0)

const drawArguments = ({ sample, types }: Gradient, seed: number) => [
  ...drawSample(sample, seed),
  ...types.slice(sample.inputs.length).map((t) => drawInput(t, randomFrom(seed + 7))),
]

/** ⟨t, vjp(c)⟩ is the slope of ⟨f(x + εt), c⟩: a central difference in float64 with ε = 1e-5 is off by about
 * ε²·f‴/6 ≈ 1e-11 and by roundings of 1e-16/ε ≈ 1e-11, each times the number of terms. */
function checkSlope(
  value: Graph,
  args: readonly { readonly data: ArrayLike<number> }[],
  wrt: readonly number[],
  got: readonly ArrayLike<number>[],
  seed: number,
  what: string,
): void {
  const random = randomFrom(seed)
  const epsilon = 1e-5
  const t = wrt.map((i) => drawDirection(args[i].data.length, random))
  const moved = (sign: number) => {
    const given: Given[] = args.map((a) => Float64Array.from(a.data))
    wrt.forEach((i, k) => {
      given[i] = (given[i] as Float64Array).map((x, e) => x + sign * epsilon * t[k][e])
    })
    return interpret(value, given)[0][0]
  }
  const slope = (moved(1) - moved(-1)) / (2 * epsilon)
  const found = got.reduce((n, g, k) => n + dot(g, t[k]), 0)
  const terms = wrt.reduce((n, i) => n + args[i].data.length, 0)
  close([found], [slope], 1e-8 * (1 + Math.abs(slope)) * Math.sqrt(terms), what)
}

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

/** The slope of ⟨gradient, t⟩, with respect to inputs and cotangents. */
function checkSecond({ op, sample, types, build }: Gradient): void {
  const wrt = [...wrtOf(sample), ...types.keys()]
    .filter((i, k, all) => isFloat(types[i].dtype) && all.indexOf(i) === k)
    .filter((i) => i >= sample.inputs.length || wrtOf(sample).includes(i))
  const directions = wrtOf(sample).map((i) => types[i])
  const full = [...types, ...directions]
  const inner = (...args: Tensor[]) =>
    pair(build(...args.slice(0, types.length)), args.slice(types.length))
  const value = traceOf((...args) => [inner(...args)], full)
  const second = traceOf(
    (...args) =>
      grad(
        inner(...args),
        wrt.map((i) => args[i]),
      ),
    full,
  )
  const random = randomFrom(5)
  // At a tie the gradient itself jumps, so there are none here.
  const args = [
    ...sample.inputs.map(({ steps: _, ...x }) => drawInput(x, random)),
    ...full.slice(sample.inputs.length).map((t) => drawInput(t, random)),
  ]
  checkSlope(value, args, wrt, interpret(second, args), 4, `${title(op, sample)} twice`)
}

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
