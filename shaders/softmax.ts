// Softmax and its logarithm along one axis of x, seen as [outer, c, inner].
//
//   m = max_j x_j   s = Σ_j exp(x_j − m)   softmax = exp(x − m) / s   logSoftmax = (x − m) − log s
//
// Both in one pass: m is the largest so far, and where it grows the sum so far is multiplied by exp(m − new m). This is
// done for four elements at a time (Milakov and Gimelshein 2018, "Online normalizer calculation for softmax").
//
// Short axes: one invocation a column (o, i) finds m and s and writes; a column is read twice, but class counts are
// tens, so after the first reading it is in the cache, and computing exp twice is cheaper than storing it.
//
// Long axes: a column is cut into strips, as for a sum (reduce.ts), and an invocation gives m and s of one strip. Strips
// are folded again the same way, s_k counting exp(m_k − m) times, until one is left; then every element is written alone.
//
// Four neighbouring columns, or four neighbours of the only column, are one vec4.
//
// A column without a finite maximum has no softmax: a NaN anywhere, +∞ anywhere or −∞ everywhere make all of it NaN. NaN
// is looked for in the bits, since comparisons and exp need not respect it. A single −∞ has probability 0.

import {
  type Access,
  type Binding,
  type Dispatch,
  type FloatElem,
  f32,
  input,
  output,
  overIndex,
  perIndex,
  type Recipe,
  type Slot,
  scratch,
} from './kernel.ts'

/** Softmax is along the axis of size c. */
export interface Axis {
  readonly outer: number
  readonly c: number
  readonly inner: number
}

export interface SoftmaxSpec extends Axis {
  readonly access: readonly Access[]
}

/** y = softmax of each column. Inputs x; outputs y. */
export const softmax = (spec: SoftmaxSpec): Recipe =>
  alongAxis(spec, 'softmax', '1.0 / s', 'exp(v - m) * k')

/** y = logarithm of the softmax of each column, without cancellation. Inputs x; outputs y. */
export const logSoftmax = (spec: SoftmaxSpec): Recipe =>
  alongAxis(spec, 'logSoftmax', 'log(s)', '(v - m) - k')

/** What a vec4 holds: four columns, four neighbours of the only column, or there are no vec4s. */
export type Lanes = 'columns' | 'row' | 'single'

/** An axis in the units of its lanes. */
export function inLanes({ outer, c, inner }: Axis): Axis & { readonly lanes: Lanes } {
  if (inner % 4 === 0) return { outer, c, inner: inner / 4, lanes: 'columns' }
  if (inner === 1 && c % 4 === 0) return { outer, c: c / 4, inner, lanes: 'row' }
  return { outer, c, inner, lanes: 'single' }
}

/** Whether one invocation may walk a column: it is not long for one, or there are enough others. */
export const isShort = ({ outer, c, inner }: Axis): boolean =>
  c <= 64 || (c <= 1024 && outer * inner >= 4096)

/** Types of an element, of a column's numbers, and their bits. */
export const typesOf = (lanes: Lanes) => ({
  element: lanes === 'single' ? 'f32' : 'vec4f',
  bits: lanes === 'single' ? 'u32' : 'vec4u',
  column: lanes === 'columns' ? 'vec4f' : 'f32',
  columnBits: lanes === 'columns' ? 'vec4u' : 'u32',
})

/** One number of the four of a row; the same for the other lanes. */
export const across = (lanes: Lanes, f: (a: string, b: string) => string, v: string) =>
  lanes === 'row' ? f(f(`${v}.x`, `${v}.y`), f(`${v}.z`, `${v}.w`)) : v

/** `statsOf(begin, end, step)`: m and s of the elements begin, begin + step, … of x, each counting `weight` times. m is
 * NaN where one of them is, and −∞ and s = 0 where all are −∞; and `isGood(m)`: whether there is a softmax. */
export function statistics(lanes: Lanes, weight: (j: string) => string = () => ''): string {
  const { element, bits, column, columnBits } = typesOf(lanes)
  /** Statements that go on from m and s with elements at `places`. */
  const goOn = (places: readonly string[]) => {
    const values = places.map((_, k) => `v${k}`)
    const terms = places.map((j, k) => `${weight(j)}exp(v${k} - next)`)
    return /* wgsl */ `
    ${places.map((j, k) => `let v${k} = ${element}(x[${j}]);`).join(' ')}
    let next = ${values.reduce((a, b) => `above(${a}, ${b})`, 'm')};
    s = s * exp(m - next) + (${terms.join(' + ')});
    m = next;
    worst = ${values.reduce((a, b) => `max(${a}, magnitude(${b}))`, 'worst')};`
  }
  return /* wgsl */ `
struct Stats { m: ${column}, s: ${column} }
fn magnitude(v: ${element}) -> ${bits} { return bitcast<${bits}>(v) & ${bits}(0x7fffffffu); }
fn above(a: ${element}, b: ${element}) -> ${element} { return select(a, b, b > a); }
fn larger(a: f32, b: f32) -> f32 { return select(a, b, b > a); }
fn add(a: f32, b: f32) -> f32 { return a + b; }
fn isGood(m: ${column}) -> ${column === 'f32' ? 'bool' : 'vec4<bool>'} {
  return (bitcast<${columnBits}>(m) & ${columnBits}(0x7fffffffu)) < ${columnBits}(0x7f800000u);
}
fn statsOf(begin: u32, end: u32, step: u32) -> Stats {
  // Not −∞, from which the difference to another would be NaN.
  var m = ${element}(-0x1.fffffep+127f);
  var s = ${element}();
  var worst = ${bits}();
  var j = begin;
  for (; j + 3u * step < end; j += 4u * step) {${goOn(['j', 'j + step', 'j + 2u * step', 'j + 3u * step'])}
  }
  for (; j < end; j += step) {${goOn(['j'])}
  }
  let most = ${across(lanes, (a, b) => `larger(${a}, ${b})`, 'm')};
  let isNan = ${across(lanes, (a, b) => `max(${a}, ${b})`, 'worst')} > ${columnBits}(0x7f800000u);
  ${lanes === 'row' ? 's *= exp(m - most);' : ''}
  let sum = ${across(lanes, (a, b) => `add(${a}, ${b})`, 's')};
  // No element counts if all are −∞.
  let none = bitcast<${columnBits}>(sum) == ${columnBits}();
  let first = ${column}(x[begin]${lanes === 'row' ? '.x' : ''});
  return Stats(select(select(most, first, none), ${column}(p.nan), isNan), sum);
}`
}

/** `value` makes an element of y from v, m and k, and `k` a number of the column from s. */
function alongAxis(
  { access, ...axis }: SoftmaxSpec,
  name: string,
  k: string,
  value: string,
): Recipe {
  const { lanes, ...units } = inLanes(axis)
  const vec = lanes !== 'single'
  const { outer, c, inner } = units
  const params = 'c: u32, inner: u32, nan: f32'
  const bindings: Binding[] = [
    { name: 'x', access: access[0], elem: 'f32', vec },
    { name: 'y', access: 'read_write', elem: 'f32', vec },
  ]
  const words = [c, inner, f32(Number.NaN)]
  const slots = [input(0), output(0)]
  const { column } = typesOf(lanes)
  const begin = `let k = select(${column}(p.nan), ${k}, isGood(m));`
  if (isShort(units)) {
    const kernel = perIndex({
      key: `${name}/${lanes}`,
      params,
      bindings,
      functions: statistics(lanes),
      body: /* wgsl */ `
  let begin = (i / p.inner) * p.c * p.inner + i % p.inner;
  let end = begin + p.c * p.inner;
  let stats = statsOf(begin, end, p.inner);
  let m = stats.m;
  let s = stats.s;
  ${begin}
  for (var j = begin; j < end; j += p.inner) { let v = x[j]; y[j] = ${value}; }`,
    })
    const count = c && outer * inner
    return { scratch: [], dispatches: [overIndex(kernel, count, slots, ...words)] }
  }
  const { dispatches, bytes, m, s } = stripStatistics(axis, access[0])
  const columns = lanes === 'columns'
  const kernel = perIndex({
    key: `${name}/finish/${lanes}`,
    params,
    bindings: [
      ...bindings,
      { name: 'ms', access: 'read_write', elem: 'f32', vec: columns },
      { name: 'ss', access: 'read_write', elem: 'f32', vec: columns },
    ],
    functions: statistics(lanes),
    body: /* wgsl */ `
  let at = i / (p.c * p.inner) * p.inner + i % p.inner;
  let m = ms[at];
  let s = ss[at];
  ${begin}
  let v = x[i];
  y[i] = ${value};`,
  })
  const finish = overIndex(kernel, outer * c * inner, [...slots, m, s], ...words)
  return { scratch: bytes, dispatches: [...dispatches, finish] }
}

/** Elements that one invocation folds, where there are many. */
const STRIP = 64

/** m and s of every column, [outer, inner] each, in scratch buffers: a tree of strips. The input is x. */
export function stripStatistics(
  axis: Axis,
  access: Access,
  elem: FloatElem = 'f32',
): { dispatches: Dispatch[]; bytes: number[]; m: Slot; s: Slot } {
  const dispatches: Dispatch[] = []
  const bytes: number[] = []
  let from: Slot[] = [input(0)]
  for (let rows = axis.c; ; ) {
    const { outer, c, inner, lanes } = inLanes({ ...axis, c: rows })
    const strips = c <= 4 * STRIP ? 1 : Math.ceil(c / STRIP)
    const to = [scratch(bytes.length), scratch(bytes.length + 1)]
    const size = Math.ceil((axis.outer * strips * axis.inner) / 4) * 16
    bytes.push(size, size)
    dispatches.push(
      overIndex(
        strip(lanes, from.length === 1 ? access : undefined, from.length === 1 ? elem : 'f32'),
        outer * strips * inner,
        [...from, ...to],
        c,
        inner,
        f32(Number.NaN),
        strips,
      ),
    )
    if (strips === 1) return { dispatches, bytes, m: to[0], s: to[1] }
    rows = strips
    from = to
  }
}

/** m and s of each strip, from elements (`access` says how they are bound) or from m and s of smaller strips. */
const strip = (lanes: Lanes, access: Access | undefined, elem: FloatElem) => {
  const vec = lanes !== 'single'
  const results = { access: 'read_write', elem: 'f32', vec: lanes === 'columns' } as const
  const weights: Binding[] = access ? [] : [{ name: 'w', access: 'read_write', elem: 'f32', vec }]
  return perIndex({
    key: `softmax/strip/${lanes}`,
    params: 'c: u32, inner: u32, nan: f32, strips: u32',
    bindings: [
      { name: 'x', access: access ?? 'read_write', elem, vec },
      ...weights,
      { name: 'ms', ...results },
      { name: 'ss', ...results },
    ],
    functions: statistics(lanes, access ? undefined : (j) => `w[${j}] * `),
    body: /* wgsl */ `
  let column = i % p.inner;
  let row = i / p.inner;
  let begin = ((row / p.strips) * p.c + row % p.strips) * p.inner + column;
  let end = (row / p.strips + 1u) * p.c * p.inner;
  let stats = statsOf(begin, end, p.strips * p.inner);
  ms[i] = stats.m;
  ss[i] = stats.s;`,
  })
}
