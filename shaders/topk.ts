// The k largest of each row in descending order, with their indices; or the one of rank k alone.
//
//   values[r, i] = x[r, indices[r, i]]    ties to the lowest index; NaN counts as the largest, and −0 equals 0
//
// Short rows: one invocation an element counts the elements that go before it, which is its place. Few of many short
// rows: one invocation a row looks for the next one so many times.
//
// Long rows: threshold.ts finds the key of rank k and where the keys up to it go.
//
//   collect  each run of neighbours writes its chosen keys and their indices: in the order of their indices but for
//            those equal to the last, which come last
//   sort     sort.ts orders the k keys; it is stable, so ties stay in the order of their indices
//   take     values and indices in that order

import {
  type Access,
  type Caps,
  type Dispatch,
  input,
  output,
  overIndex,
  perIndex,
  type Recipe,
  type Slot,
  scratch,
} from './kernel.ts'
import { cut } from './select.ts'
import { sortOrder } from './sort.ts'
import { INVALID, isShort, keyOf, threshold, zeros } from './threshold.ts'

/** So few of rows up to this long are looked for one after another, where there are so many rows. */
const FEW = 8
const LONG = 1024
const MANY = 64

export interface TopKSpec {
  readonly rows: number
  /** Elements of a row, dense. */
  readonly m: number
  /** From 1 to m. */
  readonly k: number
  readonly access: readonly Access[]
  readonly caps: Caps
}

/** Input x f32 [rows, m]; outputs values f32 [rows, k], indices i32 [rows, k]. */
export function topK(spec: TopKSpec): Recipe {
  const { rows, m, k, access, caps } = spec
  const short = inShort(spec, 0)
  if (short) return short
  const found = threshold(spec)
  const { keys, state, places, stride, runs, size } = found
  const [chosen, indices, order] = [0, 1, 2].map((s) => scratch(found.scratch.length + s))
  const sort = sortOrder({ rows, m: k, bits: 32, access: ['read_write'], caps })
  const sortSlot = ({ kind, index }: Slot): Slot => {
    if (kind === 'scratch') return scratch(found.scratch.length + 3 + index)
    return kind === 'input' ? chosen : order
  }
  const walked = [k, stride, runs, size]
  const bytes = 4 * rows * k
  return {
    scratch: [...found.scratch, bytes, bytes, bytes, ...sort.scratch],
    dispatches: [
      ...found.dispatches,
      overIndex(collect, rows * runs, [keys, state, places, chosen, indices], ...walked),
      ...sort.dispatches.map((d): Dispatch => ({ ...d, buffers: d.buffers.map(sortSlot) })),
      overIndex(take(access[0]), rows * k, [input(0), indices, order, output(0), output(1)], m, k),
    ],
  }
}

/** Input x f32 [rows, m]; outputs the value of rank k f32 [rows], its index i32 [rows]. */
export function kthLargest(spec: TopKSpec): Recipe {
  const { rows, m, k, access } = spec
  const short = inShort(spec, k - 1)
  if (short) return short
  const found = threshold(spec)
  const kept = scratch(found.scratch.length)
  return {
    scratch: [...found.scratch, 4 * rows],
    dispatches: [
      ...found.dispatches,
      cut(found, rows, k, output(1), kept),
      overIndex(takeOne(access[0]), rows, [input(0), output(1), output(0)], m),
    ],
  }
}

/** Places `from` … k − 1 in one dispatch, where the rows are short, or none. */
function inShort({ rows, m, k, access }: TopKSpec, from: number): Recipe | undefined {
  if (rows === 0) return { scratch: [], dispatches: [] }
  const slots = [input(0), output(0), output(1)]
  if (k <= FEW && rows >= MANY && m <= LONG)
    return { scratch: [], dispatches: [overIndex(next(access[0]), rows, slots, m, from, k)] }
  if (isShort(rows, m))
    return { scratch: [], dispatches: [overIndex(rank(access[0]), rows * m, slots, m, from, k)] }
  return undefined
}

// Values are moved as their bits, so that nothing is done to them.

const rank = (access: Access) =>
  perIndex({
    key: 'topK/rank',
    params: 'm: u32, begin: u32, end: u32',
    bindings: [
      { name: 'x', access, elem: 'u32' },
      { name: 'values', access: 'read_write', elem: 'u32' },
      { name: 'indices', access: 'read_write', elem: 'u32' },
    ],
    functions: keyOf,
    body: /* wgsl */ `
  let row = i / p.m;
  let first = row * p.m;
  let key = keyOf(x[i]);
  var place = 0u;
  for (var e = first; e < i; e++) { place += select(0u, 1u, keyOf(x[e]) <= key); }
  for (var e = i + 1u; e < first + p.m; e++) { place += select(0u, 1u, keyOf(x[e]) < key); }
  if (place >= p.begin && place < p.end) {
    let to = row * (p.end - p.begin) + place - p.begin;
    values[to] = x[i];
    indices[to] = i - first;
  }`,
  })

const next = (access: Access) =>
  perIndex({
    key: 'topK/next',
    params: 'm: u32, begin: u32, end: u32',
    bindings: [
      { name: 'x', access, elem: 'u32' },
      { name: 'values', access: 'read_write', elem: 'u32' },
      { name: 'indices', access: 'read_write', elem: 'u32' },
    ],
    functions: keyOf,
    body: /* wgsl */ `
  let first = i * p.m;
  // The last one found, and the first that is free: no key is as large as INVALID.
  var key = 0u;
  var after = 0u;
  for (var place = 0u; place < p.end; place++) {
    var best = ${INVALID};
    var found = 0u;
    for (var j = 0u; j < p.m; j++) {
      let own = keyOf(x[first + j]);
      if (own < best && (own > key || (own == key && j >= after))) { best = own; found = j; }
    }
    key = best;
    after = found + 1u;
    if (place >= p.begin) {
      let to = i * (p.end - p.begin) + place - p.begin;
      values[to] = x[first + found];
      indices[to] = found;
    }
  }`,
  })

const collect = perIndex({
  key: 'topK/collect',
  params: 'k: u32, stride: u32, runs: u32, size: u32',
  bindings: [
    { name: 'keys', access: 'read_write', elem: 'u32' },
    { name: 'state', access: 'read_write', elem: 'u32' },
    { name: 'places', access: 'read_write', elem: 'u32' },
    { name: 'chosen', access: 'read_write', elem: 'u32' },
    { name: 'indices', access: 'read_write', elem: 'u32' },
  ],
  body: /* wgsl */ `
  let row = i / p.runs;
  let t = i - row * p.runs;
  let at = 2u * row * p.runs + t;
  let first = places[2u * row * p.runs];
  var before = places[at] - first;
  var equal = places[at + p.runs] - first;
  let last = state[2u * row];
  for (var j = t * p.size; j < (t + 1u) * p.size && j < p.stride; j++) {
    let key = keys[row * p.stride + j];
    var to = p.k;
    if (key < last) { to = before; before++; }
    if (key == last) { to = equal; equal++; }
    if (to < p.k) {
      chosen[row * p.k + to] = key;
      indices[row * p.k + to] = j;
    }
  }`,
})

const take = (access: Access) =>
  perIndex({
    key: 'topK/take',
    params: 'm: u32, k: u32',
    bindings: [
      { name: 'x', access, elem: 'u32' },
      { name: 'chosen', access: 'read_write', elem: 'u32' },
      { name: 'order', access: 'read_write', elem: 'u32' },
      { name: 'values', access: 'read_write', elem: 'u32' },
      { name: 'indices', access: 'read_write', elem: 'u32' },
    ],
    body: /* wgsl */ `
  let row = i / p.k;
  let j = chosen[row * p.k + order[i]];
  values[i] = x[row * p.m + j];
  indices[i] = j;`,
  })

const takeOne = (access: Access) =>
  perIndex({
    key: 'topK/takeOne',
    params: 'm: u32',
    bindings: [
      { name: 'x', access, elem: 'u32' },
      { name: 'indices', access: 'read_write', elem: 'u32' },
      { name: 'values', access: 'read_write', elem: 'u32' },
    ],
    body: 'values[i] = x[i * p.m + indices[i]];',
  })

/** y = 0 but for y[r, indices[r, i]] = v[r, i], the indices of a row being distinct. Inputs v f32, indices i32, both
 * [rows, k]; output y f32 [rows, m]. */
export function putDistinct({ rows, m, k, access }: Omit<TopKSpec, 'caps'>): Recipe {
  const kernel = perIndex({
    key: 'topK/put',
    params: 'm: u32, k: u32',
    bindings: [
      { name: 'v', access: access[0], elem: 'u32' },
      { name: 'indices', access: access[1], elem: 'u32' },
      { name: 'y', access: 'read_write', elem: 'u32' },
    ],
    body: 'y[i / p.k * p.m + indices[i]] = v[i];',
  })
  return {
    scratch: [],
    dispatches: [
      overIndex(zeros, rows * m, [output(0)]),
      overIndex(kernel, rows * k, [input(0), input(1), output(0)], m, k),
    ],
  }
}
