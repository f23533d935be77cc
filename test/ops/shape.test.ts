// Moving elements: for every dtype the bits that arrive are those that left, wherever the interpreter says that they go.

import * as assert from 'uvu/assert'
import {
  add,
  concat,
  constant,
  type DType,
  expandDims,
  flip,
  grad,
  type HostArray,
  hostArray,
  iota,
  mul,
  pad,
  padReflect,
  padReplicate,
  permute,
  roll,
  sizeOf,
  slice,
  split,
  square,
  squeeze,
  stack,
  sum,
  swapAxes,
  type Tensor,
  tile,
} from '../../engine/index.ts'
import type { PointwiseOp } from '../../engine/op.ts'
import { interpret, randomFrom } from '../../engine/reference/index.ts'
import type { Node } from '../../engine/tensor.ts'
import { agree, drawn, f32 } from '../agree.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'

type Move = (x: Tensor) => Tensor

/** Elements of any bits, but no NaN, whose bits a driver may change, and no f16 or f32 below the normal ones, which it
 * may flush. */
function anyBits(dtype: DType, count: number): HostArray {
  const random = randomFrom(count)
  const data = hostArray(dtype, count)
  for (let i = 0; i < count; i++) {
    if (dtype === 'f16') data[i] = 0x3c00 + Math.floor(random() * 0x800)
    else data[i] = dtype === 'f32' ? random() - 0.5 : Math.floor(random() * 2 ** 32)
  }
  return data
}

/** Checks a move of elements, with 0 where there was none, on every dtype. */
async function moves(move: Move, shape: readonly number[], what: string): Promise<void> {
  const d = await testDevice()
  const count = sizeOf(shape)
  const y = move(
    constant(
      Float32Array.from({ length: count }, (_, i) => i + 1),
      shape,
    ),
  )
  const from = interpret([y])[0]
  for (const dtype of ['f32', 'i32', 'u32', 'u8', 'f16'] as const) {
    if (dtype === 'f16' && !d.caps.f16) continue
    const data = anyBits(dtype, count)
    const moved = move(constant(data, shape))
    assert.equal(moved.shape, y.shape)
    assert.is(moved.dtype, dtype)
    const got = Array.from(await d.read(moved))
    const want = Array.from(from, (i) => (i ? data[i - 1] : 0))
    assert.equal(got, want, `${what} of ${dtype}[${shape}]`)
  }
}

const cases: [name: string, shape: number[], move: Move][] = [
  ['permute', [3, 5, 7], (x) => permute(x, [2, 0, 1])],
  ['permute', [2, 3, 1, 2, 5, 3], (x) => permute(x, [5, 3, 0, 2, 4, 1])],
  ['permute', [2, 1, 3, 2, 1, 2, 2, 3], (x) => permute(x, [7, 6, 5, 4, 3, 2, 1, 0])],
  ['swapAxes', [3, 2, 5], (x) => swapAxes(x, 0, -1)],
  ['flip', [3, 5, 7], (x) => flip(x, [0, 2])],
  ['flip', [13], (x) => flip(x, [0])],
  ['roll', [3, 5, 7], (x) => roll(x, [-2, 1], [0, 2])],
  ['roll', [3, 5, 7], (x) => roll(x, [-1000001], [1])],
  ['roll', [4, 4, 8], (x) => roll(x, [4, 2, 9], [2, 0, 0])],
  ['slice with strides', [7, 11], (x) => slice(x, [1, 2], [7, 10], [2, 3])],
  ['slice', [5, 9], (x) => slice(x, [-3], [-1])],
  ['slice backwards', [7, 11], (x) => slice(x, [5, -1], [1, undefined], [-2, -3])],
  ['slice backwards', [6], (x) => slice(x, [undefined], [], [-1])],
  ['slice backwards', [6], (x) => slice(x, [4], [-7], [-4])],
  ['pad', [3, 5], (x) => pad(x, [1, 2], [0, 3])],
  ['pad and crop', [5, 5, 3], (x) => pad(x, [-1, 2, 0], [3, -2, 1])],
  ['padReflect', [4, 5, 3], (x) => padReflect(x, [3, 0, 2], [1, 4, 0])],
  ['padReplicate', [3, 5], (x) => padReplicate(x, [2, 0], [1, 6])],
  ['padReplicate', [1, 4, 8], (x) => padReplicate(x, [3, 1, 0], [0, 2, 8])],
  ['tile', [3, 5], (x) => tile(x, [2, 3])],
  ['tile', [3, 1, 2], (x) => tile(x, [3, 1, 2, 4])],
  ['expandDims', [3, 5], (x) => expandDims(expandDims(x, 0), -1)],
  ['squeeze', [1, 3, 1, 5], (x) => squeeze(x, [-2])],
  ['concat', [3, 5, 3], (x) => concat([x, flip(x, [1]), slice(x, [0, 0, 1])], 2)],
  ['concat', [3, 5], (x) => concat([x, slice(x, [0, 2]), slice(x, [0, 4])], -1)],
  ['concat of twenty', [2, 3], (x) => concat(new Array<Tensor>(20).fill(x), 1)],
  ['concat', [5, 3], (x) => concat([x, slice(x, [3])], 0)],
  ['stack', [3, 5], (x) => stack([x, flip(x, [0]), x], -1)],
  ['stack', [], (x) => stack([x, x, x])],
  ['split and concat', [7, 3], (x) => concat(split(x, [1, 4, 2]).reverse(), 0)],
  ['split and stack', [3, 10], (x) => stack(split(x, 5, 1), 1)],
]

for (const [name, shape, move] of cases)
  test(`${name} moves [${shape}] of every dtype`, () => moves(move, shape, name))

test('moves of more elements than workgroups fit into one dimension', async () => {
  const d = await testDevice()
  const n = 4_300_001
  const data = Float32Array.from({ length: n }, (_, i) => i)
  const got = await d.read(roll(concat([constant(data), constant([-1, -2])], 0), [3], [0]))
  assert.is(got.length, n + 2)
  assert.equal(Array.from(got.subarray(0, 6)), [n - 1, -1, -2, 0, 1, 2])
  assert.ok(got.subarray(3).every((v, i) => v === i))
})

test('iota: sizes that f32 does not hold', async () => {
  const d = await testDevice()
  const last = await d.read(slice(iota([2, 2 ** 24 + 1], 0), [0, 2 ** 24]))
  assert.equal(Array.from(last), [0, 1])
})

test('iota: the interpreter rounds what f32 does not hold, as the device does', async () => {
  const d = await testDevice()
  const all = iota([2 ** 24 + 4], 0)
  const last = await d.read(slice(all, [2 ** 24]))
  const { op, attrs } = all.node as Node & { op: PointwiseOp }
  const types = { types: [], out: 'f32' } as const
  const expected = Array.from(last, (_, i) => op.reference([], attrs, 2 ** 24 + i, types))
  assert.equal(expected, [2 ** 24, 2 ** 24, 2 ** 24 + 2, 2 ** 24 + 4])
  assert.equal(Array.from(last), expected)
})

test('views make no kernels', async () => {
  const d = await testDevice()
  const program = d.compile((x: Tensor) => squeeze(expandDims(add(x, 1), 1)))
  const { plan } = program.stages(f32(3, 5))
  assert.is(plan.steps.length, 1)
  program.dispose()
})

test('squeeze without a list takes all axes of size 1', () => {
  assert.equal(squeeze(constant([1, 2], [1, 2, 1])).shape, [2])
  assert.equal(squeeze(constant([1], [1, 1])).shape, [])
})

test('what moves nothing is the tensor itself', () => {
  const x = constant([1, 2, 3, 4], [2, 2])
  for (const y of [
    roll(x, [2, -4], [0, 1]),
    slice(x, [0, 0], [2]),
    permute(x, [0, 1]),
    padReplicate(x, [0, 0], [0, 0]),
    split(x, 1)[0],
  ])
    assert.is(y, x)
})

test('moving nothing at all', async () => {
  const d = await testDevice()
  const none = constant(new Float32Array(0), [0, 3])
  for (const y of [
    flip(none, [0]),
    roll(none, [1, 1], [0, 1]),
    concat(split(none, 3, 1), 0),
    tile(none, [2, 1]),
    squeeze(slice(none, [0, 1], [0, 2])),
  ])
    assert.is((await d.read(y)).length, 0)
  assert.equal(Array.from(await d.read(concat([none, constant([1, 2, 3], [1, 3])], 0))), [1, 2, 3])
  assert.equal(Array.from(await d.read(pad(none, [1, 0], [0, -2], 7))), [7])
})

test('split gives the parts in order', async () => {
  const d = await testDevice()
  const [a, b] = split(constant([1, 2, 3, 4, 5, 6], [2, 3]), [1, 2], 1)
  assert.equal(Array.from(await d.read(a)), [1, 4])
  assert.equal(Array.from(await d.read(b)), [2, 3, 5, 6])
})

test('moving: gradients of gradients, on the device too', () =>
  agree(
    (x, w) => {
      const parts = split(roll(x, [2, -1], [0, 1]), [1, 3], 1)
      const y = concat(
        [
          padReplicate(parts[1], [1, 2], [2, 1]),
          padReflect(slice(tile(x, [2, 1]), [8, 0], [undefined, 3], [-2, 1]), [1, 2], [2, 1]),
          pad(swapAxes(stack([parts[0], parts[0]], 1), 0, 2), [-0, 0, 1], [6, 1, 0]).shape.length
            ? slice(tile(x, [2, 2]), [0], [8])
            : x,
        ].map((t) => slice(t, [0, 0], [7, 6])),
        1,
      )
      const [dx] = grad(sum(square(mul(y, w))), [x])
      return [y, dx, ...grad(sum(square(dx)), [x, w])]
    },
    drawn([f32(5, 4), f32(7, 18)]),
  ))
