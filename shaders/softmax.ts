// Softmax and its logarithm along the last axis of x [rows, c].
//
//   m = max_j x[r, j]   s = Σ_j exp(x[r, j] − m)   softmax = exp(x − m) / s   logSoftmax = (x − m) − log s
//
// One invocation reads its row three times; class counts are tens, so after the first reading the row is in
// the cache, and computing exp twice is cheaper than storing it. A NaN anywhere makes the whole row NaN, since
// it stays in s.

import { type Access, input, output, overIndex, perIndex, type Recipe } from './kernel.ts'

/** x and y are [rows, c]. */
export interface SoftmaxSpec {
  readonly rows: number
  readonly c: number
  readonly access: readonly Access[]
}

/** y = softmax of each row. Inputs x; outputs y. */
export const softmax = (spec: SoftmaxSpec): Recipe => rowwise('softmax', spec)

/** y = logarithm of the softmax of each row, without cancellation. Inputs x; outputs y. */
export const logSoftmax = (spec: SoftmaxSpec): Recipe => rowwise('logSoftmax', spec)

function rowwise(name: 'softmax' | 'logSoftmax', { rows, c, access }: SoftmaxSpec): Recipe {
  const vec = c % 4 === 0
  const type = vec ? 'vec4f' : 'f32'
  const fold = (f: string) => (vec ? `${f}(${f}(v.x, v.y), ${f}(v.z, v.w))` : 'v')
  const [scale, value] =
    name === 'softmax' ? ['1.0 / s', 'exp(x[j] - m) * k'] : ['log(s)', '(x[j] - m) - k']
  const kernel = perIndex({
    key: name,
    params: 'c: u32',
    bindings: [
      { name: 'x', access: access[0], elem: 'f32', vec },
      { name: 'y', access: 'read_write', elem: 'f32', vec },
    ],
    functions: /* wgsl */ `
fn larger(a: f32, b: f32) -> f32 { return select(a, b, b > a); }
fn add(a: f32, b: f32) -> f32 { return a + b; }
fn largest(v: ${type}) -> f32 { return ${fold('larger')}; }
fn total(v: ${type}) -> f32 { return ${fold('add')}; }`,
    body: /* wgsl */ `
  let begin = i * p.c;
  let end = begin + p.c;
  var best = x[begin];
  for (var j = begin + 1u; j < end; j++) {
    let v = x[j];
    best = select(best, v, v > best);
  }
  let m = largest(best);
  var sums = ${type}();
  for (var j = begin; j < end; j++) { sums += exp(x[j] - m); }
  let s = total(sums);
  let k = ${scale};
  for (var j = begin; j < end; j++) { y[j] = ${value}; }`,
  })
  const cv = vec ? c / 4 : c
  return { scratch: [], dispatches: [overIndex(kernel, rows, [input(0), output(0)], cv)] }
}
