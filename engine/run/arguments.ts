// What a program is called with: tensors and numbers, which it computes with, and static arguments, which decide what it
// computes. Everything is checked here, since a wrong argument would compute on whatever its buffer held before.

import { DeviceTensor } from '../device-tensor.ts'
import { type DType, type HostArray, showType, sizeOf, type TensorType } from '../dtype.ts'
import { OptionError, ShapeError } from '../errors.ts'
import { checkDType, checkShape, shown } from '../ops/refuse.ts'
import { hostTensor } from '../ops/source.ts'
import { type HostTensor, Tensor, Variable } from '../tensor.ts'

/** What a program takes: host data with a shape, a result of another program, or a number (an f32 scalar). Strings and
 * booleans are static: the function gets them as they are, and each value of them is a plan of its own. */
export type Argument = HostTensor | DeviceTensor | number | Static
/** An argument that is part of which program it is. */
export type Static = string | boolean
/** What the function of a program may take. */
export type Parameter = Tensor | Static

/** An argument that a device can bind. */
export type Value = HostTensor | DeviceTensor

export const isStatic = (x: unknown): x is Static => typeof x === 'string' || typeof x === 'boolean'

/** The arguments, numbers made tensors. Throws OptionError or ShapeError for those that no program can take. */
export function checkArguments(args: readonly Argument[]): (Value | Static)[] {
  return args.map((arg, i) => {
    if (arg instanceof DeviceTensor || isStatic(arg)) return arg
    if (typeof arg === 'number') return hostTensor(arg)
    const problem = problemOf(arg)
    if (problem) throw new OptionError(`argument ${i} is ${problem[0]}`, problem[1])
    checkData('run', `argument ${i}`, arg)
    return arg
  })
}

/** Throws OptionError when a function of `needed` parameters got fewer arguments. */
export function checkCount(given: number, needed: number): void {
  if (given >= needed) return
  const arguments_ = needed === 1 ? '1 argument' : `${needed} arguments`
  throw new OptionError(
    `the program takes ${arguments_} and got ${given}`,
    'give one for each parameter of the function; parameters with a default may be left out',
  )
}

/** Throws ShapeError for a shape or a dtype that is none. */
export function checkType(name: string, type: TensorType): void {
  checkShape(name, type?.shape)
  checkDType(name, type.dtype)
}

/** Throws ShapeError when host data does not fill its shape, or its array does not hold its dtype. */
export function checkData(op: string, name: string, { dtype, shape, data }: HostTensor): void {
  checkType(name, { dtype, shape })
  const type = `${name} ${showType({ dtype, shape })}`
  if (!ArrayBuffer.isView(data) || data instanceof DataView)
    throw new ShapeError(
      op,
      `data is a typed array, not ${Array.isArray(data) ? 'a list' : shown(data)}`,
      [type],
      '',
      `${dtype} is in a ${arraysOf[dtype][0]}`,
    )
  if (data.length !== sizeOf(shape))
    throw new ShapeError(
      op,
      `the shape needs ${sizeOf(shape)} elements and the data has ${data.length}`,
      [type],
      '',
    )
  const array = data[Symbol.toStringTag]
  if (arraysOf[dtype].includes(array)) return
  const hint = dtype === 'f16' ? 'f16 travels as its bits' : 'nothing is converted silently'
  throw new ShapeError(op, `${dtype} is no ${array}`, [type], '', hint)
}

/** Names of the arrays that hold a dtype. */
const arraysOf: Record<DType, readonly string[]> = {
  f32: ['Float32Array'],
  f16: ['Uint16Array', 'Float16Array'],
  i32: ['Int32Array'],
  u32: ['Uint32Array'],
  u8: ['Uint8Array', 'Uint8ClampedArray'],
}

function problemOf(arg: unknown): [is: string, hint: string] | undefined {
  if (arg instanceof Variable)
    return [`the variable ${arg.name}`, 'use it inside the function: programs read variables there']
  if (arg instanceof Tensor)
    return ['a lazy tensor', 'use it inside the function, or pass the result of a program']
  if (arg instanceof Promise)
    return ['a promise', 'wait for the result first: await program.run(…)']
  if (Array.isArray(arg) || ArrayBuffer.isView(arg))
    return ['data without a shape', 'wrap it: hostTensor(data, shape)']
  const { data, shape, dtype } = (arg ?? {}) as Partial<HostTensor>
  if (ArrayBuffer.isView(data) && Array.isArray(shape) && dtype) return undefined
  const what = arg === null ? 'null' : arg === undefined ? 'undefined' : `of type ${typeof arg}`
  return [
    what,
    'pass hostTensor(data, shape), a result of a program, a number, or a static string or boolean',
  ]
}

/** Throws OptionError for what a device cannot read: it is no tensor. */
export function checkReadable(t: unknown): void {
  if (t instanceof Tensor || t instanceof Variable || t instanceof DeviceTensor) return
  const [problem, hint] = readProblem(t)
  throw new OptionError(`only a tensor can be read, not ${problem}`, hint)
}

function readProblem(t: unknown): [problem: string, hint: string] {
  if (t instanceof Promise) return ['a promise', 'wait for it first: read(await program.run(…))']
  if (ArrayBuffer.isView((t as Partial<HostTensor> | undefined)?.data))
    return ['host data', 'its numbers are in data']
  if (Array.isArray(t)) return ['a list', 'read its tensors one by one']
  return [t === null ? 'null' : typeof t, 'a program gives tensors, and so do the ops']
}

/** Types without whatever else their owners carry; static arguments stand for themselves. Throws ShapeError for what is no type. */
export const typesOf = (args: readonly (TensorType | Static)[]): (TensorType | Static)[] =>
  args.map((a, i) => {
    if (isStatic(a)) return a
    checkType(`argument ${i}`, a)
    return { dtype: a.dtype, shape: a.shape }
  })

/** Equal for arguments of the same program. */
export const keyOf = (types: readonly (TensorType | Static)[]): string =>
  types.map((t) => (isStatic(t) ? JSON.stringify(t) : showType(t))).join()

/** Arguments for a run that has to wait, whatever the caller does with its own meanwhile: host data is copied, and device
 * tensors get a second handle, which `release` disposes. Throws DeviceError for a tensor that is disposed. */
export function keptForLater(values: readonly Value[]): {
  readonly values: readonly Value[]
  readonly release: () => void
} {
  const tensors = new Set(values.filter((v) => v instanceof DeviceTensor))
  for (const t of tensors) t.checkAlive()
  const handles = new Map([...tensors].map((t) => [t, t.share()]))
  const release = () => {
    for (const handle of handles.values()) handle.dispose()
  }
  const kept = values.map((v): Value => {
    if (v instanceof DeviceTensor) return handles.get(v)!
    return { dtype: v.dtype, shape: v.shape, data: v.data.slice() as HostArray }
  })
  return { values: kept, release }
}
