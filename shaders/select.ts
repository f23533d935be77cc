// The k largest of each row, marked: an exact selection whose result does not depend on timing.
//
//   mask[r, j] = 1 for exactly min(k, number of valid elements) elements of row r: the largest valid values, ties to
//   the lowest j; NaN counts as the largest, and −0 equals 0. kept[r] = how many ones.
//
// Short rows: for each element those that go before it are counted. Long rows: after threshold.ts the key of rank k, T, is known, and how many keys equal to it come before each run of neighbours.
//
//   cut   the run that holds the last wanted one of them walks to it: its index, and how many were kept
//   mark  one invocation a word of the mask:  key before T, or key = T and index up to the cut, and valid

import {
  type Access,
  type Caps,
  type Dispatch,
  input,
  loadScalar,
  output,
  overIndex,
  perIndex,
  type Recipe,
  type Slot,
  scratch,
} from './kernel.ts'
import { INVALID, isShort, keyOf, type Threshold, threshold, zeros } from './threshold.ts'

export interface SelectSpec {
  readonly rows: number
  /** Elements of a row, dense. */
  readonly m: number
  readonly k: number
  readonly access: readonly Access[]
  readonly caps: Caps
}

/** Inputs values f32, valid u8, both [rows, m]; outputs mask u8 [rows, m], kept u32 [rows]. */
export function selectLargest({ rows, m, k, access, caps }: SelectSpec): Recipe {
  const wordCount = Math.ceil((rows * m) / 4)
  const nothing = [overIndex(zeros, wordCount, [output(0)]), overIndex(zeros, rows, [output(1)])]
  if (k === 0 || rows * m === 0) return { scratch: [], dispatches: nothing }
  const [values, valid] = [input(0), input(1)]
  const wanted = Math.min(k, m)
  if (isShort(rows, m)) {
    const marked = [values, valid, output(0)]
    return {
      scratch: [],
      dispatches: [
        overIndex(markShort(access), wordCount, marked, m, rows * m, wanted),
        overIndex(keepShort(access[1]), rows, [valid, output(1)], m, wanted),
      ],
    }
  }
  const found = threshold({ rows, m, k: wanted, access, caps })
  const last = scratch(found.scratch.length)
  const slots = [found.keys, found.state, last, output(0)]
  const marking = overIndex(mark, wordCount, slots, m, found.stride, rows * m)
  return {
    scratch: [...found.scratch, 4 * rows],
    dispatches: [...found.dispatches, cut(found, rows, wanted, last, output(1)), marking],
  }
}

const markShort = (access: readonly Access[]) =>
  perIndex({
    key: 'select/markShort',
    params: 'm: u32, total: u32, k: u32',
    bindings: [
      { name: 'values', access: access[0], elem: 'u32' },
      { name: 'valid', access: access[1], elem: 'u8' },
      { name: 'mask', access: 'read_write', elem: 'u8' },
    ],
    functions: /* wgsl */ `${keyOf}
fn keyAt(at: u32) -> u32 {
  if (${loadScalar('valid', 'u8', 'at')} == 0u) { return ${INVALID}; }
  return keyOf(values[at]);
}
fn chosen(at: u32) -> bool {
  let first = at - at % p.m;
  let key = keyAt(at);
  var before = 0u;
  for (var e = first; e < at; e++) { before += select(0u, 1u, keyAt(e) <= key); }
  for (var e = at + 1u; e < first + p.m; e++) { before += select(0u, 1u, keyAt(e) < key); }
  return key != ${INVALID} && before < p.k;
}`,
    body: /* wgsl */ `
  var packed = 0u;
  for (var b = 0u; b < min(4u, p.total - 4u * i); b++) {
    packed |= select(0u, 1u, chosen(4u * i + b)) << (8u * b);
  }
  mask[i] = packed;`,
  })

const keepShort = (access: Access) =>
  perIndex({
    key: 'select/keepShort',
    params: 'm: u32, k: u32',
    bindings: [
      { name: 'valid', access, elem: 'u8' },
      { name: 'kept', access: 'read_write', elem: 'u32' },
    ],
    body: /* wgsl */ `
  var sum = 0u;
  for (var at = i * p.m; at < (i + 1u) * p.m; at++) {
    sum += select(0u, 1u, ${loadScalar('valid', 'u8', 'at')} != 0u);
  }
  kept[i] = min(sum, p.k);`,
  })

/** Writes the index of the last chosen element of each row, and how many of the chosen are valid. */
export function cut(found: Threshold, rows: number, k: number, last: Slot, kept: Slot): Dispatch {
  const { keys, state, places, stride, runs, size } = found
  return overIndex(cutting, rows * runs, [keys, state, places, last, kept], k, stride, runs, size)
}

const cutting = perIndex({
  key: 'select/cut',
  params: 'k: u32, stride: u32, runs: u32, size: u32',
  bindings: [
    { name: 'keys', access: 'read_write', elem: 'u32' },
    { name: 'state', access: 'read_write', elem: 'u32' },
    { name: 'places', access: 'read_write', elem: 'u32' },
    { name: 'last', access: 'read_write', elem: 'u32' },
    { name: 'kept', access: 'read_write', elem: 'u32' },
  ],
  body: /* wgsl */ `
  let row = i / p.runs;
  let t = i - row * p.runs;
  let at = (2u * row + 1u) * p.runs + t;
  let first = places[2u * row * p.runs];
  var place = places[at] - first;
  if (place >= p.k || (t + 1u < p.runs && places[at + 1u] - first < p.k)) { return; }
  let key = state[2u * row];
  var j = t * p.size;
  for (; j < (t + 1u) * p.size && j < p.stride; j++) {
    if (keys[row * p.stride + j] == key) {
      place++;
      if (place == p.k) { break; }
    }
  }
  last[row] = j;
  kept[row] = p.k - select(0u, state[2u * row + 1u], key == ${INVALID});`,
})

const mark = perIndex({
  key: 'select/mark',
  params: 'm: u32, stride: u32, total: u32',
  bindings: [
    { name: 'keys', access: 'read_write', elem: 'u32' },
    { name: 'state', access: 'read_write', elem: 'u32' },
    { name: 'last', access: 'read_write', elem: 'u32' },
    { name: 'mask', access: 'read_write', elem: 'u8' },
  ],
  body: /* wgsl */ `
  var row = 4u * i / p.m;
  var j = 4u * i - row * p.m;
  var packed = 0u;
  for (var b = 0u; b < min(4u, p.total - 4u * i); b++) {
    let key = keys[row * p.stride + j];
    let edge = state[2u * row];
    let chosen = key < edge || (key == edge && j <= last[row] && key != ${INVALID});
    packed |= select(0u, 1u, chosen) << (8u * b);
    j++;
    if (j == p.m) { j = 0u; row++; }
  }
  mask[i] = packed;`,
})
