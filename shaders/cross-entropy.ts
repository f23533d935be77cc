// Cross entropy with a label for every row of x [rows, c], and its gradient:
//
//   y[r] = log s − (x[r, label] − m)                     m = max_j x[r, j],  s = Σ_j exp(x[r, j] − m)
//   dx[r, j] = (exp(x[r, j] − m) / s − [j = label]) · dy[r]
//
// No probability is stored: the gradient finds m and s again in one pass, which costs less than writing and reading a
// row. A row whose label is no class gives 0 and has gradient 0, whatever its numbers are; so has one with dy = 0, and
// most rows of a bootstrapped loss are such. Rows without a softmax are NaN otherwise (softmax.ts).
//
// Where the label is the likeliest class of a short row, s − 1 is summed by itself and y = log(1 + (s − 1)): a loss of a
// millionth keeps its digits.
//
// Short rows: one invocation a row. Long ones: m and s by strips, then every row, or element of dx, alone.

import {
  type Access,
  type Binding,
  type Elem,
  type FloatElem,
  f32,
  input,
  loadScalar,
  output,
  overIndex,
  perIndex,
  type Recipe,
  storeScalar,
  storeVec,
} from './kernel.ts'
import { mathFor } from './math.ts'
import { inLanes, isShort, statistics, stripStatistics } from './softmax.ts'

export interface CrossEntropySpec {
  readonly rows: number
  readonly c: number
  /** Of x; all is computed in f32. */
  readonly elem: FloatElem
  /** Element type of the labels. */
  readonly labels: 'u8' | 'i32' | 'u32'
  readonly access: readonly Access[]
}

const params = 'c: u32, classes: u32, nan: f32'

/** How the kernels for one row and those after the strips get m and s, and what is common to both. */
function frameOf({ rows, c: classes, elem, labels, access }: CrossEntropySpec) {
  const { lanes, c } = inLanes({ outer: rows, c: classes, inner: 1 })
  const vec = lanes === 'row'
  const short = isShort({ outer: rows, c, inner: 1 })
  const strips = short
    ? undefined
    : stripStatistics({ outer: rows, c: classes, inner: 1 }, access[0], elem)
  const column = { access: 'read_write', elem: 'f32' } as const
  return {
    c,
    vec,
    short,
    key: short ? lanes : `finish/${lanes}`,
    /** 1 at the label among the elements x[j], 0 elsewhere. */
    hot: vec
      ? 'select(vec4f(), vec4f(1.0), vec4u(4u * (j - r * p.c)) + vec4u(0u, 1u, 2u, 3u) == vec4u(label))'
      : 'select(0.0, 1.0, j - r * p.c == label)',
    inputs: [
      { name: 'x', access: access[0], elem, vec },
      { name: 'labels', access: access[1], elem: labels },
    ] satisfies Binding[],
    found: (short
      ? []
      : [
          { name: 'ms', ...column },
          { name: 'ss', ...column },
        ]) as Binding[],
    slots: strips ? [strips.m, strips.s] : [],
    words: [c, classes, f32(Number.NaN)],
    functions: /* wgsl */ `${statistics(lanes)}
fn labelOf(r: u32) -> u32 { return u32(${loadScalar('labels', labels, 'r')}); }`,
    /** Statements that define m and s of row r. */
    stats: short
      ? /* wgsl */ `
  let stats = statsOf(r * p.c, (r + 1u) * p.c, 1u);
  let m = stats.m;
  let s = stats.s;`
      : 'let m = ms[r]; let s = ss[r];',
    recipe: (last: Recipe['dispatches'][number]): Recipe => ({
      scratch: strips?.bytes ?? [],
      dispatches: [...(strips?.dispatches ?? []), last],
    }),
  }
}

/** Inputs x [rows, c], labels [rows]; outputs y f32 [rows]. */
export function crossEntropy(spec: CrossEntropySpec): Recipe {
  const { key, vec, short, hot, inputs, found, functions, stats, slots, words, recipe } =
    frameOf(spec)
  const others = /* wgsl */ `
  if (at == m) {
    var sums = ${vec ? 'vec4f()' : '0.0'};
    for (var j = r * p.c; j < (r + 1u) * p.c; j++) {
      sums += exp(${vec ? 'vec4f' : 'f32'}(x[j]) - m) * (${vec ? 'vec4f(1.0)' : '1.0'} - ${hot});
    }
    y[r] = math_log1p(vec4f(${vec ? 'sums.x + sums.y + (sums.z + sums.w)' : 'sums'})).x;
    return;
  }`
  const kernel = perIndex({
    key: `crossEntropy/${key}`,
    params,
    bindings: [...inputs, ...found, { name: 'y', access: 'read_write', elem: 'f32' }],
    functions: short ? functions + mathFor(others) : functions,
    body: /* wgsl */ `
  let r = i;
  let label = labelOf(r);
  if (label >= p.classes) { y[r] = 0.0; return; }
  ${stats}
  let at = f32(${vec ? 'x[r * p.c + label / 4u][label % 4u]' : 'x[r * p.c + label]'});
  if (!isGood(m)) { y[r] = p.nan; return; }
  ${short ? others : ''}
  y[r] = log(s) - (at - m);`,
  })
  return recipe(overIndex(kernel, spec.rows, [input(0), input(1), ...slots, output(0)], ...words))
}

/** Inputs x [rows, c], labels [rows], dy f32 [rows]; outputs dx. */
export function crossEntropyGrad(spec: CrossEntropySpec & { readonly out: FloatElem }): Recipe {
  const { key, vec, c, short, hot, inputs, found, functions, stats, slots, words, recipe } =
    frameOf(spec)
  const dy: { name: string; access: Access; elem: Elem } = {
    name: 'dy',
    access: spec.access[2],
    elem: 'f32',
  }
  const element = vec ? 'vec4f' : 'f32'
  const store = (value: string) => (vec ? storeVec : storeScalar)('dx', spec.out, 'j', value)
  const each = (statement: string) =>
    short
      ? `for (var j = r * p.c; j < (r + 1u) * p.c; j++) { ${statement} }`
      : `let j = i; ${statement}`
  const kernel = perIndex({
    key: `crossEntropy/grad/${key}`,
    params,
    bindings: [...inputs, dy, ...found, { name: 'dx', access: 'read_write', elem: spec.out, vec }],
    functions,
    body: /* wgsl */ `
  let r = ${short ? 'i' : 'i / p.c'};
  let label = labelOf(r);
  let d = dy[r];
  if (label >= p.classes || (bitcast<u32>(d) << 1u) == 0u) { ${each(store(`${element}()`))} return; }
  ${stats}
  let k = select(p.nan, 1.0 / s, isGood(m));
  ${each(store(`(exp(${element}(x[j]) - m) * k - ${hot}) * d`))}`,
  })
  const buffers = [input(0), input(1), input(2), ...slots, output(0)]
  return recipe(overIndex(kernel, short ? spec.rows : spec.rows * c, buffers, ...words))
}
