// Vectors that the kernels over maps make themselves: which disappear, and which must stay.

import * as assert from 'uvu/assert'
import {
  add,
  assign,
  defaultCaps,
  mul,
  normalize,
  relu,
  rsqrt,
  sub,
  sum,
  type Tensor,
  Variable,
} from '../../engine/index.ts'
import { stages } from '../../engine/stages.ts'
import { agree, drawn, f32 } from '../agree.ts'
import { test } from '../harness.ts'

type Fn = (...inputs: Tensor[]) => readonly Tensor[]

const variable = (name: string, n: number) =>
  new Variable(f32(n), () => Float32Array.from({ length: n }, (_, i) => 1 + Math.sin(i)), name)

/** Kernels of the program with vectors of n channels, which agrees with the interpreter. */
async function kernelsOf(fn: Fn, n: number, maps = 1): Promise<number> {
  const types = Array.from({ length: maps }, () => f32(2, 5, 3, n))
  const { plan } = await agree(fn, drawn(types))
  return plan.steps.length
}

/** What a batch normalisation does to a map that has been summed: its vectors are of sums, so none is an argument. */
const scaled = (w: Variable) => (x: Tensor) => {
  const [mean, square] = [sum(x, [0, 1, 2]), sum(mul(x, x), [0, 1, 2])]
  return normalize(x, mean, mul(w, rsqrt(add(square, 1))), w)
}

test('fuse: a vector that maps alone read takes no kernel', async () => {
  const w = variable('w', 8)
  const one = await kernelsOf((x) => [relu(scaled(w)(x))], 8)
  const two = await kernelsOf((x) => {
    const y = scaled(w)(x)
    return [relu(y), sum(mul(sub(y, x), 2))]
  }, 8)
  // Two sums and the map. A sum over the map makes that while it loads, and the vector must be there.
  assert.equal([one, two], [3, 5])
})

test('fuse: a vector that is returned, or of other than whole groups of four channels, stays', async () => {
  for (const [n, returned, kernels] of [
    [8, false, 3],
    [8, true, 4],
    [6, false, 4],
    [1, false, 4],
  ] as const) {
    const w = variable('w', n)
    const count = await kernelsOf((x) => {
      const [m, s] = [sum(x, [0, 1, 2]), sum(mul(x, x), [0, 1, 2])]
      const scale = mul(w, rsqrt(add(s, 1)))
      const y = relu(normalize(x, m, scale, w))
      return returned ? [y, scale] : [y]
    }, n)
    assert.ok(n === 1 || count === kernels, `${count} kernels of ${n} channels`)
  }
})

test('fuse: a vector of a variable that is overwritten before the map is made stays as it was', async () => {
  const w = variable('w', 8)
  await kernelsOf((x) => {
    const s = sum(mul(x, x), [0, 1, 2])
    const scale = mul(w, rsqrt(add(s, 1)))
    assign(w, add(mul(w, 0.5), s))
    return [relu(normalize(x, s, scale, w)), mul(x, w)]
  }, 8)
})

test('fuse: running statistics stay when the scale beside them goes, and run together', async () => {
  const make = (name: string) => ({ w: variable(`${name}.w`, 8), r: variable(`${name}.r`, 8) })
  const layers = ['a', 'b', 'c'].map(make)
  const fn = (x: Tensor) => {
    let y = x
    for (const { w, r } of layers) {
      const s = sum(mul(y, y), [0, 1, 2])
      assign(r, add(mul(r, 0.9), mul(s, 0.1)))
      y = relu(normalize(y, s, mul(w, rsqrt(add(s, 1))), w))
    }
    return [y]
  }
  // A sum and a map for each, and the statistics of all.
  assert.is(await kernelsOf(fn, 8), 2 * layers.length + 1)
})

test('fuse: a map takes in no more than a kernel may bind', () => {
  const ws = Array.from({ length: 6 }, (_, i) => variable(`w${i}`, 8))
  const fn = (x: Tensor) => {
    const s = sum(mul(x, x), [0, 1, 2])
    const scale = ws.map((w, i) => mul(w, rsqrt(add(s, 1 + i)))).reduce(add)
    return [relu(normalize(x, s, scale, s))]
  }
  const buffersOf = (maxStorageBuffers: number) => {
    const { plan } = stages(fn, [f32(2, 5, 3, 8)], { ...defaultCaps, maxStorageBuffers })
    const most = Math.max(
      ...plan.steps.flatMap((s) => s.dispatches.map((d) => d.dispatch.kernel.access.length)),
    )
    assert.ok(most <= maxStorageBuffers)
    return plan.steps.length
  }
  assert.equal([buffersOf(16), buffersOf(8)], [2, 3])
})
