// Channels that do not come in fours, brought into fours: a convolution over 3 or 21 channels reads each of them many times, so
// that one copy with zeros after the last costs less than scalar loads in the inner loops.
//
//   [pixels, c] → [pixels, 4⌈c/4⌉]        weights [taps, cin, cout] → [taps, 4⌈cin/4⌉, 4⌈cout/4⌉]
//
// The copy also does what pointwise work there is before the layer, once an element instead of once a tap.

import { type Caps, type Dispatch, gridFor, type Kernel, type Slot, words } from '../kernel.ts'
import { mathFor } from '../math.ts'
import type { Load } from '../reduce.ts'
import type { Geometry } from './index.ts'
import { loader } from './load.ts'

export const inFours = (channels: number) => 4 * Math.ceil(channels / 4)

/** Multiply-adds of one element of x that pay for its copy; terms of a sum that pay for one of w, used at as many pixels. */
const WORTH = 256
const TERMS = 64
/** No copy of x takes more: scores are copied where memory is scarcest. */
const MOST_BYTES = 2 ** 27

type Binding = Pick<Caps, 'maxBindingBytes'>

/** Whether a copy of w can be bound. */
const fitsW = ({ kh, kw, cout }: Geometry, cin: number, { maxBindingBytes }: Binding) =>
  4 * kh * kw * cin * inFours(cout) <= maxBindingBytes

/** Whether x of a convolution, and with it w, is copied into fours. */
export function padsX(g: Geometry, caps: Binding): boolean {
  const { n, h, w, cin, cout, oh, ow, kh, kw, batch, divY, divX } = g
  if (batch > 1 || cin % 4 === 0 || inFours(cin) > 1.5 * cin) return false
  const uses = (kh * kw * cout * oh * ow) / (h * w * divY * divX)
  const most = Math.min(MOST_BYTES, caps.maxBindingBytes)
  return uses >= WORTH && 4 * n * h * w * inFours(cin) <= most && fitsW(g, inFours(cin), caps)
}

/** Whether w of a convolution is copied into fours. */
export function padsW(g: Geometry, caps: Binding): boolean {
  const { n, oh, ow, cin, cout, kh, kw, batch } = g
  const pays = kh * kw * cin >= TERMS && n * oh * ow >= TERMS
  return padsX(g, caps) || (batch === 1 && cout % 4 !== 0 && pays && fitsW(g, cin, caps))
}

/** The geometry over the copies. */
export const inFoursOf = <G extends Geometry>(g: G, caps: Binding): G =>
  padsX(g, caps) ? { ...g, cin: inFours(g.cin), xStart: 0 } : g

const GROUP = 64

/** Copies [blocks, rows, channels], `start` elements into its binding, to [blocks, outRows, 4⌈channels/4⌉]; rows past the last
 * are zeros. `slots`: what is read, then what is written. */
export function padded(
  load: Load,
  size: {
    readonly blocks: number
    readonly rows: number
    readonly outRows: number
    readonly channels: number
    readonly start: number
  },
  slots: readonly Slot[],
): Dispatch {
  const { blocks, rows, outRows, channels, start } = size
  const quads = Math.ceil(channels / 4)
  const count = blocks * outRows * quads
  return {
    kernel: padKernel(load),
    buffers: slots,
    params: words(count, rows, outRows, channels, quads, start),
    grid: gridFor(count, GROUP),
  }
}

function padKernel(load: Load): Kernel {
  const x = loader('x', load, false, 1)
  const one = (k: number) =>
    `select(0.0, ${x.at(`source + ${k}u`, `channel + ${k}u`)}, row < p.rows && channel + ${k}u < p.channels)`
  return {
    key: ['convPad', x.key, ...x.access].join('/'),
    access: [...x.access, 'read_write'],
    ...(x.half && { features: ['shader-f16'] as const }),
    get code() {
      return /* wgsl */ `${x.half ? 'enable f16;' : ''}
struct Params { count: u32, rows: u32, outRows: u32, channels: u32, quads: u32, start: u32 }
@group(0) @binding(0) var<uniform> p: Params;
${x.functions}
@group(0) @binding(${x.access.length + 1}) var<storage, read_write> y: array<vec4f>;
${mathFor(x.work)}
@compute @workgroup_size(${GROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * ${GROUP}u + lane;
  if (i >= p.count) { return; }
  let r = i / p.quads;
  let channel = 4u * (i - r * p.quads);
  let block = r / p.outRows;
  let row = r - block * p.outRows;
  let source = p.start + (block * p.rows + row) * p.channels + channel;
  y[i] = vec4f(${[0, 1, 2, 3].map(one).join(', ')});
}`
    },
  }
}
