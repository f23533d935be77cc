// Convolution, schedule `tile`: a block of the matrix product in workgroup memory, for real GPUs. (conv-index.ts has the
// mathematics.)
//
//   A workgroup makes BM pixels × BN vec4s of channels: across × down invocations, each rows × cols.
//   K step: depth channels of one tap.
//     xs[k][m]   x of pixel m at channel c + k, k-major, so that a fragment of four pixels is one vec4
//     ws[k][n]   w[tap, c + k, column + n]
//   row i of invocation (X, Y):    pixel  4·(Y + down·⌊i/4⌋) + i mod 4        column j:  X + across·j
//
// Each K step is loaded once per workgroup and read from workgroup memory down or across times. A loader unit is four
// pixels at four channels: four vec4s from x, transposed in registers, four vec4s to `xs`. An invocation's units
// are the same pixels in every K step, so that where they read is worked out once per tap. Rows of `xs` are one vec4
// longer than the tile: neighbouring lanes hold neighbouring channels, four rows apart, and would meet in the same banks.
// Interleaving rows in fours and columns by `across` makes the lanes' reads neighbours as well.
//
// 8×8 sums are the least that balances multiply-adds with reads of workgroup memory on NVIDIA (128 bytes a clock);
// 64 pixels × 64 channels with 64 invocations need 8.5 KiB and fit the default limits.
// Channels past cin are loaded as zeros on both sides, so sums have the order and the bits of `direct`, but for the
// sign of a zero. After the block tiling of S. Boehm's "How to optimize a CUDA matmul kernel" and tfjs's conv2d_mm.

import { columnAt, type ForwardSpec, frame, storeSums, weight, xOf } from './conv-frame.ts'
import { overTaps, times } from './conv-index.ts'
import type { Loader } from './conv-load.ts'
import type { Kernel } from './kernel.ts'

/** The block: rows is a multiple of 4, depth too; `lanes` = across · down. */
export interface Block {
  readonly rows: number
  readonly cols: number
  readonly lanes: number
  /** Invocations along the channels. */
  readonly across: number
  /** Channels in one K step. */
  readonly depth: number
}

/** Bytes of workgroup memory that a block takes. */
export const tileBytes = ({ rows, cols, lanes, across, depth }: Block) =>
  16 * depth * ((lanes / across) * (rows / 4) + 1 + across * cols)

/** Whether `convTile` can compute a convolution over cin channels with this block, within these limits. */
export const tileFits = (cin: number, block: Block, storage: number, invocations: number) =>
  cin % 4 === 0 && block.lanes <= invocations && tileBytes(block) <= storage

/** Bindings as `convDirect`. Needs vecIn. */
export function convTile(spec: ForwardSpec, block: Block): Kernel {
  const { divided, vecOut } = spec
  const x = xOf(spec)
  const { rows, cols, lanes, across, depth } = block
  const down = lanes / across
  const pixelQuads = (down * rows) / 4
  const channelQuads = depth / 4
  const units = pixelQuads * channelQuads
  const turns = Math.ceil(units / lanes)
  const width = across * cols
  return frame(spec, {
    name: `tile/${rows}x${cols}x${lanes}/${across}x${depth}`,
    pixels: 4 * pixelQuads,
    quads: width,
    globals: /* wgsl */ `
var<workgroup> xs: array<vec4f, ${depth * (pixelQuads + 1)}>;
var<workgroup> ws: array<vec4f, ${depth * width}>;`,
    body: /* wgsl */ `
  let laneX = lane % ${across}u;
  let laneY = lane / ${across}u;
  ${times(turns, (t) => unit(t, lanes, channelQuads, 4 * pixelQuads))}
  ${times(rows, (i) => times(cols, (j) => `var a${i}_${j} = vec4f();`))}
  ${overTaps({
    rows: 4 * turns,
    divided,
    vecIn: true,
    body: /* wgsl */ `
  let wTap = wBase + tap * p.cin * wStep + ${columnAt(vecOut, 'column')};
  for (var c = 0u; c < p.cin; c += ${depth}u) {
    ${times(turns, (t) => loadX(x, t, units, pixelQuads + 1, turns * lanes > units))}
    for (var e = lane; e < ${depth * width}u; e += ${lanes}u) {
      let k = c + e / ${width}u;
      let source = wTap + k * wStep + ${columnAt(vecOut, `e % ${width}u`)};
      ws[e] = select(vec4f(), ${weight(vecOut, 'source', 0)}, k < p.cin);
    }
    workgroupBarrier();
    for (var k = 0u; k < ${depth}u; k++) {
      ${times(rows / 4, (q) => `let u${q} = xs[k * ${pixelQuads + 1}u + laneY + ${q * down}u];`)}
      ${times(cols, (j) => `let w${j} = ws[k * ${width}u + laneX + ${j * across}u];`)}
      ${times(rows, (i) => times(cols, (j) => `a${i}_${j} = fma(vec4f(u${i >> 2}.${'xyzw'[i & 3]}), w${j}, a${i}_${j});`))}
    }
    workgroupBarrier();
  }`,
  })}
  ${storeSums(
    rows,
    cols,
    `let pixel = place(block * ${4 * pixelQuads}u + 4u * (laneY + ${down}u * (i >> 2u)) + (i & 3u));`,
    `column + laneX + ${across}u * j`,
  )}`,
  })
}

/** What loader unit `lane + t·lanes` reads: four pixels and, of each K step, channel quad kq{t}. */
const unit = (t: number, lanes: number, channelQuads: number, pixels: number) => /* wgsl */ `
  let unit${t} = lane + ${t * lanes}u;
  let kq${t} = unit${t} % ${channelQuads}u;
  let mq${t} = unit${t} / ${channelQuads}u;
  let pixel${4 * t} = place(block * ${pixels}u + 4u * mq${t});
  ${times(3, (i) => `let pixel${4 * t + i + 1} = next(pixel${4 * t + i});`)}`

/** Four pixels × four channels, transposed. */
function loadX(x: Loader, t: number, units: number, stride: number, partly: boolean): string {
  const load = (i: number) =>
    `let v${i}_ = select(vec4f(), ${x.at(`b${4 * t + i} + quad`, 'quad')}, v${4 * t + i} && within);`
  const row = (k: number) =>
    `xs[to + ${k * stride}u] = vec4f(v0_.${'xyzw'[k]}, v1_.${'xyzw'[k]}, v2_.${'xyzw'[k]}, v3_.${'xyzw'[k]});`
  return /* wgsl */ `${partly ? `if (unit${t} < ${units}u) ` : ''}{
      let quad = (c >> 2u) + kq${t};
      let within = 4u * quad < p.cin;
      ${times(4, load)}
      let to = 4u * kq${t} * ${stride}u + mq${t};
      ${times(4, row)}
    }`
}
