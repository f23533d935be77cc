// The k largest of each row: an exact radix select that never leaves the device.
//
//   mask[r, j] = 1 for exactly min(k, number of valid elements) elements of row r: the largest valid values, ties to
//   the lowest j; NaN counts as the largest, and −0 equals 0. kept[r] = how many ones.
//
// Keys: a value's bits with the sign flipped (all bits if negative) order as u32 like the values do; invalid is 0, which no
// value has, and NaN is 0xffffffff. The key of rank k, T, is found digit by digit from the top, 11 + 11 + 10 bits:
//
//   count   each block of a row counts, for the keys that begin with the digits found so far, the next digit
//           (in workgroup memory; u32 sums do not depend on the order of the atomics)        partial [rows, blocks, 2048]
//   scan    one workgroup a row: sums the blocks, finds the digit where the counts from above reach the rank, and
//           what is left of the rank inside that digit                                       state [rows, 4 stages, 4]
//
// After three rounds T is known, and that `rank` of the `ties` keys equal to T are wanted. Mostly that is all of them; else
//
//   search  finds the block of the last wanted tie in the last round's counts, and its index in that block
//   mark    one invocation a word of the mask:  key > T, or key = T and index before the cut
//
// The same idea on other GPUs: Alabi et al., Fast k-selection algorithms for graphics processing units (2012), section 4.2.

import {
  type Access,
  type Dispatch,
  declare,
  input,
  type Kernel,
  loadScalar,
  loadVec,
  output,
  overIndex,
  perIndex,
  type Recipe,
  scratch,
  storeVec,
  words,
} from './kernel.ts'

const BINS = 2048
const LANES = 256
/** Largest number of neighbours that one lane of `search` stands for, as a power of two. */
const CHUNK_BITS = 9

export interface SelectSpec {
  readonly rows: number
  /** Elements of a row, dense. */
  readonly m: number
  readonly k: number
  readonly access: readonly Access[]
}

/** Inputs values f32, valid u8, both [rows, m]; outputs mask u8 [rows, m], kept u32 [rows]. */
export function selectLargest({ rows, m, k, access }: SelectSpec): Recipe {
  const vec = m % 4 === 0
  const size = 4 * Math.ceil(m / blocksOf(rows, m) / 4)
  const blocks = Math.ceil(m / size)
  const [values, valid, partial, state] = [input(0), input(1), scratch(0), scratch(1)]
  const counting = count(access, vec)
  const rounds = [21, 10, 0].flatMap((shift, stage): Dispatch[] => {
    const mask = shift === 0 ? 1023 : BINS - 1
    const known = stage === 0 ? 0 : 2 ** 32 - 2 ** (shift === 10 ? 21 : 10)
    const params = words(m, k, size, blocks, stage, shift, mask, known)
    return [
      {
        kernel: counting,
        buffers: [values, valid, state, partial],
        params,
        grid: [blocks, rows, 1],
      },
      { kernel: scan, buffers: [partial, state, output(1)], params, grid: [rows, 1, 1] },
    ]
  })
  const chunk = Math.max(0, Math.ceil(Math.log2(size / LANES)))
  const searching: Dispatch = {
    kernel: search(access),
    buffers: [values, valid, partial, state],
    params: words(m, k, size, blocks, 0, chunk),
    grid: [rows, 1, 1],
  }
  const slots = [values, valid, state, output(0)]
  const marking = overIndex(mark(access, vec), Math.ceil((rows * m) / 4), slots, m, rows * m)
  const bytes = [rows * blocks * BINS * 4, rows * 64]
  return { scratch: bytes, dispatches: [...rounds, searching, marking] }
}

/** Enough blocks to fill a GPU, few enough that summing their counts is cheap beside reading the values, and none longer
 * than `search` can cut into chunks. */
function blocksOf(rows: number, m: number): number {
  const wanted = Math.min(Math.ceil(m / 8192), Math.max(1, Math.floor(128 / rows)))
  return Math.max(wanted, Math.ceil(m / (LANES << CHUNK_BITS)))
}

/** Declarations of values and valid and `keyOf(i)`, the key of element i, or the keys of elements 4·i … 4·i+3. Values are
 * read as their bits, so that no driver touches a NaN or a subnormal on the way. */
const keys = (access: readonly Access[], vec: boolean) =>
  `${declare(1, 'values', access[0], 'u32', vec)}
${declare(2, 'valid', access[1], 'u8', vec)}
${keyOf(vec)}`

const keyOf = (vec: boolean) => {
  const type = vec ? 'vec4u' : 'u32'
  return /* wgsl */ `fn keyOf(i: u32) -> ${type} {
  let b = values[i];
  var key = select(b | ${type}(0x80000000u), ~b, b >= ${type}(0x80000000u));
  key = select(key, ${type}(0x80000000u), b == ${type}(0x80000000u));
  key = select(key, ${type}(0xffffffffu), (b & ${type}(0x7fffffffu)) > ${type}(0x7f800000u));
  return select(${type}(), key, ${(vec ? loadVec : loadScalar)('valid', 'u8', 'i')} != ${type}());
}`
}

const grouped = (key: string, access: readonly Access[], code: string): Kernel => ({
  key: ['selectLargest', key, ...access].join('/'),
  code: /* wgsl */ `
struct Params {
  m: u32, k: u32, size: u32, blocks: u32, stage: u32, shift: u32, mask: u32, known: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
struct Stage { prefix: u32, rank: u32, ties: u32, cut: u32 }
${code}`,
  access,
})

const stateAt = (slot: number) =>
  `@group(0) @binding(${slot}) var<storage, read_write> state: array<Stage>;`

const MAIN = `@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32)`

const count = (access: readonly Access[], vec: boolean) =>
  grouped(
    `count${vec ? 'x4' : ''}`,
    [...access, 'read_write', 'read_write'],
    /* wgsl */ `${keys(access, vec)}
${stateAt(3)}
${declare(4, 'partial', 'read_write', 'u32', false)}
var<workgroup> bins: array<atomic<u32>, ${BINS}>;
fn take(key: u32, prefix: u32) {
  if (key != 0u && ((key ^ prefix) & p.known) == 0u) {
    atomicAdd(&bins[(key >> p.shift) & p.mask], 1u);
  }
}
${MAIN} {
  let row = group.y;
  // Stage 0 knows no digit and must not depend on what the state held before.
  let prefix = select(0u, state[4u * row + max(p.stage, 1u) - 1u].prefix, p.stage > 0u);
  let end = (row * p.m + min((group.x + 1u) * p.size, p.m))${vec ? ' / 4u' : ''};
  for (var i = (row * p.m + group.x * p.size)${vec ? ' / 4u' : ''} + lane; i < end; i += ${LANES}u) {
    let key = keyOf(i);
    ${vec ? ['x', 'y', 'z', 'w'].map((k) => `take(key.${k}, prefix);`).join(' ') : 'take(key, prefix);'}
  }
  workgroupBarrier();
  let to = (row * p.blocks + group.x) * ${BINS}u;
  for (var b = lane; b < ${BINS}u; b += ${LANES}u) { partial[to + b] = atomicLoad(&bins[b]); }
}`,
  )

/** Each lane has 8 neighbouring digits, read as two vec4s. */
const scan = grouped(
  'scan',
  ['read_write', 'read_write', 'read_write'],
  /* wgsl */ `${declare(1, 'partial', 'read_write', 'u32', true)}
${stateAt(2)}
${declare(3, 'kept', 'read_write', 'u32', false)}
var<workgroup> sums: array<u32, ${2 * LANES}>;
${MAIN} {
  let row = group.x;
  var low = vec4u();
  var high = vec4u();
  for (var b = 0u; b < p.blocks; b++) {
    let at = (row * p.blocks + b) * ${BINS / 4}u + 2u * lane;
    low += partial[at];
    high += partial[at + 1u];
  }
  let own = low.x + low.y + low.z + low.w + high.x + high.y + high.z + high.w;
  // Sums over this lane and all above it, doubling the reach; two copies, so one barrier a step.
  sums[lane] = own;
  workgroupBarrier();
  var copy = 0u;
  for (var reach = 1u; reach < ${LANES}u; reach *= 2u) {
    var sum = sums[copy + lane];
    if (lane + reach < ${LANES}u) { sum += sums[copy + lane + reach]; }
    copy = ${LANES}u - copy;
    sums[copy + lane] = sum;
    workgroupBarrier();
  }
  var over = sums[copy + lane] - own;
  var prefix = 0u;
  var rank = min(p.k, sums[copy]);
  if (p.stage == 0u) {
    if (lane == 0u) { kept[row] = rank; }
  } else {
    let before = state[4u * row + p.stage - 1u];
    prefix = before.prefix;
    rank = before.rank;
  }
  let to = 4u * row + p.stage;
  // Rank 0 wants nothing: T becomes the largest key, with none of its ties.
  if (rank == 0u && lane == 0u) { state[to] = Stage(prefix | (p.mask << p.shift), 0u, 0u, 0u); }
  if (over < rank && rank <= over + own) {
    var digit = 8u * lane + 7u;
    var ties = high.w;
    ${['high.z', 'high.y', 'high.x', 'low.w', 'low.z', 'low.y', 'low.x']
      .map(
        (bin, k) =>
          `if (digit == 8u * lane + ${7 - k}u && over + ties < rank) { over += ties; ties = ${bin}; digit--; }`,
      )
      .join('\n    ')}
    state[to] = Stage(prefix | (digit << p.shift), rank - over, ties, 0u);
  }
}`,
)

/** Writes state[row, 3].cut: ties from this index on are not wanted. Lane 0 walks counts in workgroup memory; the rest of the work is
 * in parallel. No barrier is inside of a branch. */
const search = (access: readonly Access[]) =>
  grouped(
    'search',
    [...access, 'read_write', 'read_write'],
    /* wgsl */ `${keys(access, false)}
${declare(3, 'partial', 'read_write', 'u32', false)}
${stateAt(4)}
var<workgroup> chunks: array<atomic<u32>, ${LANES}>;
var<workgroup> flags: array<u32, ${1 << CHUNK_BITS}>;
var<workgroup> chosen: u32;
var<workgroup> left: u32;
${MAIN} {
  let row = group.x;
  let last = state[4u * row + 2u];
  let cutting = last.rank > 0u && last.rank < last.ties;
  var rank = last.rank;
  var block = 0u;
  if (cutting) {
    for (; block < p.blocks; block++) {
      let here = partial[(row * p.blocks + block) * ${BINS}u + (last.prefix & 1023u)];
      if (rank <= here) { break; }
      rank -= here;
    }
  }
  let begin = block * p.size;
  let end = select(begin, min(begin + p.size, p.m), cutting);
  for (var j = begin + lane; j < end; j += ${LANES}u) {
    if (keyOf(row * p.m + j) == last.prefix) { atomicAdd(&chunks[(j - begin) >> p.shift], 1u); }
  }
  workgroupBarrier();
  if (cutting && lane == 0u) {
    var chunk = 0u;
    for (; chunk < ${LANES - 1}u; chunk++) {
      let here = atomicLoad(&chunks[chunk]);
      if (rank <= here) { break; }
      rank -= here;
    }
    chosen = begin + (chunk << p.shift);
    left = rank;
  }
  workgroupBarrier();
  let first = chosen;
  let size = min(1u << p.shift, max(end, first) - first);
  for (var j = lane; j < size; j += ${LANES}u) {
    flags[j] = select(0u, 1u, keyOf(row * p.m + first + j) == last.prefix);
  }
  workgroupBarrier();
  if (lane == 0u) {
    var at = 0u;
    var wanted = left;
    for (; wanted > 0u && at < size; at++) { wanted -= flags[at]; }
    state[4u * row + 3u].cut = select(select(0u, p.m, last.rank > 0u), first + at, cutting);
  }
}`,
  )

/** Where m is no multiple of 4, an invocation may mark in two rows or more. */
const mark = (access: readonly Access[], vec: boolean): Kernel =>
  perIndex({
    key: 'selectLargest/mark',
    params: 'm: u32, total: u32',
    bindings: [
      { name: 'values', access: access[0], elem: 'u32', vec },
      { name: 'valid', access: access[1], elem: 'u8', vec },
      { name: 'state', access: 'read_write', elem: 'u32' },
      { name: 'mask', access: 'read_write', elem: 'u8', vec },
    ],
    functions: keyOf(vec),
    body: /* wgsl */ `
  var row = 4u * i / p.m;
  var j = 4u * i - row * p.m;
  ${
    vec
      ? /* wgsl */ `
  let key = keyOf(i);
  let threshold = vec4u(state[16u * row + 8u]);
  let early = (vec4u(j) + vec4u(0u, 1u, 2u, 3u)) < vec4u(state[16u * row + 15u]);
  let keep = (key > threshold) | ((key == threshold) & early);
  ${storeVec('mask', 'u8', 'i', 'select(vec4u(), vec4u(1u), keep)')}`
      : /* wgsl */ `
  var packed = 0u;
  for (var b = 0u; b < min(4u, p.total - 4u * i); b++) {
    let key = keyOf(4u * i + b);
    let threshold = state[16u * row + 8u];
    let keep = key > threshold || (key == threshold && j < state[16u * row + 15u]);
    packed |= select(0u, 1u, keep) << (8u * b);
    j++;
    if (j == p.m) { j = 0u; row++; }
  }
  mask[i] = packed;`
  }`,
  })
