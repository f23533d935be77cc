// Unpooling by positions, and its gradient.
//
//   maxUnpool      y[n, q, c]  = x[n, s, c]             of the last s with at[n, s, c] = q; 0 where there is none
//   maxUnpoolGrad  dx[n, s, c] = dy[n, at[n, s, c], c]  where s is that last one, else 0
//
// q and s count the pixels of one image in row-major order. Positions outside the image are dropped.
//
// Who comes last is found by an integer atomicMax over 1 + the element's index (0: nobody), which gives the same result
// in whatever order the invocations run. The winners of 4-byte types are kept where y will be.

import { fourElements } from './four.ts'
import {
  type Access,
  type Dispatch,
  type Elem,
  input,
  loadScalar,
  output,
  overIndex,
  perIndex,
  type Recipe,
  type Slot,
  scratch,
} from './kernel.ts'

/** x and the positions are [n, pooled pixels, c], y is [n, pixels, c]. */
export interface MaxUnpoolSpec {
  readonly n: number
  readonly pooled: number
  readonly pixels: number
  readonly c: number
  readonly elem: Elem
  /** Of x or dy, then of the positions. */
  readonly access: readonly [Access, Access]
}

const PARAMS = 'c: u32, pooled: u32, pixels: u32, total: u32,'
/** Where element e of x goes: an element of y if q < p.pixels. */
const target = (e: string) => /* wgsl */ `let q = at[${e}];
  let to = ((${e} / (p.pooled * p.c)) * p.pixels + q) * p.c + ${e} % p.c;`

/** Dispatches that leave 1 + the index of the last element that goes there, or 0, in each of `winners`. */
function elect({ n, pooled, pixels, c, access }: MaxUnpoolSpec, winners: Slot): Dispatch[] {
  const clear = perIndex({
    key: 'maxUnpool/clear',
    bindings: [{ name: 'winner', access: 'read_write', elem: 'u32' }],
    body: 'winner[i] = 0u;',
  })
  const vote = perIndex({
    key: 'maxUnpool/elect',
    params: PARAMS,
    bindings: [
      { name: 'at', access: access[1], elem: 'u32' },
      { name: 'winner', access: 'read_write', elem: 'u32', atomic: true },
    ],
    // A negative position is a huge one as u32.
    body: `${target('i')}
  if (q < p.pixels) { atomicMax(&winner[to], i + 1u); }`,
  })
  const count = n * pooled * c
  return [
    overIndex(clear, n * pixels * c, [winners]),
    overIndex(vote, count, [input(1), winners], c, pooled, pixels, count),
  ]
}

/** Inputs x, positions (i32 or u32); outputs y. */
export function maxUnpool(spec: MaxUnpoolSpec): Recipe {
  const { n, pooled, pixels, c, elem, access } = spec
  const total = n * pixels * c
  const inPlace = elem !== 'u8' && elem !== 'f16'
  const winners = inPlace ? output(0) : scratch(0)
  // In place everything is moved as the bits that it is.
  const type = inPlace ? 'u32' : elem
  const zero = elem === 'f16' ? '0.0' : '0u'
  const place = perIndex({
    key: 'maxUnpool/place',
    params: PARAMS,
    bindings: [
      { name: 'x', access: access[0], elem: type },
      ...(inPlace ? [] : [{ name: 'winner', access: 'read_write', elem: 'u32' } as const]),
      { name: 'y', access: 'read_write', elem: type },
    ],
    body: fourElements(
      `let by = ${inPlace ? 'y' : 'winner'}[e];
    var v = ${zero};
    if (by > 0u) { v = ${loadScalar('x', type, 'by - 1u')}; }`,
      [{ name: 'y', elem: type, value: 'v' }],
    ),
  })
  const slots = inPlace ? [input(0), output(0)] : [input(0), winners, output(0)]
  const last = overIndex(place, Math.ceil(total / 4), slots, c, pooled, pixels, total)
  return { scratch: inPlace ? [] : [4 * total], dispatches: [...elect(spec, winners), last] }
}

/** Inputs dy, positions; outputs dx. Floats only. */
export function maxUnpoolGrad(spec: MaxUnpoolSpec): Recipe {
  const { n, pooled, pixels, c, elem, access } = spec
  const count = n * pooled * c
  const fetch = perIndex({
    key: 'maxUnpool/fetch',
    params: PARAMS,
    bindings: [
      { name: 'dy', access: access[0], elem },
      { name: 'at', access: access[1], elem: 'u32' },
      { name: 'winner', access: 'read_write', elem: 'u32' },
      { name: 'dx', access: 'read_write', elem },
    ],
    body: /* wgsl */ `${target('i')}
  var v = 0.0;
  if (q < p.pixels) {
    if (winner[to] == i + 1u) { v = ${loadScalar('dy', elem, 'to')}; }
  }
  dx[i] = ${elem === 'f16' ? 'f16(v)' : 'v'};`,
  })
  const slots = [input(0), input(1), scratch(0), output(0)]
  const last = overIndex(fetch, count, slots, c, pooled, pixels, count)
  return { scratch: [4 * n * pixels * c], dispatches: [...elect(spec, scratch(0)), last] }
}
