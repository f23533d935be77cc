// What all convolution kernels share: the geometry, its uniform block, and the way from an output pixel to the input.
//
//   y[n, oy, ox, o] = Σ_{ky,kx,c} x[n, iy, ix, c] · w[ky, kx, c, o]      iy = (oy·mulY + ky·stepY + offY) / divY
//
// where iy is an integer inside of [0, h) (ix alike); every other tap is zero.
//
//   convolution       mul = stride   step =  dilation   off = −pad   div = 1
//   its input grad    mul = 1        step = −dilation   off = +pad   div = stride   (x is dy, weights [kh, kw, cout, cin])
//   matrix product    1×1, n = h = 1, w = rows
//
// Division. With div > 1 only every div-th output row sees a given tap, so the output is cut into divY·divX phases,
// oy = gy·divY + phase. Within a phase
//
//   iy = gy + (phase + ky·stepY + offY) / divY
//
// and whether the quotient is exact does not depend on gy: one test a tap, uniform over the workgroup, and no
// multiplication by inserted zeros. z = zStart + workgroup_id.z is the phase then, and the batch entry otherwise.
//
// Batches. Entry z of a batch of products reads x and w at
//
//   outer·xOuter + inner·xBatch,  outer·wOuter + inner·wBatch     z = outer·period + inner
//
// where a stride of 0 repeats an operand: [7, 1] matrices times [1, 5] are one dispatch with period 5.
//
// Pixels. m = (n·gh + gy)·gw + gx numbers the pixels of a phase (gh = oh, gw = ow where nothing is divided).
// Tile t = group.y·groups.x + group.x has column tile t mod columnTiles, so that neighbours share their pixels.

/** x [n, h, w, cin], w [kh, kw, cin, cout], y [n, oh, ow, cout]. */
export interface ConvSizes {
  readonly n: number
  readonly h: number
  readonly w: number
  readonly cin: number
  readonly oh: number
  readonly ow: number
  readonly cout: number
  readonly kh: number
  readonly kw: number
}

/** A gather convolution: its sizes, and how it walks, in elements. */
export interface Geometry extends ConvSizes {
  readonly mulY: number
  readonly mulX: number
  readonly stepY: number
  readonly stepX: number
  readonly offY: number
  readonly offX: number
  readonly divY: number
  readonly divX: number
  /** Matrix products only: how many, and the elements from one to the next, and from one period to the next. */
  readonly batch: number
  readonly period: number
  readonly xBatch: number
  readonly xOuter: number
  readonly wBatch: number
  readonly wOuter: number
  readonly yBatch: number
  /** Elements before the tensor in its binding (y: and in the tail's 'same' operands); multiples of 4 where
   * the channels are. */
  readonly xStart: number
  readonly yStart: number
}

/** The uniform block. `strip` is read by weight gradients only: output pixels in one split. `zStart` comes first, so that
 * whoever cuts a grid that is too deep finds it. */
export const PARAMS = /* wgsl */ `
struct Params {
  zStart: u32, n: u32, h: u32, w: u32, cin: u32, oh: u32, ow: u32, cout: u32, kh: u32, kw: u32,
  mulY: i32, mulX: i32, stepY: i32, stepX: i32, offY: i32, offX: i32, divY: i32, divX: i32,
  period: u32, xBatch: u32, xOuter: u32, wBatch: u32, wOuter: u32, yBatch: u32, xStart: u32, yStart: u32,
  strip: u32, columnTiles: u32,
}
@group(0) @binding(0) var<uniform> p: Params;`

/** The words of the uniform block, 28 of them; mul…div (10–17) are i32, the others u32. */
export function paramsOf(g: Geometry, columnTiles: number, strip = 0): number[] {
  const { n, h, w, cin, oh, ow, cout, kh, kw, mulY, mulX, stepY, stepX, offY, offX } = g
  const { divY, divX, period, xBatch, xOuter, wBatch, wOuter, yBatch, xStart, yStart } = g
  const sizes = [0, n, h, w, cin, oh, ow, cout, kh, kw]
  const signed = [mulY, mulX, stepY, stepX, offY, offX, divY, divX]
  const batches = [period, xBatch, xOuter, wBatch, wOuter, yBatch]
  return [...sizes, ...signed, ...batches, xStart, yStart, strip, columnTiles]
}

/** Output pixels that one value of workgroup_id.z covers. */
export const pixelsOf = (g: Geometry) => g.n * Math.ceil(g.oh / g.divY) * Math.ceil(g.ow / g.divX)

/** Text repeated for 0 … count − 1. */
export const times = (count: number, f: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => f(i)).join('\n')

/** `place(m)` and `next(pixel)`: a pixel of the phase and the one after it (divisions only in the former); `y` and `x`
 * are where its tap (0, 0) reads, but for the tap's own shift; `at(pixel, z)` its number in the output. */
export const place = (divided: boolean) => /* wgsl */ `
struct Pixel { n: u32, gy: u32, gx: u32, live: bool }
fn gridH() -> u32 { return ${divided ? '(p.oh + u32(p.divY) - 1u) / u32(p.divY)' : 'p.oh'}; }
fn gridW() -> u32 { return ${divided ? '(p.ow + u32(p.divX) - 1u) / u32(p.divX)' : 'p.ow'}; }
fn place(m: u32) -> Pixel {
  let row = m / gridW();
  let n = row / gridH();
  return Pixel(n, row - n * gridH(), m - row * gridW(), n < p.n);
}
fn next(q: Pixel) -> Pixel {
  let endX = q.gx + 1u == gridW();
  let endY = endX && q.gy + 1u == gridH();
  let n = select(q.n, q.n + 1u, endY);
  let gy = select(select(q.gy, q.gy + 1u, endX), 0u, endY);
  return Pixel(n, gy, select(q.gx + 1u, 0u, endX), n < p.n);
}
fn inputY(q: Pixel) -> i32 { return i32(q.gy)${divided ? '' : ' * p.mulY'}; }
fn inputX(q: Pixel) -> i32 { return i32(q.gx)${divided ? '' : ' * p.mulX'}; }
${
  divided
    ? `fn outputY(q: Pixel, z: u32) -> u32 { return q.gy * u32(p.divY) + z / u32(p.divX); }
fn outputX(q: Pixel, z: u32) -> u32 { return q.gx * u32(p.divX) + z % u32(p.divX); }
fn inside(q: Pixel, z: u32) -> bool {
  return q.live && outputY(q, z) < p.oh && outputX(q, z) < p.ow;
}
fn at(q: Pixel, z: u32) -> u32 { return (q.n * p.oh + outputY(q, z)) * p.ow + outputX(q, z); }`
    : `fn inside(q: Pixel, z: u32) -> bool { return q.live; }
fn at(q: Pixel, z: u32) -> u32 { return (q.n * p.oh + q.gy) * p.ow + q.gx; }`
}`

/** How far tap number `k` of an axis shifts, as `t`, in phase `phase`. */
const shift = (divided: boolean, axis: 'Y' | 'X', k: string, t: string, phase: string) =>
  divided
    ? `let ${t} = (i32(${phase}) + i32(${k}) * p.step${axis} + p.off${axis}) / p.div${axis};`
    : `let ${t} = i32(${k}) * p.step${axis} + p.off${axis};`
const PHASE = { Y: 'z / u32(p.divX)', X: 'z % u32(p.divX)' }

const misses = (axis: 'Y' | 'X', k: string) =>
  `(i32(${PHASE[axis]}) + i32(${k}) * p.step${axis} + p.off${axis}) % p.div${axis} != 0`

/** `hits(z, ky, kx)`: whether phase z sees a tap. */
export const tapHits = /* wgsl */ `
fn hits(z: u32, ky: u32, kx: u32) -> bool { return !(${misses('Y', 'ky')} || ${misses('X', 'kx')}); }`

const rowOf = (i: number) =>
  `let iy${i} = u32(inputY(pixel${i}) + ty); let vy${i} = iy${i} < p.h && pixel${i}.live; let row${i} = (pixel${i}.n * p.h + iy${i}) * p.w;`
const whereOf = (i: number, cin: string) => ({
  valid: `vy${i} && ix${i} < p.w`,
  base: `xBase + select(0u, (row${i} + ix${i}) * ${cin}, v${i})`,
})

/** The two loops over taps. Inside, for row i of the register tile, `b{i}` is where pixel{i} begins in x, in elements
 * over `unit`, and `v{i}` says whether it is inside; `tap` counts the taps. */
export function overTaps(spec: {
  readonly rows: number
  readonly divided: boolean
  readonly vecIn: boolean
  readonly body: string
}): string {
  const { rows, divided, vecIn, body } = spec
  const cin = vecIn ? '(p.cin >> 2u)' : 'p.cin'
  const skip = (axis: 'Y' | 'X', k: string) =>
    divided ? `if (${misses(axis, k)}) { continue; }` : ''
  return /* wgsl */ `
  for (var ky = 0u; ky < p.kh; ky++) {
  ${skip('Y', 'ky')}
  ${shift(divided, 'Y', 'ky', 'ty', PHASE.Y)}
  ${times(rows, (i) => rowOf(i))}
  for (var kx = 0u; kx < p.kw; kx++) {
  ${skip('X', 'kx')}
  ${shift(divided, 'X', 'kx', 'tx', PHASE.X)}
  let tap = ky * p.kw + kx;
  ${times(rows, (i) => `let ix${i} = u32(inputX(pixel${i}) + tx); let v${i} = ${whereOf(i, cin).valid}; let b${i} = ${whereOf(i, cin).base};`)}
  ${body}
  } }`
}

/** The same for one tap (ky, kx), which the phase sees, into variables b{i} and v{i}; x in vec4s. */
export const oneTap = (rows: number, divided: boolean) => /* wgsl */ `
  ${shift(divided, 'Y', 'ky', 'ty', PHASE.Y)}
  ${shift(divided, 'X', 'kx', 'tx', PHASE.X)}
  ${times(rows, (i) => `{ ${rowOf(i)} let ix${i} = u32(inputX(pixel${i}) + tx); v${i} = ${whereOf(i, '(p.cin >> 2u)').valid}; b${i} = ${whereOf(i, '(p.cin >> 2u)').base}; }`)}`
