// Sums along one axis after another, each of a few neighbours: adaptive means, and the adjoints of padding.
//
//   y[a, i, b] = Σ x[a, s, b]·weight    over the s that belong to i, in ascending order; x is [outer, from, inner]
//
//   adaptive       s ∈ W(i) = [⌊i·from/to⌋, ⌈(i+1)·from/to⌉)    weight 1/|W(i)|
//   adaptiveGrad   s ∈ W(i) as above, since i ∈ W(s) ⇔ s ∈ W(i)  weight 1/|W(s)|, W(s) with from and to exchanged
//   replicateGrad  s = i + before; the first and the last i also take everything in front of and behind them
//   reflectGrad    s = i + before, before − i, before + 2·(to − 1) − i, as far as these lie in the padding
//
// What an axis leaves is the next one's x, in f32 scratch memory.

import {
  type Access,
  type Dispatch,
  type Elem,
  input,
  loadScalar,
  loadVec,
  output,
  overIndex,
  perIndex,
  type Recipe,
  type Slot,
  scratch,
  storeVec,
} from './kernel.ts'

export type AxisSum = 'adaptive' | 'adaptiveGrad' | 'replicateGrad' | 'reflectGrad'

export interface AxisSums {
  readonly sum: AxisSum
  readonly from: readonly number[]
  readonly to: readonly number[]
  /** How much of each axis of x lies in front, for the adjoints of padding. */
  readonly before: readonly number[]
  readonly elem: Elem
  readonly access: Access
}

const windowed = (weight: string) => /* wgsl */ `
  for (var s = begin(o, p.xn, p.yn); s < end(o, p.xn, p.yn); s++) { sum += load(s)${weight}; }`

const bodies: Record<AxisSum, string> = {
  adaptive: `${windowed('')}
  sum /= f32(end(o, p.xn, p.yn) - begin(o, p.xn, p.yn));`,
  adaptiveGrad: windowed(' / f32(end(s, p.yn, p.xn) - begin(s, p.yn, p.xn))'),
  replicateGrad: /* wgsl */ `
  let first = select(o + p.before, 0u, o == 0u);
  let last = select(o + p.before + 1u, p.xn, o + 1u == p.yn);
  for (var s = first; s < last; s++) { sum += load(s); }`,
  reflectGrad: /* wgsl */ `
  if (o > 0u && o <= p.before) { sum += load(p.before - o); }
  sum += load(p.before + o);
  let behind = p.before + 2u * (p.yn - 1u) - o;
  if (o + 1u < p.yn && behind < p.xn) { sum += load(behind); }`,
}

/** One dispatch for each axis whose size changes; where none does, the sums along the first are its own elements.
 * Inputs x; outputs y. */
export function axisSums({ sum, from, to, before, elem, access }: AxisSums): Recipe {
  const changed = from.flatMap((n, a) => (n === to[a] ? [] : [a]))
  const axes = changed.length ? changed : [0]
  const shape = [...from]
  const sizes: number[] = []
  const dispatches = axes.map((a, step): Dispatch => {
    shape[a] = to[a]
    const size = (begin: number, end?: number) => shape.slice(begin, end).reduce((n, m) => n * m, 1)
    const inner = size(a + 1)
    const isFirst = step === 0
    const isLast = step === axes.length - 1
    const x: Slot = isFirst ? input(0) : scratch(step - 1)
    const y: Slot = isLast ? output(0) : scratch(step)
    const vec = inner % 4 === 0
    const kernel = axisKernel(
      sum,
      vec,
      isFirst ? elem : 'f32',
      isLast ? elem : 'f32',
      isFirst ? access : 'read_write',
    )
    if (!isLast) sizes.push(4 * size(0))
    const units = vec ? inner / 4 : inner
    const count = size(0, a + 1) * units
    return overIndex(kernel, count, [x, y], from[a], to[a], units, before[a])
  })
  return { scratch: sizes, dispatches }
}

function axisKernel(sum: AxisSum, vec: boolean, from: Elem, to: Elem, access: Access) {
  const type = vec ? 'vec4f' : 'f32'
  const load = vec ? loadVec : loadScalar
  return perIndex({
    key: `axisSum/${sum}`,
    params: 'xn: u32, yn: u32, inner: u32, before: u32,',
    bindings: [
      { name: 'x', access, elem: from, vec },
      { name: 'y', access: 'read_write', elem: to, vec },
    ],
    functions: /* wgsl */ `
var<private> base: u32;
fn load(s: u32) -> ${type} { return ${load('x', from, 'base + s * p.inner')}; }
fn begin(i: u32, n: u32, m: u32) -> u32 { return i * n / m; }
fn end(i: u32, n: u32, m: u32) -> u32 { return ((i + 1u) * n + m - 1u) / m; }`,
    body: /* wgsl */ `
  let row = i / p.inner;
  let o = row % p.yn;
  base = (row / p.yn) * p.xn * p.inner + i % p.inner;
  var sum = ${type}();${bodies[sum]}
  ${vec ? storeVec('y', to, 'i', 'sum') : `y[i] = ${to === 'f16' ? 'f16(sum)' : 'sum'};`}`,
  })
}
