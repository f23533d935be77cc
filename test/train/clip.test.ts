// Bounds of gradients: the global norm against float64 from tiny to huge values, what is not finite, and where in a step the bound
// comes.

import assert from 'node:assert/strict'
import { sizeOf } from '../../engine/dtype.ts'
import { OptionError } from '../../engine/errors.ts'
import { add, mul } from '../../engine/ops/arithmetic.ts'
import { sum } from '../../engine/ops/reduce.ts'
import { hostTensor } from '../../engine/ops/source.ts'
import { randomFrom } from '../../engine/reference/index.ts'
import { type HostTensor, type Tensor, Variable } from '../../engine/tensor.ts'
import { accumulated } from '../../train/loop/accumulate.ts'
import { relativeNorm } from '../../train/optimizers/clip.ts'
import { type Clip, type OptimizerOptions, Sgd } from '../../train/optimizers.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'

const shapes = [[3, 3, 5, 8], [64], [64], [1], [], [2, 700]]

const drawn = (scale: number): HostTensor[] => {
  const random = randomFrom(1)
  return shapes.map((shape) => {
    const values = Array.from({ length: sizeOf(shape) }, () => scale * (2 * random() - 1))
    return hostTensor(Float32Array.from(values), shape)
  })
}

const normOf = (values: readonly (readonly number[])[]): number =>
  Math.sqrt(values.flat().reduce((s, x) => s + x * x, 0))

const valuesOf = (tensors: readonly HostTensor[]) => tensors.map(({ data }) => [...data])

test('clip: the norm of all gradients is that of float64, from 1e-6 of the bound to values of 1e36', async () => {
  const device = await testDevice()
  for (const bound of [0.01, 1, 300]) {
    const program = device.compile((...gs: Tensor[]) => relativeNorm(gs, bound), {})
    for (const scale of [1e-6, 1e-3, 1, 1e10, 1e20, 1e25, 1e26, 1e30, 1e34]) {
      const gs = drawn(scale * bound)
      using r = await program.run(...gs)
      const off = Math.abs(((await r.value()) * bound) / normOf(valuesOf(gs)) - 1)
      assert.ok(off < 1e-6, `bound ${bound}, scale ${scale}: ${off}`)
    }
    program.dispose()
  }
})

/** What a step of plain descent at a rate of 1 takes from parameters that are 0: minus the gradients that reach them. Of the loss
 * in `parts`, each of which has its share of them. */
async function arriving(
  gradients: readonly HostTensor[],
  options: OptimizerOptions,
  parts = 1,
): Promise<number[][]> {
  const device = await testDevice()
  const ps = shapes.map((shape, i) => {
    const zeros = () => new Float32Array(sizeOf(shape))
    return new Variable({ dtype: 'f32', shape }, zeros, `p${i}`)
  })
  const optimizer = new Sgd(ps, options)
  const program = device.compile((...gs: Tensor[]) => {
    const loss = () => ps.map((p, i) => sum(mul(p, gs[i]))).reduce(add)
    return accumulated(optimizer, parts, loss, 1, { reduction: 'sum' })
  })
  ;(await program.run(...gradients)).dispose()
  const out: number[][] = []
  for (const p of ps) {
    out.push(Array.from(await device.read(p), (x) => 0 - x))
    device.release(p)
  }
  program.dispose()
  return out
}

const near = (got: readonly number[][], want: readonly number[][], scale = 1) => {
  const norm = scale * normOf(want)
  got.flat().forEach((x, i) => {
    const off = Math.abs(x - scale * want.flat()[i])
    assert.ok(off <= 1e-6 * norm, `value ${i}: ${x} for ${scale * want.flat()[i]}`)
  })
}

test('clip: a longer gradient has the norm of the bound, in its direction; a shorter one keeps its bits', async () => {
  const gs = drawn(1)
  const norm = normOf(valuesOf(gs))
  near(await arriving(gs, { clip: norm / 4 }), valuesOf(gs), 1 / 4)
  near(await arriving(gs, { clip: { norm: 1e-3 * norm } }), valuesOf(gs), 1e-3)
  assert.deepEqual(await arriving(gs, { clip: 1.001 * norm }), valuesOf(gs))
  near(
    await arriving(drawn(1e30), { clip: 1 }),
    valuesOf(drawn(1e30)),
    1 / normOf(valuesOf(drawn(1e30))),
  )
})

test('clip: of a batch in parts the sum is bounded, and under a loss scale what is left without it', async () => {
  const gs = drawn(1)
  const norm = normOf(valuesOf(gs))
  // Each part by itself is within the bound.
  near(await arriving(gs, { clip: 1.5 * norm }, 3), valuesOf(gs), 1.5)
  near(await arriving(gs, { clip: 1.5 * norm, lossScale: true }, 3), valuesOf(gs), 1.5)
  near(await arriving(gs, { clip: norm / 2, lossScale: { initScale: 2 ** 20 } }), valuesOf(gs), 0.5)
})

test('clip: by value each is bounded by itself', async () => {
  const gs = drawn(1)
  const want = valuesOf(gs).map((xs) => xs.map((x) => Math.max(-0.25, Math.min(0.25, x))))
  assert.deepEqual(await arriving(gs, { clip: { value: 0.25 } }), want)
})

test('clip: what is not finite stays so, and under a bound of the norm nothing else stays finite', async () => {
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    const gs = drawn(1)
    gs[1].data[7] = bad
    const byNorm = await arriving(gs, { clip: 1 })
    assert.ok(
      byNorm.flat().every((x) => !Number.isFinite(x)),
      `${bad} by norm`,
    )
    const byValue = await arriving(gs, { clip: { value: 0.25 } })
    byValue.flat().forEach((x, i) => {
      assert.equal(Number.isFinite(x), i !== sizeOf(shapes[0]) + 7, `${bad} by value, ${i}`)
    })
    const skipped = await arriving(gs, { clip: 1, lossScale: true })
    assert.ok(
      skipped.flat().every((x) => x === 0),
      `${bad} with a loss scale: the step is skipped`,
    )
  }
})

test('clip: what is no bound is refused', () => {
  const refused = [0, -1, Number.NaN, Number.POSITIVE_INFINITY, '1', {}, { value: 0 }, { max: 1 }]
  for (const clip of [...refused, { norm: 1, value: 1 }, null])
    assert.throws(
      () => new Sgd([], { clip: clip as Clip }),
      (e: Error) => e instanceof OptionError && /^clip: /.test(e.message),
      JSON.stringify(clip),
    )
})
