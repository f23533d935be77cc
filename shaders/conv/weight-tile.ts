// Gradient of a convolution by its weights, schedule `tile`: a block of the matrix product in workgroup memory, for real GPUs.
// (weight.ts has the mathematics.)
//
//   A workgroup sums BM quads (four channels of a tap; quads of neighbouring taps follow one another) × BN vec4s of
//   outputs over one strip: across × down invocations, each rows quads × cols vec4s.
//   K block: depth consecutive pixels of the strip. Number b lies in half b mod 2 of
//     xs[d][m]   x of quad m for pixel d          ws[d][n]   dy[pixel d, column + n]
//   row r of invocation (X, Y):   quad  Y + down·r        column j:  X + across·j
//
// Both operands lie in memory as they are wanted: channels next to each other, pixel after pixel. A lane always loads the
// same quad, so that its tap is worked out once, and every depth-th pixel, which it finds by counting on. The halves take
// turns as in tile.ts, which also says where the tile sizes come from.

import type { Kernel } from '../kernel.ts'
import { columnAt } from './frame.ts'
import { times } from './index.ts'
import { type Block, turnsOf } from './tile.ts'
import { loadDy, loadX, type WeightGradSpec, weightFrame } from './weight-frame.ts'

/** A block with rows counted in quads and depth in pixels; its quads divide its lanes. */
export type WeightBlock = Block

/** Bindings as `weightFrame`. */
export function convWeightTile(spec: WeightGradSpec, block: WeightBlock): Kernel {
  const { vecOut } = spec
  const { rows, cols, lanes, across, depth } = block
  const down = lanes / across
  const quads = down * rows
  const width = across * cols
  const [xs, ws] = [depth * quads, depth * width]
  const xLoads = turnsOf(xs, lanes)
  const wLoads = turnsOf(ws, lanes)
  return weightFrame(spec, {
    name: `tile/${rows}x${cols}x${lanes}/${across}x${depth}`,
    ...{ lanes, rows, cols, quads, columns: width },
    loads: `lane % ${quads}u`,
    quadOf: `lane / ${across}u + ${down}u * r`,
    columnOf: `lane % ${across}u + ${across}u * j`,
    globals: /* wgsl */ `
var<workgroup> xs: array<vec4f, ${2 * xs}>;
var<workgroup> ws: array<vec4f, ${2 * ws}>;
${POSITION}`,
    body: /* wgsl */ `
  ${times(xLoads.turns, (t) => `var at${t} = place(pixel + (lane + ${t * lanes}u) / ${quads}u); var x${t} = vec4f();`)}
  ${times(wLoads.turns, (t) => {
    const e = `(lane + ${t * lanes}u)`
    return `let d${t} = ${e} / ${width}u; let n${t} = ${e} % ${width}u; var g${t} = vec4f();`
  })}
  let dyBase = ${vecOut ? '(p.yStart >> 2u)' : 'p.yStart'} + ${columnAt(vecOut, 'column')};
  for (var turn = 0u; ; turn++) {
    let more = pixel < last;
    if (more) {
      ${times(xLoads.turns, (t) => loadPixel(spec, t, depth))}
      ${times(wLoads.turns, (t) => `g${t} = select(vec4f(), ${loadDy(spec, `(dyBase + (pixel + d${t}) * dyStep + ${columnAt(vecOut, `n${t}`)})`, `column + n${t}`)}, pixel + d${t} < last);`)}
      pixel += ${depth}u;
    }
    if (turn > 0u) {
      let xHalf = (1u - (turn & 1u)) * ${xs}u + lane / ${across}u;
      let wHalf = (1u - (turn & 1u)) * ${ws}u + lane % ${across}u;
      for (var d = 0u; d < ${depth}u; d++) {
        ${times(rows, (q) => `let u${q} = xs[xHalf + d * ${quads}u + ${q * down}u];`)}
        ${times(cols, (j) => `let v${j} = ws[wHalf + d * ${width}u + ${j * across}u];`)}
        ${times(4 * rows, (i) => times(cols, (j) => `a${i}_${j} = fma(vec4f(u${i >> 2}.${'xyzw'[i & 3]}), v${j}, a${i}_${j});`))}
      }
    }
    if (!more) { break; }
    let xTo = (turn & 1u) * ${xs}u + lane;
    let wTo = (turn & 1u) * ${ws}u + lane;
    ${times(xLoads.turns, (t) => `${xLoads.guard(t)}{ xs[xTo + ${t * lanes}u] = x${t}; }`)}
    ${times(wLoads.turns, (t) => `${wLoads.guard(t)}{ ws[wTo + ${t * lanes}u] = g${t}; }`)}
    workgroupBarrier();
  }`,
  })
}

/** An output pixel by its number, and the one `count` further on. */
const POSITION = /* wgsl */ `
struct Position { n: u32, oy: u32, ox: u32, number: u32 }
fn place(m: u32) -> Position {
  let row = m / p.ow;
  let n = row / p.oh;
  return Position(n, row - n * p.oh, m - row * p.ow, m);
}
fn further(q: Position, count: u32) -> Position {
  var r = Position(q.n, q.oy, q.ox + count, q.number + count);
  while (r.ox >= p.ow) {
    r.ox -= p.ow;
    r.oy++;
    if (r.oy == p.oh) { r.oy = 0u; r.n++; }
  }
  return r;
}`

const loadPixel = (spec: WeightGradSpec, t: number, depth: number) => /* wgsl */ `{
        let iy = u32(i32(at${t}.oy) * p.mulY + ty);
        let ix = u32(i32(at${t}.ox) * p.mulX + tx);
        let live = at${t}.number < last && iy < p.h && ix < p.w;
        let source = xBase + ((at${t}.n * p.h + iy) * p.w + ix) * xStep;
        x${t} = ${loadX(spec, 'source', 'live')};
        at${t} = further(at${t}, ${depth}u);
      }`
