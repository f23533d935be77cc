// Convolution, schedule `tile`: a block of the matrix product in workgroup memory, for real GPUs. (index.ts has the
// mathematics.)
//
//   A workgroup makes BM pixels × BN vec4s of channels: across × down invocations, each rows × cols.
//   K block: depth channels of one tap; blocks are numbered tap after tap. Number b lies in half b mod 2 of
//     xs[k][m]   x of pixel m at channel c + k, k-major, so that a fragment of four pixels is one vec4
//     ws[k][n]   w[tap, c + k, column + n]
//   row i of invocation (X, Y):    pixel  4·(Y + down·⌊i/4⌋) + i mod 4        column j:  X + across·j
//
//   turn b:   registers ← block b      multiply block b − 1      half b mod 2 ← registers      barrier
//
// so that the loads of a block are under way while the block before is multiplied, and one barrier a block is enough: whoever
// writes a half has passed the barrier after which nobody reads what was in it. Each element is loaded once per workgroup and
// read down or across times. A loader unit is four pixels at four channels: four vec4s from x, transposed in registers, four
// vec4s to `xs`. An invocation's units are the same pixels in every block, so that where they read is worked out
// once per tap. Rows of `xs` are one vec4 longer than the tile: neighbouring lanes hold neighbouring channels, four rows apart,
// and would meet in the same banks. Interleaving rows in fours and columns by `across` makes the lanes' reads neighbours too.
//
// 8×8 sums are the least that balances multiply-adds with reads of workgroup memory on NVIDIA (128 bytes a clock).
// Channels past cin are loaded as zeros on both sides, so sums have the order and the bits of `direct`, but for the
// sign of a zero; only where K is split are there partial sums (split.ts). After the block tiling and the double
// buffering of S. Boehm's "How to optimize a CUDA matmul kernel" and tfjs's conv2d_mm.

import type { Kernel } from '../kernel.ts'
import { columnAt, type ForwardSpec, frame, storeSums, weight, xOf } from './frame.ts'
import { oneTap, tapHits, times } from './index.ts'
import type { Loader } from './load.ts'

/** The block: rows is a multiple of 4, depth too; `lanes` = across · down. */
export interface Block {
  readonly rows: number
  readonly cols: number
  readonly lanes: number
  /** Invocations along the channels. */
  readonly across: number
  /** Channels in one K block. */
  readonly depth: number
}

/** vec4s in one half of `xs` and of `ws`. */
const halves = ({ rows, cols, lanes, across, depth }: Block) => ({
  xs: depth * ((lanes / across) * (rows / 4) + 1),
  ws: depth * across * cols,
})

/** Bytes of workgroup memory that a block takes. */
export const tileBytes = (block: Block) => 2 * 16 * (halves(block).xs + halves(block).ws)

/** Whether `convTile` can compute a convolution over cin channels with this block, within these limits. */
export const tileFits = (cin: number, block: Block, storage: number, invocations: number) =>
  cin % 4 === 0 && block.lanes <= invocations && tileBytes(block) <= storage

/** Bindings as `convDirect`. Needs vecIn. */
export function convTile(spec: ForwardSpec, block: Block): Kernel {
  const { divided, vecW, split } = spec
  const { rows, cols, lanes, across, depth } = block
  const down = lanes / across
  const pixelQuads = (down * rows) / 4
  const channelQuads = depth / 4
  const width = across * cols
  const { xs, ws } = halves(block)
  const xLoads = turnsOf(pixelQuads * channelQuads, lanes)
  const wLoads = turnsOf(depth * width, lanes)
  const x = xOf(spec)
  return frame(spec, {
    name: `tile/${rows}x${cols}x${lanes}/${across}x${depth}`,
    pixels: 4 * pixelQuads,
    quads: width,
    band: 8,
    globals: /* wgsl */ `
var<workgroup> xs: array<vec4f, ${2 * xs}>;
var<workgroup> ws: array<vec4f, ${2 * ws}>;
${divided ? tapHits : ''}`,
    body: /* wgsl */ `
  let laneX = lane % ${across}u;
  let laneY = lane / ${across}u;
  ${times(xLoads.turns, (t) => unit(t, lanes, channelQuads, 4 * pixelQuads))}
  ${times(xLoads.turns, (t) => times(4, (i) => `var b${4 * t + i} = 0u; var v${4 * t + i} = false; var r${t}_${i} = vec4f();`))}
  ${times(wLoads.turns, (t) => {
    const e = `(lane + ${t * lanes}u)`
    return `let wk${t} = ${e} / ${width}u; let wn${t} = ${columnAt(vecW, `(column + ${e} % ${width}u)`)}; var q${t} = vec4f();`
  })}
  ${times(rows, (i) => times(cols, (j) => `var a${i}_${j} = vec4f();`))}
  let steps = (p.cin + ${depth - 1}u) / ${depth}u;
  let taps = p.kh * p.kw;
  ${split ? 'var number = part * p.strip; let end = min(number + p.strip, taps * steps);' : 'var number = 0u; let end = taps * steps;'}
  var tap = ${split ? 'number / steps' : '0u'};
  var ky = tap / p.kw;
  var kx = tap - ky * p.kw;
  var c = ${split ? `(number - tap * steps) * ${depth}u` : '0u'};
  var entered = false;
  for (var turn = 0u; ; turn++) {
    ${divided ? skipTaps : ''}
    let more = number < end;
    if (more) {
      if (!entered) {
        ${oneTap(4 * xLoads.turns, divided)}
        entered = true;
      }
      ${times(xLoads.turns, (t) => loadUnit(x, t))}
      let row = tap * p.cin + c;
      ${times(wLoads.turns, (t) => `q${t} = select(vec4f(), ${weight(vecW, `(wBase + (row + wk${t}) * wStep + wn${t})`, 0)}, c + wk${t} < p.cin);`)}
      c += ${depth}u;
      number++;
      if (c >= p.cin) { ${nextTap} }
    }
    if (turn > 0u) {
      let xHalf = (1u - (turn & 1u)) * ${xs}u + laneY;
      let wHalf = (1u - (turn & 1u)) * ${ws}u + laneX;
      for (var k = 0u; k < ${depth}u; k++) {
        ${times(rows / 4, (q) => `let u${q} = xs[xHalf + k * ${pixelQuads + 1}u + ${q * down}u];`)}
        ${times(cols, (j) => `let w${j} = ws[wHalf + k * ${width}u + ${j * across}u];`)}
        ${times(rows, (i) => times(cols, (j) => `a${i}_${j} = fma(vec4f(u${i >> 2}.${'xyzw'[i & 3]}), w${j}, a${i}_${j});`))}
      }
    }
    if (!more) { break; }
    let xTo = (turn & 1u) * ${xs}u;
    let wTo = (turn & 1u) * ${ws}u;
    ${times(xLoads.turns, (t) => storeUnit(t, pixelQuads + 1, xLoads.guard(t)))}
    ${times(wLoads.turns, (t) => `${wLoads.guard(t)}{ ws[wTo + lane + ${t * lanes}u] = q${t}; }`)}
    workgroupBarrier();
  }
  ${storeSums(
    rows,
    cols,
    `let pixel = place(block * ${4 * pixelQuads}u + 4u * (laneY + ${down}u * (i >> 2u)) + (i & 3u));`,
    `column + laneX + ${across}u * j`,
    spec.statistics ? { pixels: 4 * pixelQuads, lanes, across, memory: 'xs' } : undefined,
  )}`,
  })
}

/** How often all lanes take one of `count` things, and the test of the last time. */
export function turnsOf(count: number, lanes: number) {
  const turns = Math.ceil(count / lanes)
  const partly = turns * lanes > count
  return {
    turns,
    guard: (t: number) =>
      partly && t === turns - 1 ? `if (lane + ${t * lanes}u < ${count}u) ` : '',
  }
}

const nextTap = 'c = 0u; entered = false; tap++; kx++; if (kx == p.kw) { kx = 0u; ky++; }'

/** Taps that this phase does not see have no blocks. */
const skipTaps = /* wgsl */ `while (number < end && !hits(z, ky, kx)) {
      number = (tap + 1u) * steps;
      ${nextTap}
    }`

/** What loader unit `lane + t·lanes` reads: four pixels and, of each K block, channel quad kq{t}. */
const unit = (t: number, lanes: number, channelQuads: number, pixels: number) => /* wgsl */ `
  let unit${t} = lane + ${t * lanes}u;
  let kq${t} = unit${t} % ${channelQuads}u;
  let mq${t} = unit${t} / ${channelQuads}u;
  let pixel${4 * t} = place(block * ${pixels}u + 4u * mq${t});
  ${times(3, (i) => `let pixel${4 * t + i + 1} = next(pixel${4 * t + i});`)}`

const loadUnit = (x: Loader, t: number) => /* wgsl */ `{
        let quad = (c >> 2u) + kq${t};
        let within = 4u * quad < p.cin;
        ${times(4, (i) => `r${t}_${i} = select(vec4f(), ${x.at(`b${4 * t + i} + quad`, 'quad')}, v${4 * t + i} && within);`)}
      }`

/** Four pixels × four channels, transposed. */
const storeUnit = (t: number, stride: number, guard: string) => /* wgsl */ `${guard}{
      let to = xTo + 4u * kq${t} * ${stride}u + mq${t};
      ${times(4, (k) => `xs[to + ${k * stride}u] = vec4f(${[0, 1, 2, 3].map((i) => `r${t}_${i}.${'xyzw'[k]}`).join(', ')});`)}
    }`
