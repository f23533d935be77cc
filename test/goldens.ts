// Golden cases: reference numbers from an independent peer, read as `../shared/goldens/README.md` says. Data there are
// NCHW and OIHW; here they are turned into the library's NHWC and HWIO, and back for the comparison.

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type HostArray, type Shape, sizeOf, stridesOf } from '../engine/dtype.ts'
import { hostTensor } from '../engine/ops/source.ts'
import type { HostTensor } from '../engine/tensor.ts'
import { readSafetensors, type SafeTensor } from '../train/safetensors.ts'
import { needShared } from './harness.ts'

interface Entry {
  readonly id: string
  readonly op: string
  readonly file: string
  readonly layout: string
  readonly tensors: readonly { readonly name: string; readonly role: string }[]
  readonly attributes: Readonly<Record<string, unknown>>
  readonly tolerance: {
    readonly default: number
    readonly per_tensor?: Readonly<Record<string, number>>
  }
}

/** A line of a network case's parameter list. */
export interface GoldenParameter {
  readonly ordinal: number
  readonly name: string
  readonly shape: Shape
  readonly kind: string
  readonly offset: number
  readonly scale: number
}

/** What stands beside a network case. */
export interface GoldenNetwork {
  readonly seed: number
  readonly gradient_order: readonly string[]
  readonly activations: readonly { readonly name: string; readonly shape: Shape }[]
  readonly buffers?: readonly string[]
  readonly parameters: readonly GoldenParameter[]
}

/** All cases of an operator. The running test is skipped where the golden values are not here. */
export function goldenCases(op: string): GoldenCase[] {
  const root = needShared('goldens')
  const index = JSON.parse(readFileSync(join(root, 'index.json'), 'utf8'))
  return (index.cases as Entry[]).filter((c) => c.op === op).map((c) => new GoldenCase(root, c))
}

/** One case by its id. */
export function goldenCase(id: string): GoldenCase {
  const root = needShared('goldens')
  const index = JSON.parse(readFileSync(join(root, 'index.json'), 'utf8'))
  const entry = (index.cases as Entry[]).find((c) => c.id === id)
  assert.ok(entry, `no golden case ${id}`)
  return new GoldenCase(root, entry)
}

export class GoldenCase {
  readonly id: string
  // biome-ignore lint/suspicious/noExplicitAny: the attributes differ from operator to operator
  readonly attributes: Readonly<Record<string, any>>
  readonly tensors: ReadonlyMap<string, SafeTensor>
  readonly #root: string
  readonly #entry: Entry

  constructor(root: string, entry: Entry) {
    const file = join(root, entry.file)
    this.id = entry.id
    this.attributes = entry.attributes
    this.tensors = readSafetensors(readFileSync(file), file).tensors
    this.#root = root
    this.#entry = entry
  }

  get layout(): string {
    return this.#entry.layout
  }

  /** `input`, `param`, `upstream`, `output`, … */
  role(name: string): string | undefined {
    return this.#entry.tensors.find((t) => t.name === name)?.role
  }

  has(name: string): boolean {
    return this.tensors.has(name)
  }

  shape(name: string): Shape {
    return this.#get(name).shape
  }

  /** As stored, whatever the layout. */
  plain(name: string): HostTensor {
    const { data, shape } = this.#get(name)
    return hostTensor(data as HostArray, shape)
  }

  /** Numbers as stored. */
  values(name: string): number[] {
    return Array.from(this.#get(name).data, Number)
  }

  /** An activation [n, c, h, w] as [n, h, w, c]. */
  nhwc(name: string): HostTensor {
    return permuted(this.plain(name), [0, 2, 3, 1])
  }

  /** A weight [o, i, h, w] as [h, w, i, o]. */
  hwio(name: string): HostTensor {
    return permuted(this.plain(name), [2, 3, 1, 0])
  }

  /** Labels as bytes; what does not fit a byte becomes `ignore`. */
  labels(name = 'labels', ignore = 255): HostTensor {
    const data = Uint8Array.from(this.values(name), (v) => (v >= 0 && v < 256 ? v : ignore))
    return hostTensor(data, this.shape(name))
  }

  tolerance(name: string): number {
    const { default: general, per_tensor: single } = this.#entry.tolerance
    return single?.[name] ?? general
  }

  /** The parameter list of a network case. */
  network(): GoldenNetwork {
    const file = join(this.#root, this.#entry.file.replace(/safetensors$/, 'params.json'))
    assert.ok(existsSync(file), `${this.id} is no network case`)
    return JSON.parse(readFileSync(file, 'utf8'))
  }

  /** Compares with the stored tensor, in its layout; returns the relative error. Integers must be equal. */
  check(name: string, got: ArrayLike<number>, tolerance = this.tolerance(name)): number {
    const want = this.values(name)
    if (this.#get(name).dtype === 'F32') return close(got, want, tolerance, `${this.id} ${name}`)
    assert.deepEqual(Array.from(got), want, `${this.id} ${name}`)
    return 0
  }

  /** As `check`, for an activation [n, h, w, c] of a case that stores [n, c, h, w]. */
  checkNhwc(name: string, got: HostTensor, tolerance?: number): number {
    return this.check(name, permuted(got, [0, 3, 1, 2]).data, tolerance)
  }

  #get(name: string): SafeTensor {
    const found = this.tensors.get(name)
    assert.ok(found, `${this.id} has no tensor ${name}`)
    return found
  }
}

/** Relative L2 error, which must be within `tolerance`; no single value may be off by more than 100 times as much of
 * the largest one. */
export function close(
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  tolerance: number,
  what: string,
): number {
  assert.equal(got.length, want.length, `${what}: number of values`)
  let [off, norm, worst, largest] = [0, 0, 0, 0]
  for (let i = 0; i < want.length; i++) {
    const d = Math.abs(got[i] - want[i])
    assert.ok(!Number.isNaN(d), `${what}: value ${i} is ${got[i]} for ${want[i]}`)
    off += d * d
    norm += want[i] * want[i]
    worst = Math.max(worst, d)
    largest = Math.max(largest, Math.abs(want[i]))
  }
  const error = Math.sqrt(off) / Math.max(Math.sqrt(norm), 1e-6 * Math.sqrt(want.length))
  if (process.env['GOLDEN_ERRORS']) console.log(`${what}: ${error.toExponential(2)}`)
  if (largest === 0) assert.ok(worst <= 1e-6, `${what}: ${worst} where all is 0`)
  else {
    assert.ok(error <= tolerance, `${what}: relative error ${error}, allowed ${tolerance}`)
    assert.ok(worst <= 100 * tolerance * largest, `${what}: one value is off by ${worst}`)
  }
  return error
}

/** Axis i of the result is axis perm[i] of `t`. */
export function permuted(t: HostTensor, perm: readonly number[]): HostTensor {
  const shape = perm.map((axis) => t.shape[axis])
  const strides = stridesOf(t.shape)
  const steps = perm.map((axis) => strides[axis])
  const data = t.data.slice()
  const at = shape.map(() => 0)
  for (let to = 0, from = 0; to < data.length; to++) {
    data[to] = t.data[from]
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += steps[axis]
      if (++at[axis] < shape[axis]) break
      from -= steps[axis] * shape[axis]
      at[axis] = 0
    }
  }
  return hostTensor(data, shape)
}

/** Values of a parameter by the recipe of the network cases, in row-major order of the stored shape. */
export function recipeValues(
  seed: number,
  { ordinal, shape, offset, scale }: Omit<GoldenParameter, 'name' | 'kind'>,
): HostTensor {
  const draw = recipeBits(seed, ordinal)
  const data = Float32Array.from({ length: sizeOf(shape) }, (_, i) =>
    Math.fround(offset + Math.fround((2 * ((draw(i) >>> 8) / 16777216) - 1) * scale)),
  )
  return hostTensor(data, shape)
}

function recipeBits(seed: number, ordinal: number): (i: number) => number {
  const base = fmix32(
    (Math.imul(seed, 0x9e3779b9) + Math.imul(ordinal, 0x85ebca6b) + 0x165667b1) >>> 0,
  )
  return (i) => fmix32((i + base) >>> 0)
}

function fmix32(value: number): number {
  let h = value | 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
