// The second half of a convolution whose taps and channels were cut into strips, so that there are enough workgroups where
// the output is small:
//
//   y[m, o] = tail(Σ_s part[s, m, o])     in the order of s
//
// One invocation for each four channels of a pixel.

import {
  type Access,
  type Dispatch,
  declare,
  gridFor,
  type Kernel,
  type Tail,
  words,
} from '../kernel.ts'
import { mathFor } from '../math.ts'
import { ending } from './tail.ts'

const GROUP = 64

/** What a strip's sums are of: an output of `pixels` pixels and cout channels, whose binding begins yStart elements before. */
interface Strips {
  readonly pixels: number
  readonly cout: number
  readonly strips: number
  readonly yStart: number
}

/** Bindings 1 part [strips, pixels, cout], the tail's operands, its outputs. */
export function splitSum(
  tail: Tail,
  yAccess: Access,
  { pixels, cout, strips, yStart }: Strips,
): Omit<Dispatch, 'buffers'> {
  const quads = Math.ceil(cout / 4)
  const count = pixels * quads
  return {
    kernel: sumKernel(tail, cout % 4 === 0, yAccess),
    params: words(count, cout, quads, pixels * cout, strips, yStart),
    grid: gridFor(count, GROUP),
  }
}

function sumKernel(tail: Tail, vecOut: boolean, yAccess: Access): Kernel {
  const end = ending(tail, vecOut, yAccess, 2)
  const load = vecOut
    ? 'part[(s * p.size + first) >> 2u]'
    : `vec4f(${[0, 1, 2, 3].map((k) => `part[s * p.size + first + ${k}u]`).join(', ')})`
  return {
    key: ['convSplitSum', vecOut ? 'vecOut' : '', end.key].join('/'),
    access: ['read_write', ...end.access],
    ...(end.half && { features: ['shader-f16'] as const }),
    get code() {
      return /* wgsl */ `${end.half ? 'enable f16;' : ''}
struct Params { count: u32, cout: u32, quads: u32, size: u32, strips: u32, yStart: u32 }
@group(0) @binding(0) var<uniform> p: Params;
${declare(1, 'part', 'read_write', 'f32', vecOut)}
${end.functions}
${mathFor(end.work)}
@compute @workgroup_size(${GROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * ${GROUP}u + lane;
  if (i >= p.count) { return; }
  let pixel = i / p.quads;
  let quad = i - pixel * p.quads;
  let first = pixel * p.cout + 4u * quad;
  var sum = vec4f();
  for (var s = 0u; s < p.strips; s++) { sum += ${load}; }
  finish(p.yStart, pixel, quad, sum);
}`
    },
  }
}
