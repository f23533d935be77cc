// Elements and rows by number: x is [outer, n, inner], the numbers are its places along the middle axis.
//
//   gather       y[o, k, i] = x[o, index[o, k, i], i]     one number an element
//   selectRows   y[o, k, i] = x[o, index[k], i]           one number for everything at k
//
// A number that is no place gives 0: read as u32, a negative one is larger than any size, so one comparison finds all.
// Only bits are moved, so an element is what has 4, 2 or 1 bytes. Gather makes four elements of y an invocation; rows
// are moved in vec4s where their bytes are a multiple of 16, else in words where they can be.

import {
  type Access,
  type Elem,
  input,
  loadScalar,
  loadVec,
  output,
  overIndex,
  perIndex,
  type Recipe,
} from './kernel.ts'

export type IndexElem = 'u8' | 'i32' | 'u32'

/** Bytes of an element. */
export const bytesOf: Readonly<Record<Elem, 1 | 2 | 4>> = { f32: 4, i32: 4, u32: 4, f16: 2, u8: 1 }

export interface TakeSpec {
  readonly elem: Elem
  /** Element type of the numbers. */
  readonly index: IndexElem
  readonly outer: number
  readonly n: number
  /** How many are taken from the n. */
  readonly m: number
  readonly inner: number
  /** Of x, then of the index. */
  readonly access: readonly Access[]
}

/** WGSL of element `at` of x, whose elements have so many bytes. */
const fetch = (bytes: 1 | 2 | 4) => {
  if (bytes === 4) return 'fn fetch(at: u32) -> u32 { return x[at]; }'
  const perWord = 4 / bytes
  return /* wgsl */ `fn fetch(at: u32) -> u32 {
  return (x[at / ${perWord}u] >> (${8 * bytes}u * (at % ${perWord}u))) & ${2 ** (8 * bytes) - 1}u;
}`
}

/** Inputs x, index [outer, m, inner]; outputs y, of the index's shape. */
export function gather({ elem, index, outer, n, m, inner, access }: TakeSpec): Recipe {
  const bytes = bytesOf[elem]
  const store = {
    4: 'y[i] = v;',
    2: 'y[2u * i] = v.x | (v.y << 16u); y[2u * i + 1u] = v.z | (v.w << 16u);',
    1: 'y[i] = v.x | (v.y << 8u) | (v.z << 16u) | (v.w << 24u);',
  }[bytes]
  const kernel = perIndex({
    key: `gather/${bytes}`,
    params: 'total: u32, n: u32, m: u32, inner: u32',
    bindings: [
      { name: 'x', access: access[0], elem: 'u32' },
      { name: 'index', access: access[1], elem: index, vec: true },
      { name: 'y', access: 'read_write', elem: 'u32', vec: bytes === 4 },
    ],
    functions: fetch(bytes),
    body: /* wgsl */ `
  let j = vec4u(${loadVec('index', index, 'i')});
  let e = min(vec4u(4u * i) + vec4u(0u, 1u, 2u, 3u), vec4u(p.total - 1u));
  let row = e / p.inner;
  let inside = j < vec4u(p.n);
  let at = select(vec4u(), ((row / p.m) * p.n + j) * p.inner + (e - row * p.inner), inside);
  let v = select(vec4u(), vec4u(fetch(at.x), fetch(at.y), fetch(at.z), fetch(at.w)), inside);
  ${store}`,
  })
  const total = outer * m * inner
  const slots = [input(0), input(1), output(0)]
  return {
    scratch: [],
    dispatches: [overIndex(kernel, Math.ceil(total / 4), slots, total, n, m, inner)],
  }
}

/** Inputs x, index [m]; outputs y [outer, m, inner]. */
export function selectRows({ elem, index, outer, n, m, inner, access }: TakeSpec): Recipe {
  const bytes = bytesOf[elem]
  const unit = [16, 4].find((u) => (inner * bytes) % u === 0) ?? bytes
  const row = (inner * bytes) / unit
  const vec = unit === 16
  const type = vec ? 'vec4u' : 'u32'
  const small = unit < 4
  const perWord = small ? 4 / unit : 1
  const kernel = perIndex({
    key: `selectRows/${unit}`,
    params: 'total: u32, n: u32, m: u32, inner: u32',
    bindings: [
      { name: 'x', access: access[0], elem: 'u32', vec },
      { name: 'index', access: access[1], elem: index },
      { name: 'y', access: 'read_write', elem: 'u32', vec },
    ],
    functions: /* wgsl */ `${small ? fetch(bytes) : `fn fetch(at: u32) -> ${type} { return x[at]; }`}
fn taken(e: u32) -> ${type} {
  let row = e / p.inner;
  let o = row / p.m;
  let j = u32(${loadScalar('index', index, 'row - o * p.m')});
  if (j >= p.n) { return ${type}(); }
  return fetch((o * p.n + j) * p.inner + (e - row * p.inner));
}`,
    body: small
      ? /* wgsl */ `
  var packed = 0u;
  for (var k = 0u; k < min(${perWord}u, p.total - ${perWord}u * i); k++) {
    packed |= taken(${perWord}u * i + k) << (${8 * bytes}u * k);
  }
  y[i] = packed;`
      : 'y[i] = taken(i);',
  })
  const total = outer * m * row
  const count = Math.ceil(total / perWord)
  const slots = [input(0), input(1), output(0)]
  return { scratch: [], dispatches: [overIndex(kernel, count, slots, total, n, m, row)] }
}
