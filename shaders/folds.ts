// What a reduction folds with: a state of one or two parts, four lanes of it at a time, that takes in one element after
// another and is joined with the states of other elements.
//
//   sum, max, min   the result so far; max and min let NaN win
//   argmax, argmin  (key, position) of the best so far; the larger key wins, of equal keys the earlier position. Keys are
//                   unsigned and rise (for argmin fall) with the number, −0 being 0; NaN has the largest of all
//   logSumExp       (m, s) with s = Σ exp(v − m) and m the largest v so far
//
// The WGSL here is expressions of vec4s; `p.start` and `p.scale` are the reduction's parameters.

import { type Elem, register } from './kernel.ts'
import { isNaNBits } from './math.ts'

export type Part = 'f32' | 'i32' | 'u32'

export interface Fold {
  readonly key: string
  /** Register types of the state. */
  readonly parts: readonly Part[]
  /** Bits of the state before the first element: run-time values, since WGSL refuses to write infinities. */
  readonly start: readonly number[]
  /** The state with value `v` of row `row` taken in. */
  take(a: readonly string[], v: string, row: string): Next
  /** The state of the elements of both. */
  join(a: readonly string[], b: readonly string[]): Next
  /** What is stored in the end. */
  finish(a: readonly string[]): string
}

/** Statements, and then the parts of the next state. */
export interface Next {
  readonly code: string
  readonly parts: readonly string[]
}
const next = (...parts: string[]): Next => ({ code: '', parts })

const infinity = 0x7f800000
const minusInfinity = 0xff800000

/** Σ v; floats times `p.scale`. */
export const sumFold = (part: Part): Fold => ({
  key: `sum ${part}`,
  parts: [part],
  start: [0],
  take: ([a], v) => next(`${a} + ${v}`),
  join: ([a], [b]) => next(`${a} + ${b}`),
  finish: ([a]) => (part === 'f32' ? `${a} * p.scale` : a),
})

const least = {
  max: { f32: minusInfinity, i32: 0x80000000, u32: 0 },
  min: { f32: infinity, i32: 0x7fffffff, u32: 0xffffffff },
}

/** The largest or smallest v. */
export function extremeFold(which: 'max' | 'min', part: Part): Fold {
  const wins = (a: string, b: string) => `(${b} ${which === 'max' ? '>' : '<'} ${a})`
  const better =
    part === 'f32'
      ? // A comparison with NaN is false, so it is asked for by its bits.
        (a: string, b: string) =>
          `select(${a}, ${b}, (${wins(a, b)} | ${isNaNBits(b)}) & !${isNaNBits(a)})`
      : (a: string, b: string) => `select(${a}, ${b}, ${wins(a, b)})`
  return {
    key: `${which} ${part}`,
    parts: [part],
    start: [least[which][part]],
    take: ([a], v) => next(better(a, v)),
    join: ([a], [b]) => next(better(a, b)),
    finish: ([a]) => a,
  }
}

/** Where the largest or smallest v stands, as `elem`. */
export function argFold(which: 'max' | 'min', part: Part, elem: Elem): Fold {
  const turned = (key: string) => (which === 'max' ? key : `~(${key})`)
  const keyOf = (v: string): string => {
    if (part === 'u32') return `let k = ${turned(v)};`
    if (part === 'i32') return `let k = ${turned(`bitcast<vec4u>(${v}) ^ vec4u(0x80000000u)`)};`
    return `let bits = bitcast<vec4u>(${v});
    let u = select(bits, vec4u(), bits == vec4u(0x80000000u));
    let rising = select(u | vec4u(0x80000000u), ~u, u > vec4u(0x7fffffffu));
    let k = select(${turned('rising')}, vec4u(0xffffffffu), (u & vec4u(0x7fffffffu)) > vec4u(0x7f800000u));`
  }
  const better = (a: readonly string[], k: string, row: string, code = ''): Next => ({
    code: `${code}
    let better = (${k} > ${a[0]}) | ((${k} == ${a[0]}) & (${row} < ${a[1]}));`,
    parts: [`select(${a[0]}, ${k}, better)`, `select(${a[1]}, ${row}, better)`],
  })
  return {
    key: `arg${which} ${part} ${elem}`,
    parts: ['u32', 'u32'],
    start: [0, 0xffffffff],
    take: (a, v, row) => better(a, 'k', row, keyOf(v)),
    join: (a, [k, row]) => better(a, k, row),
    finish: ([, at]) => (register(elem) === 'i32' ? `vec4i(${at})` : at),
  }
}

/** log Σ exp(v). */
export const logSumExpFold: Fold = {
  key: 'logSumExp',
  parts: ['f32', 'f32'],
  start: [minusInfinity, 0],
  // The difference of equal infinities would be NaN.
  take: ([m, s], v) => ({
    code: `let over = ((${v} > ${m}) | ${isNaNBits(v)}) & !${isNaNBits(m)};
    let e = select(math_exp(-abs(${v} - ${m})), vec4f(1.0), ${v} == ${m});`,
    parts: [`select(${m}, ${v}, over)`, `select(${s} + e, ${s} * e + vec4f(1.0), over)`],
  }),
  join: ([m, s], [n, t]) => ({
    code: `let over = ((${n} > ${m}) | ${isNaNBits(n)}) & !${isNaNBits(m)};
    let e = select(math_exp(-abs(${n} - ${m})), vec4f(1.0), ${n} == ${m});`,
    parts: [`select(${m}, ${n}, over)`, `select(${s} + ${t} * e, ${s} * e + ${t}, over)`],
  }),
  finish: ([m, s]) => `${m} + math_log(${s})`,
}
