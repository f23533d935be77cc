// Folds of one run of axes, for several values at once:
//
//   y_k[o, i] = ⊕_r v_k[o, r, i]        x seen as [outer, reduce, inner]
//
// A column (o, i) is cut into strips; an invocation folds one strip of one column (of four neighbouring columns
// where inner is a multiple of four), strip s taking rows s, s+S, s+2S, … so that neighbours read neighbours. The
// partial states form arrays [outer, S, inner] and are joined again the same way until one strip is left. The
// order is fixed by the sizes alone, so the bits are the same on every run; and a sum adds four terms before it adds them
// to the others, so that no term goes through more than about 130 additions, and ten million lose only a few units in
// the last place, even where every addition rounds the same way.
//
// The values v_k may be pointwise expressions of what is loaded (the prologue): the sums of batch-norm's backward
// pass read dy and x once and need no intermediate. What is the same in all rows of a column is read before the first.

import type { Fold, Next, Part } from './folds.ts'
import {
  type Access,
  type Caps,
  type Dispatch,
  declare,
  type Elem,
  f32,
  gridFor,
  loadScalar,
  loadVec,
  type Operand,
  output,
  type Recipe,
  register,
  type Slot,
  scratch,
  storeVec,
  words,
} from './kernel.ts'
import { mathFor } from './math.ts'
import { walkAdding, walkRows } from './reduce-walk.ts'

/** Pointwise work while loading; `operands` replace the op's inputs. */
export interface Load {
  readonly key: string
  readonly operands: readonly Operand[]
  emit(operands: readonly string[]): { code: string; results: readonly string[] }
}

export interface ReduceProblem {
  readonly fold: Fold
  readonly outer: number
  readonly reduce: number
  readonly inner: number
  /** How many values are reduced at once; output k is value k. */
  readonly values: number
  readonly load: Load
  /** Element type of the outputs; without one the outputs are the parts of the states, one value after another. */
  readonly elem?: Elem
  /** A factor of the results of a sum of floats; default 1. */
  readonly scale?: number
}

const workgroup = 64

const isGpu = ({ kind }: Caps) => kind === 'discrete' || kind === 'integrated'

/** Rows per strip: few on a GPU, which needs many invocations; more where a dispatch is dear. */
const rowsPerStrip = (caps: Caps) => (isGpu(caps) ? 32 : 128)

/** The dispatches of a reduction. Inputs: the load's operands; outputs: one buffer per value. */
export function reduce(problem: ReduceProblem, caps: Caps): Recipe {
  const { fold, outer, inner, values } = problem
  const scratchBytes: number[] = []
  const dispatches: Dispatch[] = []
  let rows = problem.reduce
  let load = problem.load
  let from: Slot[] = load.operands.map((_, i) => ({ kind: 'input', index: i }))
  for (let level = 0; ; level++) {
    const strips = stripsOf(rows, inner, rowsPerStrip(caps), level)
    const last = strips === 1
    const to: Slot[] = []
    for (let v = 0; v < values * (last && problem.elem ? 1 : fold.parts.length); v++) {
      if (last) to.push(output(v))
      else {
        to.push(scratch(scratchBytes.length))
        scratchBytes.push(Math.ceil((outer * strips * inner) / 4) * 16)
      }
    }
    const stage = {
      first: level === 0,
      last: last && !!problem.elem,
      strips,
      unrolled: isGpu(caps),
    }
    dispatches.push(foldOnce({ ...problem, reduce: rows, load }, stage, from, to))
    if (last) return { scratch: scratchBytes, dispatches }
    rows = strips
    from = to
    load = plainLoad(Array.from({ length: values }, () => fold.parts).flat())
  }
}

/** A single column is read four rows at a time, so its strips are a multiple of four. The last strip may be longer, more
 * so where it is the only one. */
function stripsOf(rows: number, inner: number, rowsPerStrip: number, level: number): number {
  if (rows <= (level ? 2 : 4) * rowsPerStrip) return 1
  const strips = Math.ceil(rows / rowsPerStrip)
  return inner === 1 ? 4 * Math.ceil(strips / 4) : strips
}

/** Loads each value as it is. */
export function plainLoad(elems: readonly Elem[], access: Access = 'read_write'): Load {
  return {
    key: '',
    operands: elems.map((elem) => ({ access, elem, mode: 'same' })),
    emit: (names) => ({ code: '', results: names }),
  }
}

interface Stage {
  /** It takes elements, not states. */
  readonly first: boolean
  /** It stores results, not states. */
  readonly last: boolean
  readonly strips: number
  /** Sums load four rows at once (see reduce-walk.ts). */
  readonly unrolled: boolean
}

function foldOnce(
  problem: ReduceProblem,
  stage: Stage,
  from: readonly Slot[],
  to: readonly Slot[],
): Dispatch {
  const { fold, outer, reduce, inner, values, load, elem, scale = 1 } = problem
  const lanes = inner % 4 === 0 ? 'columns' : inner === 1 && reduce % 4 === 0 ? 'rows' : 'apart'
  const columns = lanes === 'columns' ? inner / 4 : inner
  const rows = lanes === 'columns' ? reduce : Math.ceil(reduce / 4)
  const layout = load.operands.map((o) => `${o.elem} ${o.mode}${o.access === 'read' ? 'r' : ''}`)
  const n = load.operands.length
  const count = outer * stage.strips * columns
  // Where a state is one part that is also the result, elements, states and results are treated alike.
  const alike = fold.parts.length === 1 && elem !== 'u8'
  const kind = alike ? '' : `${stage.first ? 'first' : ''} ${stage.last ? `last ${elem}` : ''}`
  const unrolled = stage.unrolled ? ' unrolled' : ''
  const packed = stage.last && elem === 'u8' && lanes !== 'columns'
  return {
    kernel: {
      key: `reduce ${fold.key} ${lanes} ${values} ${layout} ${kind} ${stage.first ? load.key : ''}${unrolled}`,
      get code() {
        return foldSource(problem, alike ? { ...stage, first: true, last: true } : stage, lanes)
      },
      access: [...load.operands.map((o) => o.access), ...to.map(() => 'read_write' as const)],
      ...(load.operands.some((o) => o.elem === 'f16') && { features: ['shader-f16' as const] }),
    },
    buffers: [...from.slice(0, n), ...to],
    params: words(
      ...[outer, rows, columns, stage.strips, reduce, count, f32(stage.last ? scale : 1)],
      ...[fold.nothing, fold.start[0], fold.start[1] ?? 0],
    ),
    grid: gridFor(packed ? Math.ceil(count / 4) : count, workgroup),
  }
}

/** How the four lanes of a vec4 are filled: by four columns, by four rows of the only column, or by four rows of one column of
 * many, which lie apart (and of which the last may not be there). */
type Lanes = 'columns' | 'rows' | 'apart'

const constant = (part: Part, word: string) =>
  part === 'u32' ? `vec4u(p.${word})` : `vec4<${part}>(bitcast<${part}>(p.${word}))`

const lane = ['x', 'y', 'z', 'w']

function foldSource(
  { fold, values, load, elem }: ReduceProblem,
  { first, last, unrolled }: Omit<Stage, 'strips'>,
  lanes: Lanes,
): string {
  const vec = lanes !== 'apart'
  const { operands } = load
  const decls = operands.map((o, i) =>
    declare(i + 1, `x${i}`, o.access, o.elem, vec && o.mode !== 'scalar'),
  )
  const loads = operands.map((o, i) => {
    const at = o.mode === 'same' ? 'at' : o.mode === 'channel' ? 'column' : '0u'
    const type = `vec4<${register(o.elem)}>`
    const scalar = (index: string) => loadScalar(`x${i}`, o.elem, index)
    if (vec && o.mode !== 'scalar') return `let v${i} = ${loadVec(`x${i}`, o.elem, at)};`
    if (o.mode !== 'same') return `let v${i} = ${type}(${scalar(at)});`
    return `let v${i} = ${type}(${lane.map((l) => scalar(`at.${l}`)).join(', ')});`
  })
  const { code, results } = load.emit(operands.map((_, i) => `v${i}`))
  // A row that is not there adds nothing.
  const nothing = (k: number) =>
    first ? constant(fold.value, 'nothing') : constant(fold.parts[k], `start${k}`)
  const given = (k: number) =>
    vec
      ? results[k]
      : `select(${nothing(k % fold.parts.length)}, ${results[k]}, row < vec4u(p.reduce))`
  const each = (f: (v: number) => string) =>
    Array.from({ length: values }, (_, v) => f(v)).join('\n  ')
  const state = (v: number) => fold.parts.map((_, k) => `a${v}${k}`)
  const become = (a: readonly string[], { code, parts }: Next) =>
    `{ ${code}
    ${parts.map((e, k) => `let n${k} = ${e};`).join(' ')}
    ${a.map((x, k) => `${x} = n${k};`).join(' ')} }`
  const join = (a: readonly string[], b: readonly string[]) => become(a, fold.join(a, b))
  const step = (v: number, a: readonly string[]) => {
    if (first) return `let e${v} = ${given(v)}; ${become(a, fold.take(a, `e${v}`, 'row'))}`
    const b = fold.parts.map((_, k) => `e${v}${k}`)
    const lets = b.map((x, k) => `let ${x} = ${given(v * b.length + k)};`).join(' ')
    return `${lets} ${join(a, b)}`
  }
  // The elements of row `r`, as e0, e1, …
  const row = `${lanes === 'columns' ? 'let row = vec4u(r);' : 'let row = vec4u(4u * r) + vec4u(0u, 1u, 2u, 3u);'}
    ${
      vec
        ? 'let at = (o * p.rows + r) * p.columns + column;'
        : 'let at = (vec4u(o * p.reduce) + min(row, vec4u(p.reduce - 1u))) * p.columns + column;'
    }
    ${loads.filter((_, i) => operands[i].mode === 'same').join('\n    ')}
    ${code}`
  const walk = { row, values, value: fold.value, given, step: (v: number) => step(v, state(v)) }
  const strip = `var q = strip;
  ${fold.adds ? walkAdding(walk, unrolled) : walkRows(walk)}`
  const turned = (v: number, order: string) =>
    join(
      state(v),
      state(v).map((a) => `${a}.${order}`),
    )
  const across = (v: number) => (lanes === 'columns' ? '' : turned(v, 'zwxy') + turned(v, 'yxwz'))

  // A word of four bytes is written at once: by four columns, or by one invocation that folds four columns in turn.
  const packed = last && elem === 'u8' && lanes !== 'columns'
  const outs = Array.from({ length: values }, (_, v) =>
    (last && elem ? [elem] : fold.parts).map((type, k) => ({ type, name: `y${v}${k}` })),
  ).flat()
  const store = (v: number) => {
    const stored = last ? [`(${fold.finish(state(v))})`] : state(v)
    if (packed) return `word |= ${stored[0]}.x << (8u * byte);`
    if (lanes !== 'columns') return stored.map((y, k) => `y${v}${k}[i] = ${y}.x;`).join(' ')
    return stored
      .map((y, k) => storeVec(`y${v}${k}`, (last && elem) || fold.parts[k], 'i', y))
      .join(' ')
  }
  const body = `let column = j % p.columns;
  let rest = j / p.columns;
  let strip = rest % p.strips;
  let o = rest / p.strips;
  ${each((v) =>
    state(v)
      .map((a, k) => `var ${a} = ${constant(fold.parts[k], `start${k}`)};`)
      .join(' '),
  )}
  ${loads.filter((_, i) => operands[i].mode !== 'same').join('\n  ')}
  ${strip}
  ${each((v) => `${across(v)} ${store(v)}`)}`
  return `${operands.some((o) => o.elem === 'f16') ? 'enable f16;\n' : ''}
struct Params {
  outer: u32, rows: u32, columns: u32, strips: u32, reduce: u32, count: u32, scale: f32,
  nothing: u32, start0: u32, start1: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
${decls.join('\n')}
${outs.map(({ type, name }, i) => declare(operands.length + 1 + i, name, 'read_write', type, lanes === 'columns')).join('\n')}
${mathFor(body)}
@compute @workgroup_size(${workgroup})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * ${workgroup}u + id.x;
  ${
    packed
      ? `if (4u * i >= p.count) { return; }
  var word = 0u;
  for (var byte = 0u; byte < min(4u, p.count - 4u * i); byte++) {
  let j = 4u * i + byte;
  ${body}
  }
  y00[i] = word;`
      : `if (i >= p.count) { return; }
  let j = i;
  ${body}`
  }
}`
}
