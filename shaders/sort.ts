// The stable order of u32 keys, row by row: order[r, i] = where the key of rank i stands in row r.
//
// Long rows: a radix sort from the lowest digit up. In each pass an invocation owns a run of neighbours and one column of
// a table of counts [rows, digits, runs]:
//
//   count    table[r, d, t] = how many keys of run t have digit d
//   offsets  the table's prefix sums, in this order, are the places where each run's keys of each digit go
//   place    each invocation walks its run once more and puts every key, with its index, at its digit's next place
//
// Runs are walked in order, so equal digits keep their order, and nothing depends on timing: there are no atomics, no
// workgroup memory and no barriers. Digits and runs are run-time values: a GPU takes narrow digits and short runs, that
// many invocations have work; a processor wide digits and long runs, that it reads the keys seldom.
//
// Short rows: one invocation a key counts the keys before it in the row, which is its rank.
//
// Satish, Harris and Garland, "Designing efficient sorting algorithms for manycore GPUs" (2009), section 4, has the
// passes; Merrill and Grimshaw (2011) the order of the table.

import {
  type Access,
  type Caps,
  type Dispatch,
  input,
  type Kernel,
  output,
  overIndex,
  perIndex,
  type Recipe,
  scratch,
} from './kernel.ts'
import { offsets, offsetsScratch } from './offsets.ts'

/** Rows up to this long are ranked by counting. */
const SHORT = 128

export interface SortSpec {
  readonly rows: number
  /** Elements of a row, dense. */
  readonly m: number
  /** Low bits of the keys that count. */
  readonly bits: number
  readonly access: readonly Access[]
  readonly caps: Caps
}

/** Input keys u32 [rows, m]; output order u32 [rows, m]. */
export function sortOrder(spec: SortSpec): Recipe {
  if (spec.rows === 0) return { scratch: [], dispatches: [] }
  return spec.m <= SHORT ? ranked(spec) : radix(spec)
}

const rank = (access: Access) =>
  perIndex({
    key: 'sort/rank',
    params: 'm: u32, mask: u32',
    bindings: [
      { name: 'keys', access, elem: 'u32' },
      { name: 'order', access: 'read_write', elem: 'u32' },
    ],
    body: /* wgsl */ `
  let j = i % p.m;
  let begin = i - j;
  let key = keys[i] & p.mask;
  var rank = 0u;
  for (var e = 0u; e < j; e++) { rank += select(0u, 1u, (keys[begin + e] & p.mask) <= key); }
  for (var e = j + 1u; e < p.m; e++) { rank += select(0u, 1u, (keys[begin + e] & p.mask) < key); }
  order[begin + rank] = j;`,
  })

function ranked({ rows, m, bits, access }: SortSpec): Recipe {
  const slots = [input(0), output(0)]
  const mask = 2 ** bits - 1
  return { scratch: [], dispatches: [overIndex(rank(access[0]), rows * m, slots, m, mask)] }
}

/** Invocation i has run `i % runs` of row `i / runs`, elements `begin … end - 1`, and column `at` of the table. */
const runOf = /* wgsl */ `
  let row = i / p.runs;
  let t = i - row * p.runs;
  let begin = row * p.m + t * p.size;
  let end = min(begin + p.size, (row + 1u) * p.m);
  let at = row * p.digits * p.runs + t;`
const params =
  'm: u32, runs: u32, size: u32, digits: u32, shift: u32, mask: u32, first: u32, last: u32'

const count = (access: Access): Kernel =>
  perIndex({
    key: 'sort/count',
    params,
    bindings: [
      { name: 'keys', access, elem: 'u32' },
      { name: 'table', access: 'read_write', elem: 'u32' },
    ],
    body: /* wgsl */ `${runOf}
  for (var d = 0u; d < p.digits; d++) { table[at + d * p.runs] = 0u; }
  for (var e = begin; e < end; e++) { table[at + ((keys[e] >> p.shift) & p.mask) * p.runs] += 1u; }`,
  })

/** In the first pass a key's index is its place; after the last nobody reads the keys. */
const place = (access: Access): Kernel =>
  perIndex({
    key: 'sort/place',
    params,
    bindings: [
      { name: 'keys', access, elem: 'u32' },
      { name: 'indices', access: 'read_write', elem: 'u32' },
      { name: 'table', access: 'read_write', elem: 'u32' },
      { name: 'keysTo', access: 'read_write', elem: 'u32' },
      { name: 'indicesTo', access: 'read_write', elem: 'u32' },
    ],
    body: /* wgsl */ `${runOf}
  for (var e = begin; e < end; e++) {
    let key = keys[e];
    let column = at + ((key >> p.shift) & p.mask) * p.runs;
    let to = table[column];
    table[column] = to + 1u;
    if (p.first != 0u) { indicesTo[to] = e - row * p.m; } else { indicesTo[to] = indices[e]; }
    if (p.last == 0u) { keysTo[to] = key; }
  }`,
  })

/** Width of a digit and length of a run. */
function schedule({ rows, m, caps }: SortSpec): { width: number; size: number } {
  const software = caps.kind === 'lavapipe' || caps.kind === 'swiftshader'
  if (!software) return { width: 4, size: 64 }
  const size = Math.min(8192, Math.max(256, Math.ceil((rows * m) / 256)))
  return { width: Math.min(m, size) >= 1024 ? 8 : 4, size }
}

function radix(spec: SortSpec): Recipe {
  const { rows, m, bits, access } = spec
  const { width, size } = schedule(spec)
  const runs = Math.ceil(m / size)
  const passes = Math.ceil(bits / width)
  const digits = 2 ** Math.min(width, bits)
  const cells = rows * digits * runs
  const levels = offsetsScratch(cells)
  const [table, indices, ...keys] = [0, 1, 2, 3].map(scratch)
  const dispatches = Array.from({ length: passes }, (_, pass): Dispatch[] => {
    const shift = pass * width
    const mask = 2 ** Math.min(width, bits - shift) - 1
    const [first, last] = [pass === 0, pass === passes - 1].map(Number)
    const words = [m, runs, size, digits, shift, mask, first, last]
    const from = first ? input(0) : keys[(pass + 1) % 2]
    const kind = first ? access[0] : 'read_write'
    // The last pass writes the output, the one before it scratch memory, and so on back.
    const own = [output(0), indices]
    const to = (passes - 1 - pass) % 2
    const moved = [from, own[1 - to], table, keys[pass % 2], own[to]]
    return [
      overIndex(count(kind), rows * runs, [from, table], ...words),
      ...offsets(
        table,
        cells,
        levels.map((_, l) => scratch(4 + l)),
      ),
      overIndex(place(kind), rows * runs, moved, ...words),
    ]
  })
  const bytes = 4 * rows * m
  return { scratch: [4 * cells, bytes, bytes, bytes, ...levels], dispatches: dispatches.flat() }
}
