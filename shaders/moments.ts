// Mean and (biased) variance over one run of axes, without E[x²] − E[x]²:
//
//   mean[o, i] = Σ_r x[o, r, i] / R     variance[o, i] = Σ_r (x[o, r, i] − mean[o, i])² / R     x seen as [outer, R, inner]
//
// Where the first, middle and last element of a column are nearly equal, everything is relative to the first, so that a mean
// far from zero costs no digits; elsewhere the mean is near zero, and that would cost its digits. A strip of rows is read
// twice, first for its mean, then for the squares around that mean (the second read is from cache). Strips are
// neighbouring rows, or, where a GPU reads few columns, every S-th; they are joined in fixed order by Chan's formula
// (Chan, Golub and LeVeque 1979), group by group until one is left:
//
//   n = n₁ + n₂,  δ = m₂ − m₁,  mean = m₁ + δ·n₂/n,  M2 = M2₁ + M2₂ + δ²·n₁·n₂/n
//
// As in a sum, an invocation has four neighbouring columns, or four rows of a single column, which it joins in the end.

import {
  type Access,
  type Caps,
  type Dispatch,
  type FloatElem,
  gridFor,
  input,
  output,
  type Recipe,
  type Slot,
  scratch,
  words,
} from './kernel.ts'

const workgroup = 64

export interface MomentsProblem {
  readonly outer: number
  readonly rows: number
  readonly inner: number
  readonly elem: FloatElem
  readonly access: Access
}

type Lanes = 'columns' | 'rows' | 'single'

/** Input: x; outputs: mean and variance f32 [outer, inner]. */
export function moments(problem: MomentsProblem, caps: Caps): Recipe {
  const { outer, inner, elem, access } = problem
  const lanes: Lanes =
    inner % 4 === 0 ? 'columns' : inner === 1 && problem.rows % 4 === 0 ? 'rows' : 'single'
  const columns = lanes === 'columns' ? inner / 4 : inner
  const rows = lanes === 'rows' ? problem.rows / 4 : problem.rows
  const gpu = caps.kind === 'discrete' || caps.kind === 'integrated'
  const strips = stripsOf(rows, gpu)
  const x = input(0)
  const results = [output(0), output(1)]
  const scratchBytes: number[] = []
  const states = (count: number): Slot[] => {
    const bytes = Math.ceil((outer * count * columns) / (lanes === 'single' ? 4 : 1)) * 16
    scratchBytes.push(bytes, bytes)
    return [scratch(scratchBytes.length - 2), scratch(scratchBytes.length - 1)]
  }
  const dispatch = (
    kind: Kind,
    last: boolean,
    from: readonly Slot[],
    unit: number,
    groups: number,
  ) => {
    const to = last ? results : states(groups)
    const ends = last && lanes === 'rows'
    const buffers = [...from, ...to]
    return {
      kernel: {
        key: `moments ${kind} ${lanes}${ends ? ' ends' : ''} ${elem} ${access}`,
        get code() {
          return source(kind, lanes, elem, access, ends)
        },
        access: buffers.map((b) => (b === x ? access : ('read_write' as const))),
        ...(elem === 'f16' && { features: ['shader-f16'] as const }),
      },
      buffers,
      params: words(
        ...[outer, rows, columns, strips, unit, groups, outer * groups * columns],
        ...[last ? 1 : 0, gpu && columns < 8 ? 1 : 0],
      ),
      grid: gridFor(outer * groups * columns, workgroup),
    }
  }
  const dispatches: Dispatch[] = [dispatch('strip', strips === 1, [x], 1, strips)]
  for (let unit = 1, units = strips; units > 1; unit *= joined) {
    const groups = units <= 8 * joined ? 1 : Math.ceil(units / joined)
    const from = scratchBytes.length
    dispatches.push(
      dispatch('join', groups === 1, [x, scratch(from - 2), scratch(from - 1)], unit, groups),
    )
    units = groups
  }
  return { scratch: scratchBytes, dispatches }
}

/** States that one invocation joins, but for the last ones. */
const joined = 32

/** A GPU needs many invocations; elsewhere a dispatch is dear. */
function stripsOf(rows: number, gpu: boolean): number {
  if (rows <= (gpu ? 16 : 256)) return 1
  const length = gpu ? Math.min(64, Math.max(16, Math.ceil(rows / 16384))) : 64
  return Math.ceil(rows / length)
}

/** From strips of elements to states, or from groups of states to fewer. The last states are made the results, for which
 * four rows of one column have to be joined: `ends`. */
type Kind = 'strip' | 'join'

function source(kind: Kind, lanes: Lanes, elem: FloatElem, access: Access, ends: boolean): string {
  const type = lanes === 'single' ? 'f32' : 'vec4f'
  const result = ends ? 'f32' : type
  // One pivot for all four rows.
  const load = (at: string) => `${type}(x[${at}])${lanes === 'rows' ? '.x' : ''}`
  const bindings = [
    `var<storage, ${access}> x: array<${lanes === 'single' ? elem : `vec4<${elem}>`}>`,
    kind === 'join' && `var<storage, read_write> means: array<${type}>`,
    kind === 'join' && `var<storage, read_write> squares: array<${type}>`,
    `var<storage, read_write> mean: array<${result}>`,
    `var<storage, read_write> spread: array<${result}>`,
  ].filter((b) => b)
  const ofStrip = `
  var m = ${type}();
  let first = (o * p.rows + select(rowsIn(g), g, p.mixed == 1u)) * p.columns + column;
  let count = rowsIn(g + 1u) - rowsIn(g);
  let step = select(1u, p.strips, p.mixed == 1u) * p.columns;
  let end = first + count * step;
  for (var at = first; at < end; at += step) { m += ${type}(x[at]) - pivot; }
  m /= f32(count);
  var m2 = ${type}();
  for (var at = first; at < end; at += step) {
    let d = ${type}(x[at]) - pivot - m;
    m2 += d * d;
  }`
  const ofStates = `
  let units = (p.strips + p.unit - 1u) / p.unit;
  let each = (units + p.groups - 1u) / p.groups;
  let first = g * each;
  let before = rowsIn(first * p.unit);
  var at = (o * units + first) * p.columns + column;
  var m = means[at];
  var m2 = squares[at];
  for (var u = first + 1u; u < min(first + each, units); u++) {
    at += p.columns;
    let seen = rowsIn(u * p.unit) - before;
    let all = rowsIn(min((u + 1u) * p.unit, p.strips)) - before;
    let share = f32(all - seen) / f32(all);
    let d = means[at] - m;
    m += d * share;
    m2 += squares[at] + d * d * (f32(seen) * share);
  }`
  // Each of the four lanes has as many rows.
  const ofLanes = `
  let centre = dot(m, vec4f(0.25));
  let d = m - centre;
  mean[i] = pivot.x + centre;
  spread[i] = (dot(m2, vec4f(1.0)) / f32(p.rows) + dot(d, d)) * 0.25;`
  return `${elem === 'f16' ? 'enable f16;\n' : ''}struct Params { outer: u32, rows: u32, columns: u32, strips: u32, unit: u32, groups: u32, count: u32, last: u32, mixed: u32 }
@group(0) @binding(0) var<uniform> p: Params;
${bindings.map((b, k) => `@group(0) @binding(${k + 1}) ${b};`).join('\n')}
// Rows in the first strips.
fn rowsIn(strips: u32) -> u32 {
  return strips * (p.rows / p.strips) + min(strips, p.rows % p.strips);
}
@compute @workgroup_size(${workgroup})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * ${workgroup}u + id.x;
  if (i >= p.count) { return; }
  let column = i % p.columns;
  let rest = i / p.columns;
  let g = rest % p.groups;
  let o = rest / p.groups;
  let begin = o * p.rows * p.columns + column;
  let sample = ${type}(${load('begin')});
  let near = abs(sample) * 0.0625;
  let halfway = abs(${load('begin + p.rows / 2u * p.columns')} - sample) < near;
  let behind = abs(${load('begin + (p.rows - 1u) * p.columns')} - sample) < near;
  let pivot = select(${type}(), sample, halfway & behind);
  ${kind === 'strip' ? ofStrip : ofStates}
  ${
    ends
      ? ofLanes
      : `let last = p.last == 1u;
  mean[i] = select(m, pivot + m, last);
  spread[i] = select(m2, m2 / f32(p.rows), last);`
  }
}`
}
