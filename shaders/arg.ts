// Index of the largest element of each row: x is [rows, c].
//
//   argmax        y[r] = the first j with the largest x[r, j]; NaN counts as the largest
//
// Where the output is u8, one invocation makes the four elements that share a word.

import { type Access, input, output, overIndex, perIndex, type Recipe } from './kernel.ts'

/** y = the index of each row's largest score. Inputs x f32 [rows, c]; outputs y [rows], u8 for c ≤ 256. */
export function argmax(spec: {
  readonly rows: number
  readonly c: number
  /** Element type of the output. */
  readonly elem: 'u8' | 'i32' | 'u32'
  readonly access: readonly Access[]
}): Recipe {
  const { rows, c, elem, access } = spec
  const kernel = perIndex({
    key: 'argmax',
    params: 'c: u32, rows: u32',
    bindings: [
      { name: 'x', access: access[0], elem: 'f32' },
      { name: 'y', access: 'read_write', elem },
    ],
    functions: /* wgsl */ `
fn isNan(v: f32) -> bool { return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u; }
fn largest(r: u32) -> u32 {
  let begin = r * p.c;
  var best = x[begin];
  var at = 0u;
  for (var j = 1u; j < p.c; j++) {
    let v = x[begin + j];
    let take = ((v > best) | isNan(v)) & !isNan(best);
    best = select(best, v, take);
    at = select(at, j, take);
  }
  return at;
}`,
    body:
      elem !== 'u8'
        ? `y[i] = ${elem}(largest(i));`
        : /* wgsl */ `
  var packed = 0u;
  for (var k = 0u; k < min(4u, p.rows - 4u * i); k++) {
    packed |= largest(4u * i + k) << (8u * k);
  }
  y[i] = packed;`,
  })
  const count = elem === 'u8' ? Math.ceil(rows / 4) : rows
  return { scratch: [], dispatches: [overIndex(kernel, count, [input(0), output(0)], c, rows)] }
}
