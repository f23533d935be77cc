// One kernel for any chain of pointwise ops: every invocation makes four neighbouring output elements,
//
//   out[4i … 4i+3] = f(in₀[…], in₁[…], …)
//
// with f pasted in as WGSL on vec4 registers. How an input is read depends on how it broadcasts against the output,
// seen as a dense run of elements:
//
//   same     in[e]                      every element its own
//   scalar   in[0]
//   channel  in[e mod period]           trailing axes, e.g. a bias [c] on [n,h,w,c]
//   row      in[e div period]           leading axes, e.g. a row maximum [n,h,w,1] on [n,h,w,c]
//   general  in[Σ coordinate·stride]    anything else, up to 6 axes
//
// Division and remainder are by run-time values and cost a little; they happen once per four elements where the
// period is a multiple of four (the vector path). There, an invocation makes several groups of four, a whole number
// of periods apart, so that it reads what repeats in each period, and scalars, once:
//
//   i = i₀, i₀ + span, i₀ + 2·span, …        span a multiple of period / 4, neighbours in neighbouring invocations

import {
  type Access,
  type Caps,
  type Dispatch,
  declare,
  type Elem,
  gridFor,
  loadScalar,
  loadVec,
  register,
  type Slot,
  storeVec,
} from './kernel.ts'
import { mathFor } from './math.ts'
import { helpersFor } from './random.ts'

export type Mode = 'same' | 'scalar' | 'channel' | 'row' | 'general'

export interface PointwiseInput {
  readonly slot: Slot
  readonly access: Access
  readonly elem: Elem
  readonly mode: Mode
  /** Elements per period, for `channel` and `row`. */
  readonly period: number
  /** For `general`: strides per axis of `shape`. */
  readonly strides: readonly number[]
  /** This buffer is also output number `writes`: the kernel updates it in place. */
  readonly writes?: number
}

export interface PointwiseKernel {
  readonly count: number
  /** Output shape with joined axes; only `general` inputs look at it. */
  readonly shape: readonly number[]
  readonly inputs: readonly PointwiseInput[]
  readonly outputs: readonly { slot: Slot; elem: Elem; inPlace: boolean }[]
  readonly constants: readonly number[]
  /** Names the structure of the pasted code. */
  readonly key: string
  /** Statements and one result per output, from the names of loaded inputs and constants; those in `once` come from inputs for
   * which `isFixed` holds alone. */
  emit(
    inputs: readonly string[],
    constants: readonly string[],
    index: string,
    isFixed?: (input: number) => boolean,
  ): { once: string; code: string; results: readonly string[] }
}

const workgroup = 64

/** Groups of four that one invocation makes: on software drivers each load that is saved counts; a GPU needs some 2¹⁸
 * invocations first. */
const groupsEach = (quads: number, { kind }: Caps) =>
  kind === 'lavapipe' || kind === 'swiftshader'
    ? 16
    : Math.max(1, Math.min(8, Math.floor(quads / 2 ** 18)))

/** Invocations of a kernel with a period: a whole number of periods of groups of four. */
function spanOf(quads: number, period: number, caps: Caps): number {
  const columns = period / 4
  return columns * Math.ceil(Math.ceil(quads / columns) / groupsEach(quads, caps))
}

/** The dispatch of a pointwise kernel. */
export function pointwise(k: PointwiseKernel, caps: Caps): Dispatch {
  const vec = k.inputs.every(
    (i) =>
      i.mode === 'same' ||
      i.mode === 'scalar' ||
      (i.mode !== 'general' && i.period % 4 === 0 && i.elem !== 'f16'),
  )
  const fresh = k.outputs.filter((o) => !o.inPlace)
  const layout = k.inputs
    .map((i) => `${i.elem} ${i.mode}${i.writes ?? ''}${i.access === 'read' ? 'r' : ''}`)
    .join(',')
  const outs = k.outputs.map((o) => o.elem + (o.inPlace ? '!' : '')).join(',')
  const rank = k.inputs.some((i) => i.mode === 'general') ? k.shape.length : 0
  const quads = Math.ceil(k.count / 4)
  const periods = new Set(k.inputs.flatMap((i) => (i.mode === 'channel' ? [i.period] : [])))
  const [period] = periods
  const repeats = vec && periods.size === 1
  const span = repeats ? spanOf(quads, period, caps) : quads
  const params = packParams(k, rank, span)
  return {
    kernel: {
      key: `pointwise ${layout}>${outs} ${repeats ? 'r' : vec ? 'v' : 's'}${rank} ${k.key}`,
      get code() {
        return source(k, { vec, repeats }, rank, params.length)
      },
      access: [
        ...k.inputs.map((i) => (i.writes === undefined ? i.access : 'read_write')),
        ...fresh.map(() => 'read_write' as const),
      ],
      ...(layout.includes('f16') || outs.includes('f16')
        ? { features: ['shader-f16' as const] }
        : {}),
    },
    buffers: [...k.inputs.map((i) => i.slot), ...fresh.map((o) => o.slot)],
    params,
    grid: gridFor(span, workgroup),
  }
}

// Uniform words: count, span, then the constants, then each input's period, then shape and strides of general inputs.
function packParams(k: PointwiseKernel, rank: number, span: number): Uint32Array {
  const general = k.inputs.filter((i) => i.mode === 'general')
  const length =
    firstConstant + k.constants.length + k.inputs.length + (rank ? rank * (1 + general.length) : 0)
  const params = new Uint32Array(Math.ceil(length / 4) * 4)
  params[0] = k.count
  params[1] = span
  new Float32Array(params.buffer).set(k.constants, firstConstant)
  let at = firstConstant + k.constants.length
  for (const i of k.inputs) params[at++] = i.period
  if (rank) {
    params.set(k.shape, at)
    general.forEach((g, n) => {
      params.set(g.strides, at + rank * (n + 1))
    })
  }
  return params
}

const firstConstant = 2
const word = (i: number) => `p[${i >> 2}].${'xyzw'[i & 3]}`

/** Whether the loads are of vectors, and whether an invocation makes several that are whole periods apart. */
interface Layout {
  readonly vec: boolean
  readonly repeats: boolean
}

function source(
  k: PointwiseKernel,
  { vec, repeats }: Layout,
  rank: number,
  paramWords: number,
): string {
  const constants = k.constants.map((_, i) => `vec4f(bitcast<f32>(${word(firstConstant + i)}))`)
  const periodAt = firstConstant + k.constants.length
  const shapeAt = periodAt + k.inputs.length
  let general = 0
  const names = k.inputs.map((_, i) => `a${i}`)
  // u8 is a word of four either way; a buffer that is updated in place is read the way it is written.
  const whole = (i: PointwiseInput) => i.mode === 'same' || (vec && i.mode === 'channel')
  const loads = k.inputs.map((input, i) => {
    const period = word(periodAt + i)
    if (input.mode === 'scalar')
      return splat(names[i], input, `${loadScalarOf(input, `x${i}`, '0u')}`)
    if (input.mode === 'same') return `let ${names[i]} = ${loadVec(`x${i}`, input.elem, 'i')};`
    if (vec && input.mode === 'channel')
      return `let ${names[i]} = ${loadVec(`x${i}`, input.elem, `first % (${period} / 4u)`)};`
    if (vec && input.mode === 'row')
      return splat(names[i], input, loadScalarOf(input, `x${i}`, `(i * 4u) / ${period}`))
    const strides = shapeAt + rank * ++general
    const at =
      input.mode === 'channel'
        ? (e: string) => `${e} % ${period}`
        : input.mode === 'row'
          ? (e: string) => `${e} / ${period}`
          : undefined
    if (at) general--
    const lanes = ['e.x', 'e.y', 'e.z', 'e.w'].map((e) =>
      loadScalarOf(input, `x${i}`, at ? at(e) : dot(e, rank, strides)),
    )
    return `let ${names[i]} = vec4<${register(input.elem)}>(${lanes.join(', ')});`
  })
  const { once, code, results } = k.emit(
    names,
    constants,
    'e',
    (i) => repeats && !moves(k.inputs[i]),
  )
  let binding = 0
  const decls = k.inputs.map((input, i) =>
    declare(
      ++binding,
      `x${i}`,
      input.writes === undefined ? input.access : 'read_write',
      input.elem,
      whole(input),
    ),
  )
  const stores = k.outputs.map((o, n) => {
    const inPlace = k.inputs.findIndex((i) => i.writes === n)
    if (inPlace < 0) decls.push(declare(++binding, `y${n}`, 'read_write', o.elem, true))
    return storeVec(inPlace < 0 ? `y${n}` : `x${inPlace}`, o.elem, 'i', results[n])
  })
  const f16 = decls.some((d) => d.includes('f16')) ? 'enable f16;\n' : ''
  const helpers = helpersFor(once + code)
  return `${f16}@group(0) @binding(0) var<uniform> p: array<vec4u, ${paramWords / 4}>;
${decls.join('\n')}
${rank ? coordinates(rank, shapeAt) : ''}${helpers}${mathFor(helpers + once + code)}
@compute @workgroup_size(${workgroup})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let first = id.y * groups.x * ${workgroup}u + id.x;
  if (first >= ${word(1)}) { return; }
  ${repeats ? loads.filter((_, i) => !moves(k.inputs[i])).join('\n  ') : ''}
  ${repeats ? once : ''}
  ${repeats ? `for (var i = first; i * 4u < ${word(0)}; i += ${word(1)}) {` : 'let i = first;'}
  let e = min(vec4u(i * 4u) + vec4u(0u, 1u, 2u, 3u), vec4u(${word(0)} - 1u));
  ${loads.filter((_, i) => !repeats || moves(k.inputs[i])).join('\n  ')}
  ${repeats ? '' : once}
  ${code}
  ${stores.join('\n  ')}
  ${repeats ? '}' : ''}
}`
}

/** Whether it is another value in the next period. */
const moves = ({ mode }: PointwiseInput) => mode !== 'channel' && mode !== 'scalar'

const loadScalarOf = (input: PointwiseInput, name: string, at: string) =>
  loadScalar(name, input.elem, at)

const splat = (name: string, input: PointwiseInput, value: string) =>
  `let ${name} = vec4<${register(input.elem)}>(${value});`

// Row-major coordinates of an element index, last axis first, dotted with an input's strides.
function dot(e: string, rank: number, stridesAt: number): string {
  const strides = Array.from({ length: rank }, (_, d) => word(stridesAt + d))
  return `at${rank}(${e}, array<u32, ${rank}>(${strides.join(', ')}))`
}

function coordinates(rank: number, shapeAt: number): string {
  const steps = Array.from({ length: rank }, (_, j) => {
    const d = rank - 1 - j
    const size = word(shapeAt + d)
    return d === 0
      ? `at += rest * strides[0];`
      : `at += (rest % ${size}) * strides[${d}]; rest /= ${size};`
  })
  return `fn at${rank}(index: u32, strides: array<u32, ${rank}>) -> u32 {
  var rest = index;
  var at = 0u;
  ${steps.join('\n  ')}
  return at;
}`
}
