// Max pooling: the largest of each window, where in the window it was and, where asked, where in the map.
//
//   y[n, oy, ox, c]         = max over the window's taps inside x
//   index[n, oy, ox, c]     = ky·kw + kx of that tap
//   positions[n, oy, ox, c] = iy·w + ix of that tap, in a map of which x may be some rows
//
//   iy = oy·stride − top + ky·dilation        ky ∈ [0, kh)        (the same for x)
//
// The first maximum in row-major order wins, and the first NaN wins over every number. (PyTorch lets the last NaN win;
// which of several NaNs gets the gradient is of no use to anyone.) Every window must have a tap inside x.
//
// One invocation makes one vec4 of channels of a strip of neighbours of one row: it finds its place once and goes on by
// addition. A window of few cells without dilation is written out, and columns that the next window of the strip has too
// stay in registers. There a tap outside x is moved to the nearest cell inside, which belongs to the window as well: a
// cell that is met again does not beat itself, so nothing is masked. Other windows are loops over the taps inside x.
// Where c is not a multiple of 4, an invocation makes four elements one after another by the same loops.

import { fourElements } from './four.ts'
import { input, output, overIndex, perIndex, type Recipe, storeVec } from './kernel.ts'
import { POOL_PARAMS, type PoolSpec, type PoolVariant, poolVariant, STRIP } from './pool.ts'

/** The most cells of a window that is written out. */
const FEW = 9

export interface MaxPoolSpec extends PoolSpec {
  /** Makes positions too, in a map whose row of this number is the first of x. */
  readonly firstRow?: number
}

/** Inputs x; outputs y, index and, with `firstRow`, positions i32, all [n, oh, ow, c]. */
export function maxPool(spec: MaxPoolSpec): Recipe {
  const { n, w, c, oh, ow, kernel, stride, firstRow, access } = spec
  const v = poolVariant(spec, c % 4 === 0)
  const { vec, elem, indexElem, dilated, pooled, params } = v
  const few = vec && !dilated && kernel[0] * kernel[1] <= FEW
  const results = [
    { name: 'y', elem, value: 'best.value' },
    { name: 'index', elem: indexElem, value: 'best.tap' },
    { name: 'positions', elem: 'u32' as const, value: 'best.position' },
  ].slice(0, firstRow === undefined ? 2 : 3)
  const shape = few ? `${kernel.join('×')}/${Math.min(stride[1], kernel[1])}` : dilated && 'dilated'
  const store = results.map((r) => storeVec(r.name, r.elem, 'to', r.value)).join('\n    ')
  const window = few ? writtenOut(v, kernel, stride[1]) : { before: '', make: byLoops, next: '' }
  const code = perIndex({
    key: `maxPool/${shape || ''}${firstRow === undefined ? '' : '/positions'}`,
    params: `${POOL_PARAMS} strips: u32, above: u32,`,
    bindings: [
      { name: 'x', access: access[0], elem, vec },
      ...results.map((r) => ({ name: r.name, access: 'read_write' as const, elem: r.elem, vec })),
    ],
    functions: beats(v) + (few ? '' : loops(v)),
    body: vec
      ? /* wgsl */ `
  let strip = i / p.c;
  let c = i - strip * p.c;
  let row = strip / p.strips;
  let begin = (strip - row * p.strips) * ${STRIP}u;
  let n = row / p.oh;
  // Rows and columns of x are counted from the padding's corner, so that nothing is negative.
  let y0 = (row - n * p.oh) * p.sh;
  var x0 = begin * p.sw;
  var to = (row * p.ow + begin) * p.c + c;
  ${window.before}
  for (var step = 0u; step < min(${STRIP}u, p.ow - begin); step++) {
    ${window.make}
    ${store}
    to += p.c;
    x0 += p.sw;
    ${window.next}
  }`
      : fourElements(
          /* wgsl */ `
    let c = e % p.c;
    let pixel = e / p.c;
    let row = pixel / p.ow;
    let n = row / p.oh;
    let y0 = (row - n * p.oh) * p.sh;
    let x0 = (pixel - row * p.ow) * p.sw;
    ${byLoops}`,
          results,
        ),
  })
  const strips = Math.ceil(ow / STRIP)
  const count = vec ? n * oh * strips * params[0] : Math.ceil(pooled / 4)
  const slots = [input(0), ...results.map((_, k) => output(k))]
  const words = [...params, strips, (firstRow ?? 0) * w]
  return { scratch: [], dispatches: [overIndex(code, count, slots, ...words)] }
}

/** What is known of a window, and which cell wins over the best one so far. */
function beats({ vec, elem, real, whole }: PoolVariant): string {
  const bools = vec ? 'vec4<bool>' : 'bool'
  const float = elem === 'f32' || elem === 'f16'
  return /* wgsl */ `
struct Best { value: ${real}, tap: ${whole}, position: ${whole} }
fn isNan(v: ${real}) -> ${bools} {
  return (bitcast<${whole}>(v) & ${whole}(0x7fffffffu)) > ${whole}(0x7f800000u);
}
fn after(best: Best, v: ${real}, tap: u32, position: u32) -> Best {
  let wins = ${float ? '((v > best.value) | isNan(v)) & !isNan(best.value)' : 'v > best.value'};
  return Best(select(best.value, v, wins), select(best.tap, ${whole}(tap), wins),
              select(best.position, ${whole}(position), wins));
}`
}

const byLoops = 'let best = largest(n, y0, x0, c);'

/** `largest`, over the taps inside x of the window at (y0, x0) from the padding's corner. */
function loops({ dilated, whole, load }: PoolVariant): string {
  const steps = (cells: string, d: string) =>
    dilated ? `(${cells} + p.${d} - 1u) / p.${d}` : cells
  return /* wgsl */ `
fn largest(n: u32, y0: u32, x0: u32, c: u32) -> Best {
  let kyBegin = ${steps('max(p.top, y0) - y0', 'dh')};
  let kxBegin = ${steps('max(p.left, x0) - x0', 'dw')};
  let kyEnd = min(p.kh, ${steps('p.top + p.h - y0', 'dh')});
  let kxEnd = min(p.kw, ${steps('p.left + p.w - x0', 'dw')});
  // In image n: where the window begins.
  let corner = (y0 - p.top) * p.w + x0 - p.left;
  let image = n * p.h * p.w;
  let first = corner + kyBegin * p.dh * p.w + kxBegin * p.dw;
  var best = Best(${load('x', '(image + first) * p.c + c')}, ${whole}(kyBegin * p.kw + kxBegin),
                  ${whole}(p.above + first));
  for (var ky = kyBegin; ky < kyEnd; ky++) {
    let line = corner + ky * p.dh * p.w;
    for (var kx = kxBegin; kx < kxEnd; kx++) {
      let at = line + kx * p.dw;
      best = after(best, ${load('x', '(image + at) * p.c + c')}, ky * p.kw + kx, p.above + at);
    }
  }
  return best;
}`
}

/** The window at (y0, x0) written out: cell (ky, kx) is v<ky>_<kx>, in row iy<ky> and column ix<kx> of x. `before` a strip
 * are the rows and the columns that its first window shares with the second one. */
function writtenOut({ whole, load }: PoolVariant, [kh, kw]: readonly number[], stride: number) {
  const [rows, columns] = [range(kh), range(kw)]
  const kept = range(Math.max(0, kw - stride))
  const column = (kx: number, declare = 'let') => /* wgsl */ `
    ${declare} ix${kx} = clamp(x0 + ${kx}u, p.left, p.left + p.w - 1u) - p.left;
    ${lines(rows, (ky) => `${declare} v${ky}_${kx} = ${load('x', `row${ky} + ix${kx} * p.c`)};`)}`
  const cells = rows.flatMap((ky) =>
    columns.map((kx) => ({
      value: `v${ky}_${kx}`,
      tap: `tap${ky} + ix${kx} - x0`,
      position: `above${ky} + ix${kx}`,
    })),
  )
  const [{ value, tap, position }] = cells
  return {
    before: /* wgsl */ `${lines(
      rows,
      (ky) => /* wgsl */ `
  let iy${ky} = clamp(y0 + ${ky}u, p.top, p.top + p.h - 1u) - p.top;
  let row${ky} = (n * p.h + iy${ky}) * p.w * p.c + c;
  let tap${ky} = (iy${ky} + p.top - y0) * p.kw + p.left;
  let above${ky} = p.above + iy${ky} * p.w;`,
    )}
  ${lines(kept, (kx) => column(kx, 'var'))}`,
    make: /* wgsl */ `${lines(columns.slice(kept.length), (kx) => column(kx))}
    var best = Best(${value}, ${whole}(${tap}), ${whole}(${position}));
    ${lines(cells.slice(1), (o) => `best = after(best, ${o.value}, ${o.tap}, ${o.position});`)}`,
    next: lines(kept, (kx) =>
      [
        `ix${kx} = ix${kx + stride};`,
        ...rows.map((ky) => `v${ky}_${kx} = v${ky}_${kx + stride};`),
      ].join(' '),
    ),
  }
}

const range = (length: number) => Array.from({ length }, (_, k) => k)
const lines = <T>(of: readonly T[], text: (k: T) => string) => of.map(text).join('\n    ')
