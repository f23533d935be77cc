// Matrix products: batches, broadcasting and transposes against plain loops on every schedule, what is copied, and vectors.

import * as assert from 'uvu/assert'
import {
  constant,
  dot,
  grad,
  linear,
  matmul,
  mean,
  openDevice,
  outer,
  sizeOf,
  type Tensor,
  type TensorType,
  tanh,
} from '../../engine/node.ts'
import { drawInput, interpret, randomFrom } from '../../engine/reference/index.ts'
import { agree, becomes, drawn, f32, kernelsOf } from '../agree.ts'
import { close, readAll, traceOf } from '../checks.ts'
import { testDevice } from '../device.ts'
import { deviceAs, machines } from '../engine/schedules.ts'
import { test } from '../harness.ts'
import { checkDerivatives } from './derivatives.ts'

type Shape = readonly number[]

/** Batch axes of a and b, and [m, k, n]. */
const batches: readonly (readonly [Shape, Shape])[] = [
  [[], []],
  [[3], [3]],
  [[3], []],
  [[], [3]],
  [[7, 1], [5]],
  [[5], [7, 1]],
  [
    [2, 1, 3],
    [1, 4, 1],
  ],
  [
    [2, 1, 3],
    [4, 3],
  ],
  [
    [2, 3],
    [2, 3],
  ],
  [
    [1, 1],
    [2, 1, 3],
  ],
]
const sizes: readonly Shape[] = [
  [5, 7, 3],
  [8, 4, 16],
  [1, 1, 1],
  [1, 20, 12],
  [33, 5, 1],
  [2, 9, 30],
  [9, 1, 6],
]

interface Case {
  readonly a: TensorType
  readonly b: TensorType
  readonly transposeA: boolean
  readonly transposeB: boolean
}
/** All batches with all flags. Fewer sizes make fewer kernels, of which some drivers take seconds to compile each. */
const casesOf = (sizes: readonly Shape[]): Case[] =>
  batches.flatMap(([la, lb], i) =>
    [0, 1, 2, 3].map((flags): Case => {
      const [m, k, n] = sizes[(i + flags) % sizes.length]
      const [transposeA, transposeB] = [flags % 2 === 1, flags > 1]
      const a = f32(...la, ...(transposeA ? [k, m] : [m, k]))
      return { a, b: f32(...lb, ...(transposeB ? [n, k] : [k, n])), transposeA, transposeB }
    }),
  )
const nameOf = ({ a, b, transposeA, transposeB }: Case) =>
  `[${a.shape}]${transposeA ? 'ᵀ' : ''} [${b.shape}]${transposeB ? 'ᵀ' : ''}`

/** One product and its gradients by seed dy, in loops over every element of every batch entry. */
function plain(
  c: Case,
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  dy: ArrayLike<number>,
  y: Shape,
) {
  const [m, n] = y.slice(-2)
  const k = c.a.shape[c.a.shape.length - (c.transposeA ? 2 : 1)]
  const entry = (t: TensorType, batch: number[]) => {
    const own = t.shape.slice(0, -2)
    const at = batch.slice(batch.length - own.length)
    return own.reduce((e, size, i) => e * size + (size === 1 ? 0 : at[i]), 0)
  }
  const result = {
    y: new Float64Array(sizeOf(y)),
    da: new Float64Array(a.length),
    db: new Float64Array(b.length),
  }
  const lead = y.slice(0, -2)
  for (let z = 0; z < sizeOf(lead); z++) {
    const batch: number[] = []
    lead.reduceRight((rest, size) => {
      batch.unshift(rest % size)
      return Math.floor(rest / size)
    }, z)
    const [ea, eb] = [entry(c.a, batch), entry(c.b, batch)]
    for (let i = 0; i < m; i++)
      for (let j = 0; j < n; j++)
        for (let l = 0; l < k; l++) {
          const p = ea * m * k + (c.transposeA ? l * m + i : i * k + l)
          const q = eb * k * n + (c.transposeB ? j * k + l : l * n + j)
          const o = (z * m + i) * n + j
          result.y[o] += a[p] * b[q]
          result.da[p] += dy[o] * b[q]
          result.db[q] += dy[o] * a[p]
        }
  }
  return [result.y, result.da, result.db]
}

for (const machine of machines)
  test(`matmul and its gradients, schedules of ${machine}`, async () => {
    const device = await deviceAs(machine)
    const random = randomFrom(5)
    for (const c of casesOf(machine === 'own' ? sizes : sizes.slice(0, 2))) {
      const { transposeA, transposeB } = c
      const product = (a: Tensor, b: Tensor) => matmul(a, b, { transposeA, transposeB })
      const [{ shape }] = traceOf((...t) => [product(t[0], t[1])], [c.a, c.b]).outputs
      const args = [c.a, c.b, f32(...shape)].map((t) => drawInput(t, random))
      const program = device.compile((a: Tensor, b: Tensor, dy: Tensor) => {
        const y = product(a, b)
        return [y, ...grad(y, [a, b], dy)]
      })
      const got = await readAll(await program.run(...args))
      program.dispose()
      plain(c, args[0].data, args[1].data, args[2].data, shape).forEach((want, i) => {
        // At most 20 · 35 terms of size 1, summed in f32.
        close(got[i], want, 2e-5, `${nameOf(c)} on ${machine}: ${['y', 'da', 'db'][i]}`)
      })
    }
  })

test('matmul: more batch entries than a grid is deep', async () => {
  const device = await testDevice()
  const count = 65535 + 7
  const data = Float32Array.from({ length: 2 * count }, (_, i) => i % 11)
  for (const transposeA of [false, true]) {
    const a = constant(data, transposeA ? [count, 2, 1] : [count, 1, 2])
    const got = await device.read(matmul(a, constant(data, [count, 2, 1]), { transposeA }))
    for (let i = 0; i < count; i++) {
      const want = data[2 * i] ** 2 + data[2 * i + 1] ** 2
      if (got[i] !== want) assert.unreachable(`entry ${i} is ${got[i]} and should be ${want}`)
    }
  }
})

test('matmul: operands larger than one binding, cut along batch, rows and terms', async () => {
  const device = await openDevice({ bindingBytes: 1024, alignment: 256, say: () => {} })
  for (const [a, b, flags] of [
    [f32(200, 5), f32(5, 7), {}],
    [f32(300, 6), f32(300, 4), { transposeA: true }],
    [f32(300, 6), f32(4, 300), { transposeA: true, transposeB: true }],
    [f32(9, 20, 8), f32(9, 6, 8), { transposeB: true }],
    [f32(9, 8, 20), f32(9, 8, 6), { transposeA: true }],
    [f32(5, 1, 20, 3), f32(4, 3, 6), {}],
  ] as const)
    await agree((x, y) => [matmul(x, y, flags)], drawn([a, b]), { device })
  // A layer over a large batch, with its gradients.
  await agree(
    (x, w, t) => grad(matmul(x, w), [x, w], t),
    drawn([f32(200, 5), f32(5, 7), f32(200, 7)]),
    { device },
  )
  device.close()
})

test('matmul: large operands are not copied, and the bias of a layer rides on the product', async () => {
  const layer = (x: Tensor, w: Tensor, b: Tensor, t: Tensor) => {
    const y = linear(x, w, b)
    return [y, ...grad(y, [x, w], t)]
  }
  const made = await agree(
    (x, w, b, t) => layer(x, w, b, t),
    drawn([f32(2, 50, 7), f32(7, 5), f32(5), f32(2, 50, 5)]),
  )
  assert.equal(kernelsOf(made).sort(), ['matmul', 'matmul add', 'matmulTransposedA'])
  // What is turned around is the weight, 35 elements.
  const all = made.plan.steps.flatMap((s) => s.dispatches.map((d) => d.dispatch))
  const turns = all.filter((d) => d.kernel.key.startsWith('stridedCopy'))
  assert.equal(
    turns.map((d) => d.params[1]),
    [35],
  )
  // A few rows times the transpose of a large matrix: those and their results are turned, and of one row nothing.
  await becomes(
    (a, b) => [matmul(a, b, { transposeB: true })],
    [f32(2, 9), f32(30, 9)],
    ['matmul', 'rearrange'],
  )
  await agree((a, b) => [matmul(a, b, { transposeB: true })], drawn([f32(3, 2, 9), f32(30, 9)]))
  await becomes((a, b) => [matmul(a, b, { transposeB: true })], [f32(1, 9), f32(6, 9)], ['matmul'])
})

test('dot: one kernel, as accurate as sum', async () => {
  await becomes((a, b) => [dot(a, b)], [f32(1000), f32(1000)], ['mul sum'])
  const device = await testDevice()
  const random = randomFrom(9)
  const [a, b] = [1, 2].map(() => Float32Array.from({ length: 1e6 }, () => 2 * random() - 1))
  let [want, size] = [0, 0]
  for (let i = 0; i < a.length; i++) {
    want += a[i] * b[i]
    size += Math.abs(a[i] * b[i])
  }
  const [got] = await device.read(dot(constant(a), constant(b)))
  assert.ok(Math.abs(got - want) <= 1e-6 * size, `${got} for ${want}`)
})

test('outer and linear: results and gradients', async () => {
  await agree(
    (a, b, s) => {
      const y = outer(a, b)
      return [y, ...grad(y, [a, b], s)]
    },
    drawn([f32(5), f32(8), f32(5, 8)]),
  )
  await agree(
    (x, w, b) => {
      const y = linear(x, w, b)
      return [y, ...grad(mean(tanh(y)), [x, w, b])]
    },
    drawn([f32(6), f32(6, 4), f32(4)]),
  )
  const y = linear(constant([1, 2]), constant([1, 2, 3, 4, 5, 6], [2, 3]), constant([0, 0, 1]))
  assert.equal(y.shape, [3])
  assert.equal(Array.from(interpret([y])[0]), [9, 12, 16])
})

test('matmul: third derivatives, where operands broadcast', () => {
  checkDerivatives(
    (a, b, c) =>
      mean(tanh(matmul(tanh(matmul(a, b, { transposeA: true })), c, { transposeB: true }))),
    [f32(2, 1, 3, 2), f32(4, 3, 2), f32(3, 2)],
    3,
    'two products',
  )
  checkDerivatives(
    (x, w, b) => mean(tanh(linear(tanh(linear(x, w, b)), w, b))),
    [f32(3), f32(3, 3), f32(3)],
    3,
    'a layer twice',
  )
})
