// Every function with its tensors of every dtype, and empty along every axis: it is refused in its own name, or the device
// gives what the interpreter does, and so it is with the gradients.

import * as assert from 'uvu/assert'
import * as engine from '../../engine/index.ts'
import { interpret } from '../../engine/reference/index.ts'
import * as nn from '../../nn/index.ts'
import { close } from '../checks.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'
import { calls } from '../misuses/calls.ts'

const { cast, grad, Tensor } = engine
const dtypes = ['f32', 'f16', 'i32', 'u32', 'u8'] as const
type Args = readonly unknown[]

/** A few small numbers, whole ones for integers. */
function filled(dtype: engine.DType, shape: engine.Shape): engine.Tensor {
  const data = engine.hostArray(dtype, engine.sizeOf(shape))
  const halves = [0x3c00, 0x3e00, 0x4100] // 1, 1.5, 2.5
  for (let i = 0; i < data.length; i++)
    data[i] = dtype === 'f16' ? halves[i % 3] : (i % 3) + (dtype === 'f32' ? 0.25 : 0)
  return engine.constant(data, shape)
}

const tensorsIn = (y: unknown): engine.Tensor[] =>
  y instanceof Tensor
    ? [y]
    : Array.isArray(y) || isPlain(y)
      ? Object.values(y).flatMap(tensorsIn)
      : []
const isPlain = (x: unknown): x is object => !!x && Object.getPrototypeOf(x) === Object.prototype

/** The arguments with `change` of each tensor that it is not undefined for, one at a time and all at once. */
function changed(args: Args, change: (x: engine.Tensor) => engine.Tensor | undefined): Args[] {
  const all = (arg: unknown): unknown =>
    arg instanceof Tensor ? (change(arg) ?? arg) : Array.isArray(arg) ? arg.map(all) : arg
  const one = (list: Args): Args[] =>
    list.flatMap((arg, i) => {
      if (Array.isArray(arg)) return one(arg).map((part) => list.toSpliced(i, 1, part))
      const other = arg instanceof Tensor && change(arg)
      return other ? [list.toSpliced(i, 1, other)] : []
    })
  return [...one(args), args.map(all)]
}

const variants = (zeros: Args, hasF16: boolean): Args[] => {
  const some = dtypes.filter((dtype) => hasF16 || dtype !== 'f16')
  const args = changed(zeros, (x) => filled(x.dtype, x.shape)).slice(-1)[0]
  return [
    ...some.flatMap((dtype) => changed(args, ({ shape }) => filled(dtype, shape))),
    ...some.flatMap((dtype) =>
      changed(args, (x) => (x.dtype === 'f32' ? filled(dtype, x.shape) : undefined)).slice(-1),
    ),
    ...[0, 1, 2, 3].flatMap((axis) =>
      changed(args, ({ dtype, shape }) =>
        axis < shape.length ? filled(dtype, shape.with(axis, 0)) : undefined,
      ),
    ),
  ]
}

const all: Readonly<Record<string, unknown>> = { ...engine, ...nn }
const isFloat = (x: engine.Tensor) => x.dtype === 'f32' || x.dtype === 'f16'

/** What a call gives, and the gradients of its first result; nothing where it is refused. */
function results(name: string, args: Args): engine.Tensor[] {
  const f = all[name] as (...args: Args) => unknown
  let ys: engine.Tensor[]
  try {
    ys = tensorsIn(f(...args))
  } catch (error) {
    assert.instance(error, engine.AtrousError, `${name}(${args}): ${error}`)
    assert.is((error as Error).message.split(':')[0], name)
    return []
  }
  const y = ys.find(isFloat)
  const inputs = tensorsIn(args).filter(isFloat)
  // Bicubic resizing has none.
  if (!y || !inputs.length || name === 'resizeBicubic') return ys
  return [...ys, ...grad(y, inputs, cast(filled('f32', y.shape), y.dtype))]
}

for (const [name, call] of Object.entries(calls).filter(([name]) => name !== 'assign'))
  test(`${name}: every dtype and empty tensors are refused, or right`, async () => {
    const device = await testDevice()
    const wide = (t: engine.Tensor) => (t.dtype === 'f16' ? cast(t, 'f32') : t)
    let ys: readonly engine.Tensor[] = []
    const step = device.compile(() => {
      ys = variants(call(), device.caps.f16).flatMap((args) => results(name, args))
      return ys.map(wide)
    })
    const outputs = await step.run()
    for (const [i, expected] of interpret(ys).entries()) {
      const got = Float64Array.from(await outputs[i].read())
      // A few roundings.
      const most =
        (ys[i].dtype === 'f16' ? 2 ** -8 : 2 ** -18) * Math.max(1, ...expected.map(Math.abs))
      close(got, expected, most, `${i} ${engine.showType(ys[i])}`)
      outputs[i].dispose()
    }
    step.dispose()
  })
