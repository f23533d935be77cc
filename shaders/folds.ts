// What a reduction folds with: a state of one or two parts, four lanes of it at a time, that takes in one element after
// another and is joined with the states of other elements.
//
//   sum, max, min   the result so far; max and min let NaN win
//   argmax, argmin  the same and its position; of equals the first wins, and the first NaN before everything
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
  /** Register type of the elements. */
  readonly value: Part
  /** Bits of the state before the first element, and of an element that changes no result: run-time values, since WGSL
   * refuses to write infinities. */
  readonly start: readonly number[]
  readonly nothing: number
  /** A sum of floats, whose exactness depends on the order. */
  readonly adds?: boolean
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
  value: part,
  start: [0],
  nothing: 0,
  adds: part === 'f32',
  take: ([a], v) => next(`${a} + ${v}`),
  join: ([a], [b]) => next(`${a} + ${b}`),
  finish: ([a]) => (part === 'f32' ? `${a} * p.scale` : a),
})

const least = {
  max: { f32: minusInfinity, i32: 0x80000000, u32: 0 },
  min: { f32: infinity, i32: 0x7fffffff, u32: 0xffffffff },
}

/** Whether b is put in the place of a. */
function beats(which: 'max' | 'min', part: Part, a: string, b: string): string {
  const wins = `(${b} ${which === 'max' ? '>' : '<'} ${a})`
  // A comparison with NaN is false, so it is asked for by its bits.
  return part === 'f32' ? `((${wins} | ${isNaNBits(b)}) & !${isNaNBits(a)})` : wins
}

/** The largest or smallest v. */
export function extremeFold(which: 'max' | 'min', part: Part): Fold {
  const better = (a: string, b: string) => next(`select(${a}, ${b}, ${beats(which, part, a, b)})`)
  return {
    key: `${which} ${part}`,
    parts: [part],
    value: part,
    start: [least[which][part]],
    nothing: least[which][part],
    take: ([a], v) => better(a, v),
    join: ([a], [b]) => better(a, b),
    finish: ([a]) => a,
  }
}

/** Where the largest or smallest v stands, as `elem`. */
export function argFold(which: 'max' | 'min', part: Part, elem: Elem): Fold {
  const choose = ([a, i]: readonly string[], b: string, j: string, better: string): Next => ({
    code: `let better = ${better};`,
    parts: [`select(${a}, ${b}, better)`, `select(${i}, ${j}, better)`],
  })
  return {
    key: `arg${which} ${part} ${elem}`,
    parts: [part, 'u32'],
    value: part,
    start: [least[which][part], 0xffffffff],
    nothing: least[which][part],
    // The rows come in order.
    take: (a, v, row) => choose(a, v, row, beats(which, part, a[0], v)),
    join: (a, [b, j]) => {
      const [ahead, behind] = [beats(which, part, a[0], b), beats(which, part, b, a[0])]
      return choose(a, b, j, `${ahead} | (!${behind} & (${j} < ${a[1]}))`)
    },
    // Where nothing was better than the start, all are equal.
    finish: ([, at]) => {
      const first = `select(${at}, vec4u(), ${at} == vec4u(0xffffffffu))`
      return register(elem) === 'i32' ? `vec4i(${first})` : first
    },
  }
}

/** log Σ exp(v). */
export const logSumExpFold: Fold = {
  key: 'logSumExp',
  parts: ['f32', 'f32'],
  value: 'f32',
  start: [minusInfinity, 0],
  nothing: minusInfinity,
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
