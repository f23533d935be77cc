// How many elements fall into each of so many equal bins.
//
//   bins[b] = #{ i : low ≤ x[i] ≤ high and min(⌊(x[i] − low) · scale⌋, bins − 1) = b }
//
// in f32 arithmetic, two roundings that are the same everywhere. Whether an element is between the ends is asked of keys
// that order like the values (threshold.ts), so NaN is outside and no driver's idea of subnormals matters.
//
// Few bins are counted in workgroup memory first, so that values which are all alike do not queue at one word of the
// result; many bins in the result itself. u32 sums do not depend on the order of the atomics.

import {
  type Access,
  f32,
  gridFor,
  input,
  type Kernel,
  output,
  overIndex,
  perIndex,
  type Recipe,
  words,
} from './kernel.ts'
import { keyOf, zeros } from './threshold.ts'

const LANES = 256
/** More bins than this are counted in the result. */
const FEW = 1024
/** Elements of a lane, at least. */
const EACH = 16

export interface HistogramSpec {
  readonly size: number
  readonly bins: number
  readonly low: number
  readonly high: number
  readonly scale: number
  readonly access: Access
}

/** Input x f32; output u32 [bins]. */
export function histogram({ size, bins, low, high, scale, access }: HistogramSpec): Recipe {
  const start = overIndex(zeros, bins, [output(0)])
  const buffers = [input(0), output(0)]
  const params = [bins, f32(low), f32(high), f32(scale)]
  if (bins > FEW)
    return { scratch: [], dispatches: [start, overIndex(many(access), size, buffers, ...params)] }
  const groups = Math.min(1024, Math.ceil(size / (LANES * EACH)))
  const grid = gridFor(groups, 1)
  const counting = { kernel: few(access), buffers, params: words(size, ...params), grid }
  return { scratch: [], dispatches: [start, counting] }
}

/** `binOf` gives no bin, p.bins, to what is outside. */
const binOf = /* wgsl */ `${keyOf}
fn binOf(bits: u32) -> u32 {
  let key = keyOf(bits);
  if (key == 0u || key < keyOf(bitcast<u32>(p.high)) || key > keyOf(bitcast<u32>(p.low))) { return p.bins; }
  return min(u32((bitcast<f32>(bits) - p.low) * p.scale), p.bins - 1u);
}`

const many = (access: Access): Kernel =>
  perIndex({
    key: 'histogram/many',
    params: 'bins: u32, low: f32, high: f32, scale: f32',
    bindings: [
      { name: 'x', access, elem: 'u32' },
      { name: 'counts', access: 'read_write', elem: 'u32', atomic: true },
    ],
    functions: binOf,
    body: /* wgsl */ `
  let bin = binOf(x[i]);
  if (bin < p.bins) { atomicAdd(&counts[bin], 1u); }`,
  })

const few = (access: Access): Kernel => ({
  key: `histogram/few/${access}`,
  access: [access, 'read_write'],
  code: /* wgsl */ `
struct Params { count: u32, bins: u32, low: f32, high: f32, scale: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, ${access}> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> counts: array<atomic<u32>>;
var<workgroup> own: array<atomic<u32>, ${FEW}>;
${binOf}
@compute @workgroup_size(${LANES})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  for (var i = id.x; i < p.count; i += groups.x * ${LANES}u) {
    let bin = binOf(x[i]);
    if (bin < p.bins) { atomicAdd(&own[bin], 1u); }
  }
  workgroupBarrier();
  for (var b = lane; b < p.bins; b += ${LANES}u) {
    let n = atomicLoad(&own[b]);
    if (n > 0u) { atomicAdd(&counts[b], n); }
  }
}`,
})
