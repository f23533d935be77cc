// How often each digit occurs: rows of u32 keys are read in vec4s, and of the keys of a row that begin with the same
// digits as its prefix (known bits), the next digit is counted.
//
//   counts[r, d] = #{ j : key[r, j] agrees with prefix[r] in the known bits, and (key[r, j] >> shift) & (digits − 1) = d }
//
// Digits have 8 bits, or 4 in short rows, whose counts would be larger than themselves. Two schedules, both exact in any
// order:
//
//   shared  for long rows on GPUs: a workgroup counts a block of a row in workgroup memory and adds that to the counts,
//           with u32 atomics
//   single  for short rows, and on processors, where workgroup memory and barriers are slow: an invocation counts every
//           so manieth vec4 of a row in a column of its own, and a second kernel adds the columns if there are several

import {
  type Caps,
  type Dispatch,
  declare,
  gridFor,
  type Kernel,
  overIndex,
  perIndex,
  type Slot,
  words,
} from './kernel.ts'

/** Digits that workgroups count. */
const DIGITS = 256
/** Keys that a workgroup, or an invocation, counts at least. */
const BLOCK = 8192
const COLUMN = 1024

export interface DigitsSpec {
  readonly rows: number
  /** Keys of a row, a multiple of 4. */
  readonly stride: number
  readonly caps: Caps
}

interface Schedule {
  readonly single: boolean
  /** Bits of a digit. */
  readonly width: 4 | 8
  /** Blocks or columns of a row. */
  readonly parts: number
}

export function digitsSchedule({ rows, stride, caps }: DigitsSpec): Schedule {
  const short = stride <= COLUMN
  const single = short || caps.kind === 'lavapipe' || caps.kind === 'swiftshader'
  const [least, most] = single ? [COLUMN, 256] : [BLOCK, 1024]
  const parts = Math.ceil(stride / Math.max(least, Math.ceil((rows * stride) / most)))
  return { single, width: short ? 4 : 8, parts }
}

/** Bytes of the columns that `countDigits` needs. */
export function columnBytes(spec: DigitsSpec): number {
  const { single, width, parts } = digitsSchedule(spec)
  return single && parts > 1 ? 4 * spec.rows * 2 ** width * parts : 4
}

/** Writes the counts [rows, digits] of the digit at `shift`, which must be zero before. `state` holds two words a row, the first of them
 * the prefix; before the first digit it holds anything. */
export function countDigits(
  spec: DigitsSpec,
  shift: number,
  buffers: {
    readonly keys: Slot
    readonly state: Slot
    readonly counts: Slot
    readonly columns: Slot
  },
): Dispatch[] {
  const { rows, stride } = spec
  const { keys, state, counts, columns } = buffers
  const { single, width, parts } = digitsSchedule(spec)
  const known = 2 ** 32 - 2 ** (shift + width)
  if (single) {
    const params = [stride / 4, parts, shift, known, 2 ** width]
    if (parts === 1) return [overIndex(ownColumn, rows, [keys, state, counts], ...params)]
    return [
      overIndex(ownColumn, rows * parts, [keys, state, columns], ...params),
      overIndex(addColumns, rows * 2 ** width, [columns, counts], parts),
    ]
  }
  const size = Math.ceil(stride / parts / 4)
  return [
    {
      kernel: shared,
      buffers: [keys, state, counts],
      params: words(rows, stride / 4, size, parts, shift, known),
      grid: gridFor(rows * parts, 1),
    },
  ]
}

/** Counts four keys by `add(digit)`. */
const eachDigit = (digits: string, add: (digit: string) => string) => /* wgsl */ `
    let wanted = ((key ^ prefix) & vec4u(p.known)) == vec4u();
    let digit = (key >> vec4u(p.shift)) & vec4u(${digits} - 1u);
    ${['x', 'y', 'z', 'w'].map((c) => `if (wanted.${c}) { ${add(`digit.${c}`)} }`).join('\n    ')}`

const shared: Kernel = {
  key: 'digits/shared',
  access: ['read_write', 'read_write', 'read_write'],
  code: /* wgsl */ `
struct Params { rows: u32, stride4: u32, size4: u32, blocks: u32, shift: u32, known: u32 }
@group(0) @binding(0) var<uniform> p: Params;
${declare(1, 'keys', 'read_write', 'u32', true)}
${declare(2, 'state', 'read_write', 'u32', false)}
@group(0) @binding(3) var<storage, read_write> counts: array<atomic<u32>>;
var<workgroup> bins: array<atomic<u32>, ${DIGITS}>;
@compute @workgroup_size(${DIGITS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let id = group.y * groups.x + group.x;
  let row = id / p.blocks;
  if (row >= p.rows) { return; }
  let begin = (id - row * p.blocks) * p.size4;
  let end = min(begin + p.size4, p.stride4);
  let prefix = vec4u(state[2u * row]);
  for (var at = begin + lane; at < end; at += ${DIGITS}u) {
    let key = keys[row * p.stride4 + at];${eachDigit(`${DIGITS}u`, (d) => `atomicAdd(&bins[${d}], 1u);`)}
  }
  workgroupBarrier();
  let own = atomicLoad(&bins[lane]);
  if (own > 0u) { atomicAdd(&counts[row * ${DIGITS}u + lane], own); }
}`,
}

const ownColumn = perIndex({
  key: 'digits/single',
  params: 'stride4: u32, parts: u32, shift: u32, known: u32, digits: u32',
  bindings: [
    { name: 'keys', access: 'read_write', elem: 'u32', vec: true },
    { name: 'state', access: 'read_write', elem: 'u32' },
    { name: 'columns', access: 'read_write', elem: 'u32' },
  ],
  body: /* wgsl */ `
  let row = i / p.parts;
  let part = i - row * p.parts;
  let column = row * p.digits * p.parts + part;
  for (var d = 0u; d < p.digits; d++) { columns[column + d * p.parts] = 0u; }
  let prefix = vec4u(state[2u * row]);
  for (var at = part; at < p.stride4; at += p.parts) {
    let key = keys[row * p.stride4 + at];${eachDigit('p.digits', (d) => `columns[column + ${d} * p.parts] += 1u;`)}
  }`,
})

const addColumns = perIndex({
  key: 'digits/add',
  params: 'parts: u32',
  bindings: [
    { name: 'columns', access: 'read_write', elem: 'u32' },
    { name: 'counts', access: 'read_write', elem: 'u32' },
  ],
  body: /* wgsl */ `
  var sum = 0u;
  for (var part = 0u; part < p.parts; part++) { sum += columns[i * p.parts + part]; }
  counts[i] = sum;`,
})
