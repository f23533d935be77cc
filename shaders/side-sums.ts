// Weighted sums over the neighbours on both sides along one axis, the element itself left out: with Gaussian weights one
// pass of a separable Gaussian kernel whose centre is 0. x is [outer, n, inner]:
//
//   y[o, i, b] = Σ_{k=1…r} taps[k − 1]·(x[o, i − k, b] + x[o, i + k, b]),   outside of the axis x is 0
//
// Inner counts vec4s. An invocation makes four neighbours along the axis: each element that it loads goes into all of them
// that it reaches, so that four sums cost 2r + 4 loads and not 8r.

import { type Access, input, output, overIndex, perIndex, type Recipe } from './kernel.ts'

/** Neighbours along the axis that one invocation makes. */
const RUN = 4

export interface SideSums {
  readonly outer: number
  readonly n: number
  /** Vec4s. */
  readonly inner: number
  readonly radius: number
  /** Of taps, x. */
  readonly access: readonly Access[]
}

/** Inputs taps f32 [radius], x; output y. */
export function sideSums({ outer, n, inner, radius, access }: SideSums): Recipe {
  const runs = Math.ceil(n / RUN)
  const kernel = perIndex({
    key: 'sideSums',
    params: 'n: u32, inner: u32, runs: u32, radius: u32',
    bindings: [
      { name: 'taps', access: access[0], elem: 'f32' },
      { name: 'x', access: access[1], elem: 'f32', vec: true },
      { name: 'y', access: 'read_write', elem: 'f32', vec: true },
    ],
    functions: /* wgsl */ `
// The weight of a neighbour at this distance; 0 for the element itself and beyond the radius.
fn tap(distance: i32) -> f32 {
  let k = u32(abs(distance)) - 1u;
  return select(0.0, taps[min(k, p.radius - 1u)], k < p.radius);
}`,
    body: /* wgsl */ `
  let row = i / p.inner;
  let b = i - row * p.inner;
  let o = row / p.runs;
  let first = i32((row - o * p.runs) * ${RUN}u);
  let base = o * p.n * p.inner + b;
  let begin = max(first - i32(p.radius), 0);
  let end = min(first + ${RUN} + i32(p.radius), i32(p.n));
  ${each((k) => `var sum${k} = vec4f();`)}
  // Of this element in each of the sums; what it is in one, the next element is in the one after.
  ${each((k) => `var tap${k} = tap(begin - first - ${k});`)}
  for (var s = begin; s < end; s++) {
    let v = x[base + u32(s) * p.inner];
    ${each((k) => `sum${k} += tap${k} * v;`)}
    ${each((k) => (k < RUN - 1 ? `tap${RUN - 1 - k} = tap${RUN - 2 - k};` : 'tap0 = tap(s + 1 - first);'))}
  }
  ${each((k) => `if (u32(first) + ${k}u < p.n) { y[base + (u32(first) + ${k}u) * p.inner] = sum${k}; }`)}`,
  })
  const count = outer * runs * inner
  return {
    scratch: [],
    dispatches: [overIndex(kernel, count, [input(0), input(1), output(0)], n, inner, runs, radius)],
  }
}

const each = (line: (k: number) => string): string =>
  Array.from({ length: RUN }, (_, k) => line(k)).join('\n  ')
