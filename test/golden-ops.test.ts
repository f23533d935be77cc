// Single operators against an independent peer: the result and every gradient, in the layout of the case.

import assert from 'node:assert/strict'
import { grad } from '../engine/grad.ts'
import * as ops from '../engine/index.ts'
import type { HostTensor, Tensor } from '../engine/tensor.ts'
import { testDevice } from './device.ts'
import { type GoldenCase, goldenCases, permuted } from './goldens.ts'
import { test } from './harness.ts'

type Inputs = Readonly<Record<string, Tensor>>
// biome-ignore lint/suspicious/noExplicitAny: the attributes differ from operator to operator
type Attributes = Readonly<Record<string, any>>
type Build = (x: Inputs, a: Attributes) => Tensor

const unary =
  (f: (x: Tensor) => Tensor): Build =>
  ({ x }) =>
    f(x)
const binary =
  (f: (a: Tensor, b: Tensor) => Tensor): Build =>
  ({ a, b }) =>
    f(a, b)

/** The peer's softmax takes any axis; ours the last. */
const lastAxis =
  (f: (x: Tensor) => Tensor): Build =>
  ({ x }, { axis }) => {
    const order = x.shape.map((_, i) => i).filter((i) => i !== axis)
    const back = x.shape.map((_, i) => [...order, axis].indexOf(i))
    return ops.permute(f(ops.permute(x, [...order, axis])), back)
  }
const reduction =
  (f: typeof ops.sum): Build =>
  ({ x }, { axes, axis, keepdim }) =>
    f(x, axes ?? (axis === undefined ? undefined : [axis]), { keepDims: keepdim })

const builds: Record<string, Build> = {
  add: binary(ops.add),
  sub: binary(ops.sub),
  mul: binary(ops.mul),
  div: binary(ops.div),
  maximum: binary(ops.maximum),
  minimum: binary(ops.minimum),
  where: ({ cond, a, b }) => ops.where(cond, a, b),
  exp: unary(ops.exp),
  log: unary(ops.log),
  sqrt: unary(ops.sqrt),
  rsqrt: unary(ops.rsqrt),
  abs: unary(ops.abs),
  neg: unary(ops.neg),
  square: unary(ops.square),
  sigmoid: unary(ops.sigmoid),
  tanh: unary(ops.tanh),
  relu: unary(ops.relu),
  reciprocal: unary((x) => ops.div(1, x)),
  sum: reduction(ops.sum),
  mean: reduction(ops.mean),
  max: reduction(ops.max),
  min: reduction(ops.min),
  softmax: lastAxis(ops.softmax),
  log_softmax: lastAxis(ops.logSoftmax),
  matmul: ({ a, b }, { transpose_a: ta, transpose_b: tb }) =>
    ops.matmul(ta ? ops.transpose(a) : a, tb ? ops.transpose(b) : b),
  broadcast_to: ({ x }, { shape }) => ops.broadcastTo(x, shape),
  reshape: ({ x }, { shape }) => ops.reshape(x, shape),
  permute: ({ x }, { perm }) => ops.permute(x, perm),
  flip: ({ x }, { axes }) => ops.flip(x, axes),
  concat: (x, { axis }) =>
    ops.concat(
      Object.keys(x)
        .sort()
        .map((k) => x[k]),
      axis,
    ),
  slice: ({ x }, { start_stop_step: parts }) => {
    const column = (i: number) => parts.map((p: number[]) => p[i])
    return ops.slice(x, column(0), column(1), column(2))
  },
  conv2d: ({ x, w, b }, { stride, dilation, padding, padding_mode: mode }) => {
    const [top, bottom, left, right] = padding ?? []
    const y = ops.conv2d(x, w, {
      stride,
      dilation,
      padding: mode === 'same' ? 'same' : [top, left, bottom, right],
    })
    return b ? ops.add(y, b) : y
  },
  max_pool2d: ({ x }, { kernel, stride, padding, dilation, ceil_mode: ceil }) =>
    ops.maxPool2d(x, { kernel, stride, padding, dilation, ceil }),
  repeat_upsample: ({ x }, { factor }) => ops.repeatUpsample(x, factor),
  bilinear_resize: ({ x }, { size, align_corners: corners }) =>
    ops.resizeBilinear(x, size, corners ? 'align-corners' : 'half-pixel'),
  pad2d: ({ x }, { mode, padding: [top, bottom, left, right], value }) => {
    const [before, after] = [
      [0, top, left, 0],
      [0, bottom, right, 0],
    ]
    return mode === 'reflect' ? ops.padReflect(x, before, after) : ops.pad(x, before, after, value)
  },
}

/** Edge padding is not built yet. */
const later = (c: GoldenCase): boolean => c.attributes.mode === 'replicate'

const isMap = (c: GoldenCase, shape: readonly number[]) =>
  c.layout.startsWith('NCHW') && shape.length === 4

function inputOf(c: GoldenCase, name: string): HostTensor {
  const plain = c.plain(name)
  if (!isMap(c, plain.shape)) return plain
  return name === 'w' ? c.hwio(name) : c.nhwc(name)
}

const stored = (c: GoldenCase, name: string, got: HostTensor): HostTensor => {
  if (!isMap(c, got.shape)) return got
  return permuted(got, name === 'w' ? [3, 2, 0, 1] : [0, 3, 1, 2])
}

async function check(c: GoldenCase, build: Build): Promise<void> {
  const device = await testDevice()
  const names = [...c.tensors.keys()].filter((n) => c.role(n) === 'input' || c.role(n) === 'param')
  const wanted = names.filter((n) => c.has(`d_${n}`))
  const hasSeed = c.has('gy')
  const program = device.compile((...tensors: Tensor[]) => {
    const inputs = Object.fromEntries(names.map((n, i) => [n, tensors[i]]))
    const y = build(inputs, c.attributes)
    const seed = hasSeed ? ops.reshape(tensors[names.length], y.shape) : undefined
    const grads = wanted.length
      ? grad(
          y,
          wanted.map((n) => inputs[n]),
          seed,
        )
      : []
    return [y, ...grads]
  })
  const args = names.map((n) => inputOf(c, n))
  if (hasSeed) args.push(inputOf(c, 'gy'))
  const results = (await program.run(...args)) as unknown as ops.DeviceTensor[]
  for (const [i, name] of ['y', ...wanted].entries()) {
    const { shape } = results[i]
    const got = stored(c, name, { dtype: 'f32', shape, data: await results[i].read() })
    c.check(name === 'y' ? 'y' : `d_${name}`, got.data)
    results[i].dispose()
  }
  program.dispose()
}

for (const [op, build] of Object.entries(builds))
  test(`golden ${op}: results and gradients`, async () => {
    const cases = goldenCases(op).filter((c) => !later(c))
    assert.ok(cases.length > 0)
    for (const c of cases) await check(c, build)
  })

test('golden argmax: the first of equals', async () => {
  const device = await testDevice()
  for (const c of goldenCases('argmax')) {
    const x = c.plain('x')
    const { axis } = c.attributes
    const order = x.shape.map((_, i) => i).filter((i) => i !== axis)
    const t = ops.argmax(ops.permute(ops.constant(x.data, x.shape), [...order, axis]))
    c.check('y', await device.read(t))
  }
})
