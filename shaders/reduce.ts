// Sums, maxima and minima over one run of axes, for several values at once:
//
//   y_k[o, i] = ⊕_r v_k[o, r, i]        x seen as [outer, reduce, inner]
//
// A column (o, i) is cut into strips; an invocation folds one strip of one column (of four neighbouring columns
// where inner is a multiple of four), strip s taking rows s, s+S, s+2S, … so that neighbours read neighbours. The
// partial results form an array [outer, S, inner] and are folded again the same way until one strip is left. The
// order is fixed by the sizes alone, so the bits are the same on every run; and no sum runs over more than a few
// hundred terms in sequence, so ten million terms lose no more than a few units in the last place.
//
// The values v_k may be pointwise expressions of what is loaded (the prologue): the sums of batch-norm's backward
// pass read dy and x once and need no intermediate.

import {
  type Access,
  type Caps,
  type Dispatch,
  declare,
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
  words,
} from './kernel.ts'

export type Fold = 'sum' | 'max' | 'min'

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
}

const workgroup = 64
const step = { sum: (a: string, b: string) => `${a} + ${b}` }
// NaN wins: a comparison with NaN is false, so it is asked for by its bits.
const wins = (fold: 'max' | 'min', a: string, b: string) =>
  `select(${a}, ${b}, (${b} ${fold === 'max' ? '>' : '<'} ${a}) | ((bitcast<vec4u>(${b}) & vec4u(0x7fffffffu)) > vec4u(0x7f800000u)))`
const combine = (fold: Fold, a: string, b: string) =>
  fold === 'sum'
    ? step.sum(a, b)
    : `select(${wins(fold, a, b)}, ${a}, (bitcast<vec4u>(${a}) & vec4u(0x7fffffffu)) > vec4u(0x7f800000u))`
/** A run-time value, since WGSL refuses to write infinities. */
const start: Record<Fold, number> = {
  sum: 0,
  max: Number.NEGATIVE_INFINITY,
  min: Number.POSITIVE_INFINITY,
}

/** Rows per strip: few on a GPU, which needs many invocations; more where a dispatch is dear. */
const rowsPerStrip = (caps: Caps) =>
  caps.kind === 'discrete' || caps.kind === 'integrated' ? 32 : 128

/** The dispatches of a reduction. Inputs: the load's operands; outputs: one f32 buffer per value. */
export function reduce(problem: ReduceProblem, caps: Caps): Recipe {
  const scratchBytes: number[] = []
  const dispatches: Dispatch[] = []
  let rows = problem.reduce
  let load = problem.load
  let from: Slot[] = load.operands.map((_, i) => ({ kind: 'input', index: i }))
  for (let level = 0; ; level++) {
    const strips = rows <= 4 * rowsPerStrip(caps) ? 1 : Math.ceil(rows / rowsPerStrip(caps))
    const last = strips === 1
    const to: Slot[] = []
    for (let v = 0; v < problem.values; v++) {
      if (last) to.push(output(v))
      else {
        to.push(scratch(scratchBytes.length))
        scratchBytes.push(Math.ceil((problem.outer * strips * problem.inner) / 4) * 16)
      }
    }
    dispatches.push(foldOnce({ ...problem, reduce: rows, load }, strips, from, to, level === 0))
    if (last) return { scratch: scratchBytes, dispatches }
    rows = strips
    from = to
    load = plainLoad(problem.values)
  }
}

/** Loads each value as it is. */
export function plainLoad(values: number, access: Access = 'read_write'): Load {
  return {
    key: '',
    operands: Array.from({ length: values }, () => ({ access, elem: 'f32', mode: 'same' })),
    emit: (names) => ({ code: '', results: names }),
  }
}

function foldOnce(
  { fold, outer, reduce, inner, values, load }: ReduceProblem,
  strips: number,
  from: readonly Slot[],
  to: readonly Slot[],
  first: boolean,
): Dispatch {
  // Three ways to fill a vec4: four columns, four rows of the only column, or one element and three idle lanes.
  const lanes = inner % 4 === 0 ? 'columns' : inner === 1 && reduce % 4 === 0 ? 'rows' : 'single'
  const columns = lanes === 'columns' ? inner / 4 : inner
  const rows = lanes === 'rows' ? reduce / 4 : reduce
  const layout = load.operands.map((o) => `${o.elem} ${o.mode}${o.access === 'read' ? 'r' : ''}`)
  const n = load.operands.length
  return {
    kernel: {
      key: `reduce ${fold} ${lanes} ${values} ${layout} ${first ? load.key : ''}`,
      get code() {
        return foldSource(fold, lanes, values, load)
      },
      access: [...load.operands.map((o) => o.access), ...to.map(() => 'read_write' as const)],
      ...(load.operands.some((o) => o.elem === 'f16') && { features: ['shader-f16' as const] }),
    },
    buffers: [...from.slice(0, n), ...to],
    params: words(outer, rows, columns, strips, f32(start[fold])),
    grid: gridFor(outer * strips * columns, workgroup),
  }
}

function foldSource(
  fold: Fold,
  lanes: 'columns' | 'rows' | 'single',
  values: number,
  load: Load,
): string {
  const vec = lanes !== 'single'
  const decls = load.operands.map((o, i) =>
    declare(i + 1, `x${i}`, o.access, o.elem, vec && o.mode !== 'scalar'),
  )
  const loads = load.operands.map((o, i) => {
    const at = o.mode === 'same' ? 'at' : o.mode === 'channel' ? 'column' : '0u'
    const value =
      vec && o.mode !== 'scalar'
        ? loadVec(`x${i}`, o.elem, at)
        : `vec4<${register(o.elem)}>(${loadScalar(`x${i}`, o.elem, at)})`
    return `let v${i} = ${value};`
  })
  const { code, results } = load.emit(load.operands.map((_, i) => `v${i}`))
  const each = (f: (v: number) => string) =>
    Array.from({ length: values }, (_, v) => f(v)).join('\n  ')
  const outType = lanes === 'columns' ? 'vec4f' : 'f32'
  const across = (v: number) => {
    if (lanes === 'columns') return `a${v}`
    if (lanes === 'single') return `a${v}.x`
    if (fold === 'sum') return `(a${v}.x + a${v}.y) + (a${v}.z + a${v}.w)`
    const pairs = combine(fold, `a${v}`, `a${v}.zwxy`)
    return `fold2(${pairs})`
  }
  const fold2 =
    fold === 'sum' || lanes !== 'rows'
      ? ''
      : `fn fold2(a: vec4f) -> f32 { let b = a.yxwz; let c = ${combine(fold, 'a', 'b')}; return c.x; }`
  const f16 = load.operands.some((o) => o.elem === 'f16') ? 'enable f16;\n' : ''
  return `${f16}struct Params { outer: u32, rows: u32, columns: u32, strips: u32, start: f32 }
@group(0) @binding(0) var<uniform> p: Params;
${decls.join('\n')}
${each((v) => `@group(0) @binding(${load.operands.length + 1 + v}) var<storage, read_write> y${v}: array<${outType}>;`)}
${fold2}
@compute @workgroup_size(${workgroup})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * ${workgroup}u + id.x;
  if (i >= p.outer * p.strips * p.columns) { return; }
  let column = i % p.columns;
  let rest = i / p.columns;
  let strip = rest % p.strips;
  let o = rest / p.strips;
  ${each((v) => `var a${v} = vec4f(p.start);`)}
  for (var r = strip; r < p.rows; r += p.strips) {
    let at = (o * p.rows + r) * p.columns + column;
    ${loads.join('\n    ')}
    ${code}
    ${each((v) => `a${v} = ${combine(fold, `a${v}`, results[v])};`)}
  }
  ${each((v) => `y${v}[i] = ${across(v)};`)}
}`
}
