// The convolution family beyond its samples: awkward sizes on every schedule, transposed convolution, and derivatives of
// derivatives.

import * as assert from 'uvu/assert'
import {
  type ConvOptions,
  type ConvTransposeOptions,
  constant,
  conv2d,
  convTranspose2d,
  grad,
  matmul,
  mean,
  reshape,
  type Tensor,
  tanh,
} from '../../engine/index.ts'
import {
  drawInput,
  interpret,
  randomFrom,
  sizeOfValues,
  tolerance,
} from '../../engine/reference/index.ts'
import { f32 } from '../agree.ts'
import { close, readAll, traceOf } from '../checks.ts'
import { testDevice } from '../device.ts'
import { deviceAs, machines } from '../engine/schedules.ts'
import { test } from '../harness.ts'
import { checkDerivatives } from './derivatives.ts'

interface Case {
  readonly name: string
  readonly x: readonly number[]
  readonly w: readonly number[]
  readonly o?: ConvOptions
}

const cases: Case[] = [
  { name: '1×1', x: [2, 5, 9, 5], w: [1, 1, 5, 19] },
  { name: '1×1 on one pixel', x: [3, 1, 1, 48], w: [1, 1, 48, 96] },
  { name: '1×1, stride 2', x: [2, 5, 7, 96], w: [1, 1, 96, 21], o: { stride: 2 } },
  { name: '3×3', x: [1, 6, 7, 3], w: [3, 3, 3, 48], o: { padding: 1 } },
  { name: '3×3, stride 2, odd', x: [1, 9, 7, 19], w: [3, 3, 19, 21], o: { padding: 1, stride: 2 } },
  { name: '3×3, stride 2, even', x: [2, 8, 6, 8], w: [3, 3, 8, 19], o: { padding: 1, stride: 2 } },
  { name: '25×1, larger than the map', x: [1, 7, 5, 5], w: [25, 1, 5, 5], o: { padding: [12, 0] } },
  {
    name: '1×25, larger than the map',
    x: [1, 5, 7, 21],
    w: [1, 25, 21, 3],
    o: { padding: [0, 12] },
  },
  { name: '7×7 stem', x: [2, 15, 14, 3], w: [7, 7, 3, 16], o: { padding: 3, stride: 2 } },
  { name: 'the whole map', x: [3, 4, 6, 5], w: [4, 6, 5, 19] },
  {
    name: 'dilation beyond the map',
    x: [2, 4, 5, 21],
    w: [3, 3, 21, 19],
    o: { padding: 12, dilation: 12 },
  },
  {
    name: 'dilation, no tap but padding',
    x: [1, 3, 2, 4],
    w: [2, 2, 4, 4],
    o: { padding: 8, dilation: [16, 16] },
  },
  { name: 'asymmetric', x: [3, 6, 5, 1], w: [4, 3, 1, 1], o: { padding: [2, 1, 0, 3] } },
  { name: 'rows of pure padding', x: [1, 3, 4, 5], w: [2, 2, 5, 3], o: { padding: [3, 4, 5, 2] } },
  {
    name: 'pure padding, stride 3',
    x: [2, 3, 4, 8],
    w: [2, 2, 8, 4],
    o: { padding: [6, 5, 4, 7], stride: 3 },
  },
  {
    name: 'same, even kernel',
    x: [1, 5, 6, 21],
    w: [4, 4, 21, 3],
    o: { padding: 'same', stride: [2, 3] },
  },
  {
    name: 'same, stride beyond the kernel',
    x: [1, 7, 9, 4],
    w: [2, 1, 4, 5],
    o: { padding: 'same', stride: 4 },
  },
  { name: 'stride 3, left over', x: [1, 11, 10, 3], w: [3, 3, 3, 5], o: { stride: 3 } },
  {
    name: 'uneven everything',
    x: [2, 8, 11, 5],
    w: [3, 2, 5, 7],
    o: { stride: [2, 1], dilation: [1, 3], padding: [1, 2, 0, 1] },
  },
]

interface Transposed {
  readonly name: string
  readonly x: readonly number[]
  readonly w: readonly number[]
  readonly o?: ConvTransposeOptions
}

const transposed: Transposed[] = [
  { name: '1×1', x: [2, 4, 3, 5], w: [1, 1, 7, 5] },
  { name: 'twice the size', x: [1, 4, 5, 21], w: [4, 4, 21, 21], o: { stride: 2, padding: 1 } },
  {
    name: 'output padding',
    x: [2, 6, 7, 5],
    w: [3, 3, 19, 5],
    o: { stride: 2, padding: 1, outputPadding: 1 },
  },
  {
    name: 'output padding, unpadded',
    x: [1, 3, 4, 8],
    w: [2, 2, 4, 8],
    o: { stride: [3, 4], outputPadding: [2, 1] },
  },
  {
    name: 'output padding below the dilation',
    x: [1, 3, 4, 3],
    w: [2, 3, 1, 3],
    o: { dilation: 3, outputPadding: 2 },
  },
  { name: 'stride beyond the kernel', x: [3, 3, 2, 4], w: [2, 1, 3, 4], o: { stride: [5, 3] } },
  { name: 'asymmetric', x: [1, 4, 4, 4], w: [3, 4, 8, 4], o: { stride: 2, padding: [1, 0, 2, 3] } },
  {
    name: 'padding beyond the kernel',
    x: [1, 5, 6, 3],
    w: [2, 2, 5, 3],
    o: { stride: 2, padding: [3, 4] },
  },
  {
    name: 'dilation and stride',
    x: [2, 3, 3, 5],
    w: [3, 2, 4, 5],
    o: { stride: [2, 3], dilation: [3, 2], padding: 2 },
  },
]

interface Family {
  readonly name: string
  readonly x: readonly number[]
  readonly w: readonly number[]
  f(x: Tensor, w: Tensor): Tensor
}

/** Arguments of a family, and what the interpreter makes of them, with the largest difference that rounding explains. */
function expectations({ x, w, f }: Family) {
  const [y] = traceOf((...t) => [f(t[0], t[1])], [f32(...x), f32(...w)]).outputs
  const random = randomFrom(3)
  const args = [f32(...x), f32(...w), f32(...y.shape)].map((t) => drawInput(t, random))
  const fn = (...t: Tensor[]) => [f(t[0], t[1]), ...grad(f(t[0], t[1]), t.slice(0, 2), t[2])]
  const graph = traceOf(fn, args)
  const results = interpret(graph, args).map((want, i) => {
    const { op, inputs, types, attrs } = graph.outputs[i].node
    return { want, most: tolerance(op, inputs, types, attrs, sizeOfValues(want)) }
  })
  return { fn, args, results }
}

/** Compares families with the interpreter, on every machine. */
function onAllMachines(title: string, families: readonly Family[]): void {
  const all = families.map((family) => ({
    family,
    made: undefined as ReturnType<typeof expectations> | undefined,
  }))
  for (const machine of machines)
    test(`${title} and its gradients, schedules of ${machine}`, async () => {
      const device = await deviceAs(machine)
      for (const c of all) {
        c.made ??= expectations(c.family)
        const program = device.compile(c.made.fn)
        const got = await readAll(await program.run(...c.made.args))
        program.dispose()
        c.made.results.forEach(({ want, most }, i) => {
          close(got[i], want, most, `${c.family.name} on ${machine}: ${['y', 'dx', 'dw'][i]}`)
        })
      }
    })
}

onAllMachines(
  'conv2d',
  cases.map((c) => ({ ...c, f: (x, w) => conv2d(x, w, c.o) })),
)
onAllMachines(
  'convTranspose2d',
  transposed.map((c) => ({ ...c, f: (x, w) => convTranspose2d(x, w, c.o) })),
)

test('conv2d: grids deeper than an adapter allows are cut', async () => {
  const device = await testDevice()
  // 300 · 301 phases, of which WebGPU allows 65535 in one dispatch.
  const x = constant([1, 2, 3, 4], [1, 2, 2, 1])
  const y = convTranspose2d(x, constant([1], [1, 1, 1, 1]), { stride: [300, 301] })
  assert.equal(y.shape, [1, 301, 302, 1])
  const got = Array.from(await device.read(y))
  assert.equal(
    [0, 301, 300 * 302, 300 * 302 + 301].map((i) => got[i]),
    [1, 2, 3, 4],
  )
  assert.is(got.filter((v) => v !== 0).length, 4)
})

test('convolutions: third derivatives of compositions', () => {
  const down = (x: Tensor, w: Tensor) => tanh(conv2d(x, w, { stride: 2, padding: [1, 0, 2, 1] }))
  const up = (x: Tensor, w: Tensor) =>
    tanh(convTranspose2d(x, w, { stride: 2, dilation: [1, 2], padding: 1, outputPadding: 1 }))
  checkDerivatives(
    (x, w, v) => mean(up(down(x, w), v)),
    [f32(1, 4, 3, 2), f32(2, 3, 2, 2), f32(3, 2, 1, 2)],
    3,
    'conv2d, then up',
  )
  checkDerivatives(
    (x, w, v) =>
      mean(
        tanh(
          matmul(reshape(down(up(x, w), v), [-1, 2]), reshape(v, [-1, 2]), { transposeB: true }),
        ),
      ),
    [f32(1, 2, 2, 1), f32(2, 2, 2, 1), f32(2, 2, 2, 2)],
    3,
    'up, then conv2d and matmul',
  )
})
