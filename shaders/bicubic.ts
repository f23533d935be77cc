// Bicubic resizing of images, one axis after the other.
//
//   y[o] = Σ_x k(|x − s(o)| / f)·x[x] / Σ_x k(|x − s(o)| / f)        s(o) = (o + ½)·in/out − ½
//
//   k(t) = (a + 2)t³ − (a + 3)t² + 1  for t ≤ 1,   at³ − 5at² + 8at − 4a  for t < 2,   else 0          (Keys 1981)
//
// over ⌊s(o) + 1 − 2f⌋ ≤ x < ⌊s(o) + 1 + 2f⌋. With antialiasing f = max(1, in/out) and a = −½, and pixels outside of the
// source do not count (Pillow's rule). Without, f = 1 and a = −¾, and the edge's pixel stands for those outside of it
// (PyTorch's rule).
//
// With in/out = n/d in lowest terms, x − s(o) is the fraction ((2x + 1)·d − (2o + 1)·n) / 2d of whole numbers: no position
// is rounded. An axis is the middle one of [outer, in, inner]; inner is c for columns and w·c for rows. Weights cost a few
// operations a tap, and are made where they are used.

import {
  type Access,
  f32,
  input,
  output,
  overIndex,
  perIndex,
  type Recipe,
  type Slot,
  scratch,
} from './kernel.ts'
import { divisor, type Range, type Rows } from './resize-axis.ts'

/** x is [n, h, w, c], y is [n, oh, ow, c]; of both there are the `rows` alone. */
export interface BicubicSpec {
  readonly n: number
  readonly h: number
  readonly w: number
  readonly c: number
  readonly oh: number
  readonly ow: number
  readonly antialias: boolean
  readonly rows?: Rows | undefined
  readonly access: readonly Access[]
}

const all = (count: number): Range => [0, count]
const sizeOf = ([from, to]: Range): number => to - from

/** Whether all that the kernel computes of positions stays below 2³¹. */
export const bicubicFits = (size: number, out: number): boolean =>
  (8 * (size + 2) * (out + 2)) / divisor(size, out) < 2 ** 31

/** How an axis is sampled: in/out = n/d in lowest terms, 2d·f, the width of a pixel of the kernel in units of 1/2d, and the
 * pixels that may count. */
function axisOf(size: number, out: number, antialias: boolean) {
  const common = divisor(size, out)
  const [n, d] = [size / common, out / common]
  const unit = 2 * (antialias ? Math.max(n, d) : d)
  return { n, d, unit, low: antialias ? 0 : -2, high: antialias ? size : size + 2 }
}

/** The source pixels of an axis that count for outputs [from, to). */
export function bicubicReach(
  size: number,
  out: number,
  antialias: boolean,
  [from, to]: Range,
): Range {
  if (size === out) return [from, to]
  const { n, d, unit, low, high } = axisOf(size, out, antialias)
  const bound = (o: number, reach: number) => Math.floor(((2 * o + 1) * n + d + reach) / (2 * d))
  const inside = (i: number) => Math.min(Math.max(i, 0), size - 1)
  const begin = inside(Math.max(bound(from, -2 * unit), low))
  return [begin, inside(Math.min(bound(to - 1, 2 * unit), high) - 1) + 1]
}

/** Columns, then rows; an axis that keeps its size is left out, but for one. Inputs x; outputs y. Scratch: n·h·ow·c
 * floats. */
export function bicubic(spec: BicubicSpec): Recipe {
  const { n, h, w, c, oh, ow, antialias, access } = spec
  const { x, y } = spec.rows ?? { x: all(h), y: all(oh) }
  const columns = { outer: n * sizeOf(x), size: w, out: ow, inner: c, x: all(w), y: all(ow) }
  const rows = { outer: n, size: h, out: oh, inner: ow * c, x, y }
  if (h === oh)
    return { scratch: [], dispatches: [along(columns, antialias, input(0), output(0), access[0])] }
  if (w === ow)
    return { scratch: [], dispatches: [along(rows, antialias, input(0), output(0), access[0])] }
  return {
    scratch: [n * sizeOf(x) * ow * c * 4],
    dispatches: [
      along(columns, antialias, input(0), scratch(0), access[0]),
      along(rows, antialias, scratch(0), output(0), 'read_write'),
    ],
  }
}

interface Pass {
  readonly outer: number
  readonly size: number
  readonly out: number
  readonly inner: number
  /** Those at hand, of `size` and of `out`. */
  readonly x: Range
  readonly y: Range
}

function along(
  { outer, size, out, inner, x, y }: Pass,
  antialias: boolean,
  from: Slot,
  to: Slot,
  access: Access,
) {
  const vec = inner % 4 === 0
  const type = vec ? 'vec4f' : 'f32'
  const kernel = perIndex({
    key: 'bicubic',
    params:
      'inner: u32, size: i32, first: i32, here: u32, start: i32, out: u32, n: i32, d: i32, reach: i32, low: i32, high: i32, unit: f32, a: f32',
    bindings: [
      { name: 'x', access, elem: 'f32', vec },
      { name: 'y', access: 'read_write', elem: 'f32', vec },
    ],
    functions: /* wgsl */ `
fn floorDiv(a: i32, b: i32) -> i32 { return select(a / b, (a - b + 1) / b, a < 0); }
fn keys(t: f32) -> f32 {
  let near = ((p.a + 2.0) * t - (p.a + 3.0)) * t * t + 1.0;
  let far = p.a * (((t - 5.0) * t + 8.0) * t - 4.0);
  return select(select(0.0, far, t < 2.0), near, t <= 1.0);
}`,
    body: /* wgsl */ `
  let line = i / p.inner;
  let outer = line / p.out;
  let centre = (2 * (i32(line - outer * p.out) + p.start) + 1) * p.n;
  let begin = max(floorDiv(centre + p.d - p.reach, 2 * p.d), p.low);
  let end = min(floorDiv(centre + p.d + p.reach, 2 * p.d), p.high);
  let base = outer * p.here * p.inner + i - line * p.inner;
  var sum = ${type}();
  var total = 0.0;
  for (var k = begin; k < end; k++) {
    let weight = keys(f32(abs((2 * k + 1) * p.d - centre)) / p.unit);
    sum += weight * x[base + u32(clamp(k, 0, p.size - 1) - p.first) * p.inner];
    total += weight;
  }
  y[i] = sum / total;`,
  })
  const { n, d, unit, low, high } = axisOf(size, out, antialias)
  const step = vec ? inner / 4 : inner
  const places = [x[0], sizeOf(x), y[0], sizeOf(y)]
  const numbers = [step, size, ...places, n, d, 2 * unit, low, high]
  const a = antialias ? -0.5 : -0.75
  return overIndex(kernel, outer * sizeOf(y) * step, [from, to], ...numbers, f32(unit), f32(a))
}
