// Mixed precision, op by op: every kernel that reads or stores f16 where the graph has f32, against the interpreter. (See
// mixed-steps.test.ts for whole programs.)

import * as assert from 'uvu/assert'
import { hostArray, sizeOf } from '../../engine/dtype.ts'
import { mul, ops, type Tensor } from '../../engine/index.ts'
import type { Op, Places, Sample, StructuredOp } from '../../engine/op.ts'
import { nearestHalf } from '../../engine/ops/convert.ts'
import { constant } from '../../engine/ops/source.ts'
import { drawInput, evaluate, randomFrom, sizeOfValues } from '../../engine/reference/index.ts'
import { errorOf } from '../../engine/reference/tolerance.ts'
import { Node } from '../../engine/tensor.ts'
import { f32 } from '../agree.ts'
import { close } from '../checks.ts'
import { halfDevice } from '../device.ts'
import { test } from '../harness.ts'

// ---- every op

const bits = (values: Float64Array): Uint16Array =>
  Uint16Array.from(values, (x) => {
    const sign = x < 0 || Object.is(x, -0) ? 0x8000 : 0
    const size = Math.abs(nearestHalf(x))
    if (size < 2 ** -14) return sign | (size * 2 ** 24)
    const exponent = Math.floor(Math.log2(size))
    return sign | ((exponent + 15) << 10) | ((size / 2 ** exponent - 1) * 1024)
  })

const isHalfOp = (op: Op): op is StructuredOp => op.kind === 'structured' && op.f16 !== undefined

/** Inputs and outputs that are f16 in one application: every choice among those that the op lists. */
function placesOf({ f16 }: StructuredOp, { inputs }: Sample<never>): Places[] {
  const floats = inputs.flatMap((x, i) => (x.dtype === 'f32' ? [i] : []))
  if (f16 === 'alike') return floats.length ? [{ inputs: floats, outputs: [0] }] : []
  const list = [
    ...f16!.inputs.map((i) => ({ inputs: [i] })),
    ...f16!.outputs.map((i) => ({ outputs: [i] })),
  ]
  const choices = Array.from({ length: 2 ** list.length - 1 }, (_, k) =>
    list.filter((_, i) => (k + 1) & (1 << i)),
  )
  return choices.map((some) => ({
    inputs: some.flatMap((c) => ('inputs' in c ? c.inputs : [])),
    outputs: some.flatMap((c) => ('outputs' in c ? c.outputs : [])),
  }))
}

for (const op of ops.filter(isHalfOp))
  test(`mixed: ${op.name} reads and stores f16, and computes in f32`, async () => {
    const d = await halfDevice()
    const random = randomFrom(5)
    const cases = (op.samples as readonly Sample<never>[]).flatMap((sample) =>
      placesOf(op, sample).map((places) => ({ sample, places })),
    )
    for (const { sample, places } of cases) {
      const drawnInputs = sample.inputs.map((x) => Float64Array.from(drawInput(x, random).data))
      const given = sample.inputs.map((x, i) => {
        const half = places.inputs.includes(i)
        const data = half ? drawnInputs[i].map(nearestHalf) : drawnInputs[i].map(Math.fround)
        return { dtype: half ? ('f16' as const) : x.dtype, shape: x.shape, data }
      })
      const wide = sample.inputs
      const result = op.infer(wide, sample.attrs as never, (p) => {
        throw new Error(p)
      })
      const stored = result.map((t, i) =>
        places.outputs.includes(i) && t.dtype === 'f32' ? { ...t, dtype: 'f16' as const } : t,
      )
      const program = d.compile(() => {
        const tensors = given.map(({ dtype, shape, data }) => {
          if (dtype === 'f16') return constant(bits(data), shape)
          const host = hostArray(dtype, sizeOf(shape))
          host.set(data)
          return constant(host, shape)
        })
        const node = new Node(op as Op, tensors, sample.attrs as never, stored)
        return stored.map((_, i) => node.output(i))
      })
      const outputs = await program.run()
      const expected = evaluate(op as Op, given, sample.attrs as never, result)
      const error = errorOf(op as Op, wide, result, sample.attrs as never)
      for (const [i, { dtype, data }] of expected.entries()) {
        const raw = await outputs[i].read()
        const isHalf = stored[i].dtype === 'f16'
        const got = isHalf ? fromBits(raw as Uint16Array) : Float64Array.from(raw)
        // In f32 as always, and one rounding to 11 bits where it is stored.
        const size = Math.max(1, sizeOfValues(data))
        const computed = error.relative * size + error.absolute
        const most = op.error === 'exact' || dtype !== 'f32' ? 0 : computed
        close(got, data, most && isHalf ? most + 2 ** -11 * size : most, `${op.name} ${i}`)
        outputs[i].dispose()
      }
      program.dispose()
    }
  })

const fromBits = (halves: Uint16Array): Float64Array =>
  Float64Array.from(halves, (h) => {
    const sign = h & 0x8000 ? -1 : 1
    const exponent = (h >> 10) & 31
    const fraction = h & 1023
    if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
    return sign * (exponent ? (1024 + fraction) * 2 ** (exponent - 25) : fraction * 2 ** -24)
  })

test('mixed: f16 storage rounds to nearest even, overflows to infinity and keeps NaN', async () => {
  const d = await halfDevice()
  const values = [
    2049,
    2051,
    65519,
    65520,
    1e6,
    -1e6,
    1.00048828125,
    2 ** -25,
    3 * 2 ** -25,
    2 ** -20,
  ]
  const odd = [...values, Number.NaN, Number.POSITIVE_INFINITY]
  const program = d.compile((x: Tensor) => {
    const product = mul(x, 1.5).node
    const stored = new Node(product.op, product.inputs, product.attrs, [
      { dtype: 'f16', shape: [odd.length] },
    ])
    return stored.output()
  })
  const thirds = Float32Array.from(odd, (x) => x / 1.5)
  const expected = Float64Array.from(thirds, (x) => nearestHalf(Math.fround(x * Math.fround(1.5))))
  const y = await program.run({ ...f32(odd.length), data: thirds })
  const got = fromBits((await y.read()) as Uint16Array)
  y.dispose()
  program.dispose()
  assert.equal([...got.slice(0, -2)], [...expected.slice(0, -2)])
  assert.ok(Number.isNaN(got[odd.length - 2]))
  assert.is(got[odd.length - 1], Number.POSITIVE_INFINITY)
})
