// Gradient of a convolution by its weights, schedule `tile`: a block of the matrix product in workgroup memory, for real GPUs.
// (conv-weight.ts has the mathematics.)
//
//   A workgroup sums BM quads (four channels of a tap; quads of neighbouring taps follow one another) × BN vec4s of
//   outputs over one strip: across × down invocations, each rows quads × cols vec4s.
//   K step: depth pixels of one output row.
//     xs[d][m]   x of quad m for pixel d          ws[d][n]   dy[pixel d, column + n]
//   row r of invocation (X, Y):   quad  Y + down·r        column j:  X + across·j
//
// Both operands lie in memory as they are wanted: channels next to each other, pixel after pixel. A lane always loads the
// same quad, so that its tap is worked out once. See conv-tile.ts for the tile sizes.

import { columnAt } from './conv-frame.ts'
import { times } from './conv-index.ts'
import type { Block } from './conv-tile.ts'
import { loadDy, loadX, type WeightGradSpec, weightFrame } from './conv-weight-frame.ts'
import type { Kernel } from './kernel.ts'

/** A block with rows counted in quads and depth in pixels; its quads divide its lanes. */
export type WeightBlock = Block

/** Bindings as `weightFrame`. */
export function convWeightTile(spec: WeightGradSpec, block: WeightBlock): Kernel {
  const { vecOut } = spec
  const { rows, cols, lanes, across, depth } = block
  const down = lanes / across
  const quads = down * rows
  const width = across * cols
  const apart = lanes / quads
  return weightFrame(spec, {
    name: `tile/${rows}x${cols}x${lanes}/${across}x${depth}`,
    ...{ lanes, rows, cols, quads, columns: width },
    loads: `lane % ${quads}u`,
    quadOf: `lane / ${across}u + ${down}u * r`,
    columnOf: `lane % ${across}u + ${across}u * j`,
    globals: /* wgsl */ `
var<workgroup> xs: array<vec4f, ${depth * quads}>;
var<workgroup> ws: array<vec4f, ${depth * width}>;`,
    body: /* wgsl */ `
    for (var r = 0u; r < run; r += ${depth}u) {
      for (var d = lane / ${quads}u; d < ${depth}u; d += ${apart}u) {
        let step = (r + d) * u32(p.mulX);
        let at = xAt + step * xStep;
        let ixd = ix + i32(step);
        xs[d * ${quads}u + lane % ${quads}u] = ${loadX(spec, 'at', 'ixd')};
      }
      for (var e = lane; e < ${depth * width}u; e += ${lanes}u) {
        let d = r + e / ${width}u;
        let at = dyAt + d * dyStep + ${columnAt(vecOut, `e % ${width}u`)};
        ws[e] = select(vec4f(), ${loadDy(spec, 'at', `column + e % ${width}u`)}, d < run);
      }
      workgroupBarrier();
      for (var d = 0u; d < ${depth}u; d++) {
        ${times(rows, (q) => `let u${q} = xs[d * ${quads}u + lane / ${across}u + ${q * down}u];`)}
        ${times(cols, (j) => `let g${j} = ws[d * ${width}u + lane % ${across}u + ${j * across}u];`)}
        ${times(4 * rows, (i) => times(cols, (j) => `a${i}_${j} = fma(vec4f(u${i >> 2}.${'xyzw'[i & 3]}), g${j}, a${i}_${j});`))}
      }
      workgroupBarrier();
    }
    dyAt += run * dyStep;`,
  })
}
