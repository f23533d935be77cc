// Sums of what falls on the same place: y is [outer, n, inner], src [outer, m, inner], and a number says where along the
// middle axis each element of src goes.
//
//   y[o, j, i] = base[o, j, i] + Σ_k (index[o, k, i] = j ? src[o, k, i] : 0)
//
// Nothing is added to memory that others add to (there are no float atomics, and their order would be chance); every
// element of y collects its own terms. With few sources its invocation walks all of them, in their order; with many they
// are sorted first (scatter-sorted.ts).
//
// A number outside of [0, n) goes nowhere: read as u32 a negative one is large. Integers wrap; f16 is summed in f32.

import {
  type Caps,
  input,
  loadScalar,
  loadVec,
  output,
  overIndex,
  perIndex,
  type Recipe,
} from './kernel.ts'
import { baseBinding, lanesOf, type ScatterSpec, storeSums } from './scatter-frame.ts'
import { sortedSums } from './scatter-sorted.ts'

/** So many sources of an element are all looked at. */
const FEW = 64
/** So many still, if that makes no more comparisons in all. */
const SOME = 2048
const WORK = 2 ** 22

/** Inputs index, src and perhaps base; outputs y. */
export function scatterAdd(spec: ScatterSpec, caps: Caps): Recipe {
  const { outer, n, m, inner } = spec
  const work = outer * n * inner * m
  return m <= FEW || (m <= SOME && work <= WORK) ? direct(spec) : sortedSums(spec, caps)
}

function direct(spec: ScatterSpec): Recipe {
  const { elem, outer, n, m, inner, base, access, index, shared } = spec
  const lanes = lanesOf(elem, inner)
  const { vec, type, columns } = lanes
  const wide = vec && !shared
  const hit = wide
    ? /* wgsl */ `let hit = vec4u(${loadVec('index', index, 'at')}) == vec4u(j);
    if (any(hit)) { sum += select(${type}(), ${lanes.load('src', 'at')}, hit); }`
    : `if (u32(${loadScalar('index', index, shared ? 'k' : 'at')}) == j) { sum += ${lanes.load('src', 'at')}; }`
  const kernel = perIndex({
    key: `scatterAdd/${shared ? 'shared' : 'own'}`,
    params: 'total: u32, n: u32, m: u32, inner: u32',
    bindings: [
      { name: 'index', access: access[0], elem: index, vec: wide },
      { name: 'src', access: access[1], elem, vec },
      ...baseBinding(spec, access[2], vec),
      { name: 'y', access: 'read_write', elem, vec },
    ],
    functions: /* wgsl */ `
fn sumAt(e: u32) -> ${type} {
  let row = e / p.inner;
  let o = row / p.n;
  let j = row - o * p.n;
  var at = o * p.m * p.inner + (e - row * p.inner);
  var sum = ${base ? lanes.load('base', 'e') : `${type}()`};
  for (var k = 0u; k < p.m; k++) {
    ${hit}
    at += p.inner;
  }
  return sum;
}`,
    body: storeSums(lanes),
  })
  const total = outer * n * columns
  const slots = [input(0), input(1), ...(base ? [input(2)] : []), output(0)]
  const count = Math.ceil(total / lanes.each)
  return { scratch: [], dispatches: [overIndex(kernel, count, slots, total, n, m, columns)] }
}
