// What every shader template returns, and the snippets that all of them share: loads, stores, tails.
//
// Conventions of all kernels
// - Binding 0 is a uniform block of 32-bit words (`var<uniform> p: Params`); bindings 1… are storage buffers,
//   in the order of `access`. Sizes, strides and offsets are in the uniform block, so that a new image size
//   compiles nothing; only structure is in the text, and `key` names that structure completely.
// - A storage buffer is declared `array<T>` or `array<vec4<T>>`. The same bytes may be bound either way.
// - u8 values are packed four to a word.

import type { Tuned } from './problem-class.ts'

/** How one storage binding is declared. Activations live in shared slabs and are always bound
 * `read_write` (WebGPU then allows disjoint ranges of one buffer in one dispatch); parameters and
 * inputs have buffers of their own and are bound `read`. */
export type Access = 'read' | 'read_write'

/** Element types in memory. */
export type Elem = 'f32' | 'f16' | 'i32' | 'u32' | 'u8'

export type FloatElem = 'f32' | 'f16'

/** A compute shader, ready to be made a pipeline (entry point `main`). Equal keys mean equal code. */
export interface Kernel {
  readonly key: string
  readonly code: string
  /** Storage bindings 1…, in order. */
  readonly access: readonly Access[]
  /** Optional features that the code enables. */
  readonly features?: readonly ('subgroups' | 'shader-f16')[]
}

/** The type that an element has in registers: u8 becomes u32 and f16 becomes f32. */
export const register = (elem: Elem): 'f32' | 'i32' | 'u32' =>
  elem === 'f16' ? 'f32' : elem === 'u8' ? 'u32' : elem

/** WGSL declaration of storage binding `slot` (1…) named `name`; `vec` binds it as vec4s. */
export function declare(
  slot: number,
  name: string,
  access: Access,
  elem: Elem,
  vec: boolean,
): string {
  const scalar = elem === 'u8' ? 'u32' : elem
  const type = vec && elem !== 'u8' ? `vec4<${scalar}>` : scalar
  return `@group(0) @binding(${slot}) var<storage, ${access}> ${name}: array<${type}>;`
}

/** WGSL of the vec4 of registers at elements 4·i4 … 4·i4+3 of a buffer declared with `vec` true. */
export function loadVec(name: string, elem: Elem, i4: string): string {
  if (elem === 'u8') return `((vec4u(${name}[${i4}]) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(255u))`
  if (elem === 'f16') return `vec4f(${name}[${i4}])`
  return `${name}[${i4}]`
}

/** WGSL of the register at element i of a buffer declared with `vec` false. */
export function loadScalar(name: string, elem: Elem, i: string): string {
  if (elem === 'u8') return `((${name}[(${i}) / 4u] >> (((${i}) % 4u) * 8u)) & 255u)`
  if (elem === 'f16') return `f32(${name}[${i}])`
  return `${name}[${i}]`
}

/** WGSL statement that stores a vec4 of registers at elements 4·i4 … of a buffer declared with `vec` true. */
export function storeVec(name: string, elem: Elem, i4: string, value: string): string {
  if (elem === 'u8')
    return `{ let b = ${value} & vec4u(255u); ${name}[${i4}] = b.x | (b.y << 8u) | (b.z << 16u) | (b.w << 24u); }`
  if (elem === 'f16') return `${name}[${i4}] = vec4<f16>(${value});`
  return `${name}[${i4}] = ${value};`
}

/** WGSL statement that stores a register at element i of a buffer declared with `vec` false; not of u8, which share words. */
export const storeScalar = (name: string, elem: Exclude<Elem, 'u8'>, i: string, value: string) =>
  `${name}[${i}] = ${elem === 'f16' ? `f16(${value})` : value};`

/** How a tail operand is addressed at output element (row m, channel n) of an [m, n] output. */
export type OperandMode = 'same' | 'channel' | 'scalar'

/** A tensor that a tail reads. */
export interface Operand {
  readonly access: Access
  readonly elem: Elem
  readonly mode: OperandMode
}

/** Fused pointwise work at the end of a structured kernel (bias, affine, ReLU, residual add, …): it
 * turns the kernel's own value, four neighbouring channels in one vec4f, into the values to store. */
export interface Tail {
  /** '' for the identity tail. */
  readonly key: string
  readonly operands: readonly Operand[]
  /** Element type of each output; the identity tail has one f32. */
  readonly outputs: readonly Elem[]
  /** Given the name of the vec4f that holds the kernel's value and those of the loaded operands (vec4s of
   * their register types), statements and one vec4 expression per output. */
  emit(value: string, operands: readonly string[]): { code: string; results: readonly string[] }
}

/** The tail that stores the value as it is. */
export const identityTail: Tail = {
  key: '',
  operands: [],
  outputs: ['f32'],
  emit: (value) => ({ code: '', results: [value] }),
}

/** What a kernel may know of the machine when it chooses its schedule. */
export interface Caps {
  readonly kind: 'discrete' | 'integrated' | 'lavapipe' | 'swiftshader' | 'unknown'
  /** Fixed subgroup size, or 0 where subgroups are absent or vary. */
  readonly subgroupSize: number
  readonly maxWorkgroupStorage: number
  readonly maxInvocations: number
  readonly maxWorkgroupsPerDimension: number
  /** No buffer of a dispatch is larger, scratch memory included. */
  readonly maxBindingBytes: number
  /** Choices that were measured here; without them everything has its default. */
  readonly tuning?: Tuned
}

/** A buffer that a dispatch binds: an input or output of the op, or scratch memory that lives only inside it. */
export interface Slot {
  readonly kind: 'input' | 'output' | 'scratch'
  readonly index: number
}
export const input = (index: number): Slot => ({ kind: 'input', index })
export const output = (index: number): Slot => ({ kind: 'output', index })
export const scratch = (index: number): Slot => ({ kind: 'scratch', index })

/** One dispatch: which kernel, on which buffers (bindings 1…), with which uniform words, over which grid. */
export interface Dispatch {
  readonly kernel: Kernel
  readonly buffers: readonly Slot[]
  readonly params: Uint32Array
  readonly grid: readonly [number, number, number]
  /** Bindings after `buffers` that hold several values each, from the first to the last of them in memory: all are variables, or all
   * in the activation memory. */
  readonly spans?: readonly (readonly Slot[])[]
  /** The binding after those. */
  readonly table?: Table
  /** The same work in more dispatches, where values of one span lie in different buffers or too far apart. */
  readonly halves?: () => readonly Dispatch[]
}

/** Words for a kernel that depend on where the values of its spans are. */
export interface Table {
  readonly words: number
  /** Fills in the words. `offsetOf` is the byte at which value `index` of a span begins in its binding. */
  fill(words: Uint32Array, offsetOf: (span: number, index: number) => number): void
}

/** A copy from buffer to buffer, which no binding limits. Both places and the size are multiples of 4 bytes, and the
 * two buffers are not one. */
export interface Move {
  readonly from: Slot
  readonly to: Slot
  readonly fromByte: number
  readonly toByte: number
  readonly bytes: number
}

/** How an op is computed: its dispatches in order and the bytes of each scratch buffer. */
export interface Recipe {
  readonly scratch: readonly number[]
  readonly dispatches: readonly Dispatch[]
  /** Copies before the dispatches. */
  readonly moves?: readonly Move[]
}

/** Uniform words from numbers: integers as they are (negative ones in two's complement), `f32(x)` for floats. */
export function words(...values: (number | { f32: number })[]): Uint32Array<ArrayBuffer> {
  const out = new Uint32Array(Math.max(4, Math.ceil(values.length / 4) * 4))
  const float = new Float32Array(out.buffer)
  values.forEach((v, i) => {
    if (typeof v === 'number') out[i] = v
    else float[i] = v.f32
  })
  return out
}
export const f32 = (x: number): { f32: number } => ({ f32: x })

/** Workgroups for `count` invocations in groups of `size`, folded into y beyond the per-dimension limit. A kernel
 * finds its index as `(group.y * groups.x + group.x) * size + local.x` with `groups` from num_workgroups. */
export function gridFor(count: number, size: number, limit = 65535): [number, number, number] {
  const groups = Math.max(1, Math.ceil(count / size))
  if (groups <= limit) return [groups, 1, 1]
  const y = Math.ceil(groups / limit)
  return [Math.ceil(groups / y), y, 1]
}

/** One storage binding of a kernel. */
export interface Binding {
  readonly name: string
  readonly access: Access
  readonly elem: Elem
  readonly vec?: boolean
  /** Declares `array<atomic<u32>>`. */
  readonly atomic?: boolean
}

const declareBinding = (slot: number, b: Binding) =>
  b.atomic
    ? `@group(0) @binding(${slot}) var<storage, ${b.access}> ${b.name}: array<atomic<u32>>;`
    : declare(slot, b.name, b.access, b.elem, !!b.vec)

/** Invocations of a workgroup of `perIndex`. */
const GROUP = 64

/** A kernel with one invocation per index `i < p.count`; `params` names the uniform words after `count`, as
 * WGSL struct members. The bindings' declarations are part of the key. */
export function perIndex(spec: {
  readonly key: string
  readonly params?: string
  readonly bindings: readonly Binding[]
  readonly functions?: string
  readonly body: string
}): Kernel {
  const { key, params = '', bindings, functions = '', body } = spec
  const half = bindings.some((b) => b.elem === 'f16')
  const code = /* wgsl */ `${half ? 'enable f16;' : ''}
struct Params { count: u32, ${params} }
@group(0) @binding(0) var<uniform> p: Params;
${bindings.map((b, k) => declareBinding(k + 1, b)).join('\n')}
${functions}
@compute @workgroup_size(${GROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * ${GROUP}u + lane;
  if (i >= p.count) { return; }
  ${body}
}`
  const mark = (b: Binding) => `${b.elem}${b.vec ? 'x4' : ''}${b.access === 'read' ? 'r' : 'w'}`
  return {
    key: [key, ...bindings.map(mark)].join('/'),
    code,
    access: bindings.map((b) => b.access),
    ...(half && { features: ['shader-f16'] as const }),
  }
}

/** The dispatch of a `perIndex` kernel over `count` indices; `params` are the words after `count`. */
export const overIndex = (
  kernel: Kernel,
  count: number,
  buffers: readonly Slot[],
  ...params: (number | { f32: number })[]
): Dispatch => ({ kernel, buffers, params: words(count, ...params), grid: gridFor(count, GROUP) })
