// The key of rank k of each row, and where the keys up to it go: what every selection begins with. A radix select that
// never leaves the device, exact and repeatable.
//
// Keys: the bits of a value, changed so that they order as u32 like the values do, largest first: NaN is 0, −0 equals 0,
// and what is not valid is 0xffffffff, which no value has. Rows of keys are padded with that to whole vec4s. The key of
// rank k, T, is found digit by digit from the top:
//
//   count    of the keys that begin with the digits found so far, how many have each next digit    (digits.ts)
//   choose   one invocation a row: the digit where the counts reach the rank, and what is left of the rank in it
//
// Then T is known, and that `rank` of the keys equal to T are wanted: the first of them. So the last pass needs order:
//
//   classes  each run of neighbours counts its keys below T and its keys equal to T    places [rows, 2, runs]
//   offsets  prefix sums: where the run's keys of each class go among the chosen
//
// The same idea on other GPUs: Alabi et al., Fast k-selection algorithms for graphics processing units (2012), section 4.2.

import { columnBytes, countDigits, digitsSchedule } from './digits.ts'
import {
  type Access,
  type Caps,
  type Dispatch,
  input,
  loadScalar,
  overIndex,
  perIndex,
  type Slot,
  scratch,
} from './kernel.ts'
import { offsets, offsetsScratch } from './offsets.ts'

/** The key of nothing. */
export const INVALID = '0xffffffffu'

/** WGSL: the key of a value's bits. Bits, so that no driver touches a NaN or a subnormal on the way. */
export const keyOf = /* wgsl */ `fn keyOf(bits: u32) -> u32 {
  let key = select(~bits & 0x7fffffffu, bits, bits > 0x80000000u);
  return select(key, 0u, (bits & 0x7fffffffu) > 0x7f800000u);
}`

/** Writes zeros. */
export const zeros = perIndex({
  key: 'zeros',
  bindings: [{ name: 'y', access: 'read_write', elem: 'u32' }],
  body: 'y[i] = 0u;',
})

/** Whether counting what goes before each element of a row costs less than all this: in very short rows always, and in
 * short ones where there are few, since it is one dispatch. */
export const isShort = (rows: number, m: number): boolean =>
  m <= 16 || (m <= 128 && rows * m * m <= 2 ** 22)

export interface ThresholdSpec {
  readonly rows: number
  /** Elements of a row, dense. */
  readonly m: number
  /** From 1 to m. */
  readonly k: number
  /** Of the values, and of valid where there is one. */
  readonly access: readonly Access[]
  readonly caps: Caps
}

/** What `threshold` leaves in scratch memory. */
export interface Threshold {
  readonly dispatches: readonly Dispatch[]
  /** Bytes of the first scratch buffers. */
  readonly scratch: readonly number[]
  /** vec4u, rows of `stride` u32. */
  readonly keys: Slot
  readonly stride: number
  /** vec2u a row: T, and how many keys equal to it are wanted. */
  readonly state: Slot
  /** Offsets [rows, 2, runs] of runs of `size` keys, counted over all rows. */
  readonly places: Slot
  readonly runs: number
  readonly size: number
}

/** Inputs values f32 [rows, m], perhaps valid u8 [rows, m]. */
export function threshold({ rows, m, k, access, caps }: ThresholdSpec): Threshold {
  const stride = 4 * Math.ceil(m / 4)
  const [keys, counts, state, places, columns] = [0, 1, 2, 3, 4].map(scratch)
  const software = caps.kind === 'lavapipe' || caps.kind === 'swiftshader'
  const size = software ? Math.min(8192, Math.max(256, 4 * Math.ceil((rows * m) / 1024))) : 64
  const runs = Math.ceil(stride / size)
  const cells = rows * 2 * runs
  const levels = offsetsScratch(cells)
  const inputs = access.map((_, i) => input(i))
  const digits = { rows, stride, caps }
  const { width } = digitsSchedule(digits)
  const shifts = Array.from({ length: 32 / width }, (_, pass) => 32 - width * (pass + 1))
  const rounds = shifts.flatMap((shift) => [
    ...countDigits(digits, shift, { keys, state, counts, columns }),
    overIndex(choose, rows, [counts, state], k, shift, 2 ** width / 4, shift === shifts[0] ? 1 : 0),
  ])
  return {
    dispatches: [
      overIndex(zeros, rows * 2 ** width, [counts]),
      overIndex(makeKeys(access), (rows * stride) / 4, [...inputs, keys], m, stride / 4),
      ...rounds,
      overIndex(classes, rows * runs, [keys, state, places], stride / 4, runs, size / 4),
      ...offsets(
        places,
        cells,
        levels.map((_, l) => scratch(5 + l)),
      ),
    ],
    scratch: [
      4 * rows * stride,
      4 * rows * 2 ** width,
      8 * rows,
      4 * cells,
      columnBytes(digits),
      ...levels,
    ],
    ...{ keys, stride, state, places, runs, size },
  }
}

const makeKeys = (access: readonly Access[]) => {
  const valid = access.length > 1 ? ` && ${loadScalar('valid', 'u8', 'at')} != 0u` : ''
  return perIndex({
    key: 'select/keys',
    params: 'm: u32, stride4: u32',
    bindings: [
      { name: 'values', access: access[0], elem: 'u32' },
      ...(valid ? [{ name: 'valid', access: access[1], elem: 'u8' } as const] : []),
      { name: 'keys', access: 'read_write', elem: 'u32', vec: true },
    ],
    functions: /* wgsl */ `${keyOf}
fn keyAt(j: u32, at: u32) -> u32 {
  if (j < p.m${valid}) { return keyOf(values[at]); }
  return ${INVALID};
}`,
    body: /* wgsl */ `
  let row = i / p.stride4;
  let j = 4u * (i - row * p.stride4);
  let at = row * p.m + j;
  keys[i] = vec4u(keyAt(j, at), keyAt(j + 1u, at + 1u), keyAt(j + 2u, at + 2u), keyAt(j + 3u, at + 3u));`,
  })
}

/** Leaves the counts zero for the next round. */
const choose = perIndex({
  key: 'select/choose',
  params: 'k: u32, shift: u32, fours: u32, first: u32',
  bindings: [
    { name: 'counts', access: 'read_write', elem: 'u32', vec: true },
    { name: 'state', access: 'read_write', elem: 'u32' },
  ],
  body: /* wgsl */ `
  var prefix = 0u;
  var rank = p.k;
  if (p.first == 0u) { prefix = state[2u * i]; rank = state[2u * i + 1u]; }
  let first = i * p.fours;
  var four = 0u;
  var count = counts[first];
  for (; four < p.fours - 1u; four++) {
    let sum = count.x + count.y + count.z + count.w;
    if (rank <= sum) { break; }
    rank -= sum;
    count = counts[first + four + 1u];
  }
  var digit = 4u * four;
  if (rank > count.x) { rank -= count.x; digit++;
    if (rank > count.y) { rank -= count.y; digit++;
      if (rank > count.z) { rank -= count.z; digit++; } } }
  state[2u * i] = prefix | (digit << p.shift);
  state[2u * i + 1u] = rank;
  for (var d = 0u; d < p.fours; d++) { counts[first + d] = vec4u(); }`,
})

const classes = perIndex({
  key: 'select/classes',
  params: 'stride4: u32, runs: u32, size4: u32',
  bindings: [
    { name: 'keys', access: 'read_write', elem: 'u32', vec: true },
    { name: 'state', access: 'read_write', elem: 'u32' },
    { name: 'places', access: 'read_write', elem: 'u32' },
  ],
  body: /* wgsl */ `
  let row = i / p.runs;
  let t = i - row * p.runs;
  let last = vec4u(state[2u * row]);
  var below = vec4u();
  var equal = vec4u();
  for (var e = t * p.size4; e < min((t + 1u) * p.size4, p.stride4); e++) {
    let key = keys[row * p.stride4 + e];
    below += select(vec4u(), vec4u(1u), key < last);
    equal += select(vec4u(), vec4u(1u), key == last);
  }
  let at = 2u * row * p.runs + t;
  places[at] = below.x + below.y + below.z + below.w;
  places[at + p.runs] = equal.x + equal.y + equal.z + equal.w;`,
})
