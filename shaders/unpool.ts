// Repeat unpooling and its adjoint.
//
//   repeat      y[n, oy, ox, c] = x[n, ⌊oy/fh⌋, ⌊ox/fw⌋, c]
//   repeatGrad  dx[n, iy, ix, c] = Σ_ky<fh Σ_kx<fw dy[n, iy·fh + ky, ix·fw + kx, c]
//
// The output has exactly fh·h rows per image, so ⌊(n·oh + oy)/fh⌋ = n·h + iy and images need no index of their own.
// One invocation handles one vec4 of channels (one element where c is not a multiple of 4): `repeat` reads it once and writes
// its copies, whole rows of them where they are many.

import {
  type Access,
  type FloatElem,
  input,
  loadScalar,
  loadVec,
  output,
  overIndex,
  perIndex,
  type Recipe,
  storeScalar,
  storeVec,
} from './kernel.ts'

/** x is [n, h, w, c], its repeated form is [n, h·fh, w·fw, c]. */
export interface RepeatSpec {
  readonly n: number
  readonly h: number
  readonly w: number
  readonly c: number
  readonly fh: number
  readonly fw: number
  /** Default f32. Sums are f32 in any case. */
  readonly elem?: FloatElem
  readonly access: readonly Access[]
}

/** y = each pixel of x repeated fh × fw times. Inputs x; outputs y. */
export function repeat({ n, h, w, c, fh, fw, elem = 'f32', access }: RepeatSpec): Recipe {
  const vec = c % 4 === 0
  const cv = vec ? c / 4 : c
  const kernel = perIndex({
    key: 'repeat',
    params: 'c: u32, w: u32, fw: u32, parts: u32, copies: u32',
    bindings: [
      { name: 'x', access: access[0], elem, vec },
      { name: 'y', access: 'read_write', elem, vec },
    ],
    body: /* wgsl */ `
  let pixel = i / p.c;
  let c = i - pixel * p.c;
  let part = pixel / p.w;
  let row = part / p.parts;
  let v = x[(row * p.w + pixel - part * p.w) * p.c + c];
  var at = (part * p.copies * p.w + pixel - part * p.w) * p.fw * p.c + c;
  for (var k = 0u; k < p.copies; k++) {
    for (var l = 0u; l < p.fw; l++) { y[at + l * p.c] = v; }
    at += p.w * p.fw * p.c;
  }`,
  })
  // Of the fh rows that a row becomes, one invocation makes so many: few enough that a GPU has enough to do.
  const copies = fw < BLOCK ? (divisors(fh).find((f) => f * fw >= BLOCK) ?? fh) : 1
  const parts = fh / copies
  const dispatch = overIndex(
    kernel,
    n * h * parts * w * cv,
    [input(0), output(0)],
    ...[cv, w, fw, parts, copies],
  )
  return { scratch: [], dispatches: [dispatch] }
}

/** Values that one invocation of `repeat` writes, where it may choose. */
const BLOCK = 8
const divisors = (n: number) =>
  Array.from({ length: n }, (_, i) => i + 1).filter((d) => n % d === 0)

/** dx = the sum of dy over each pixel's fh × fw block, rows first. Inputs dy; outputs dx. */
export function repeatGrad({ n, h, w, c, fh, fw, elem = 'f32', access }: RepeatSpec): Recipe {
  const vec = c % 4 === 0
  const cv = vec ? c / 4 : c
  const type = vec ? 'vec4f' : 'f32'
  const kernel = perIndex({
    key: 'repeatGrad',
    params: 'c: u32, w: u32, fh: u32, fw: u32',
    bindings: [
      { name: 'dy', access: access[0], elem, vec },
      { name: 'dx', access: 'read_write', elem, vec },
    ],
    body: /* wgsl */ `
  let pixel = i / p.c;
  let row = pixel / p.w;
  let ow = p.w * p.fw;
  var at = (row * p.fh * ow + (pixel - row * p.w) * p.fw) * p.c + (i - pixel * p.c);
  var total = ${type}();
  // A sum of row sums: the rounding error grows with fh + fw, not with fh · fw.
  for (var ky = 0u; ky < p.fh; ky++) {
    var line = ${type}();
    for (var kx = 0u; kx < p.fw; kx++) { line += ${(vec ? loadVec : loadScalar)('dy', elem, 'at + kx * p.c')}; }
    total += line;
    at += ow * p.c;
  }
  ${(vec ? storeVec : storeScalar)('dx', elem, 'i', 'total')}`,
  })
  const dispatch = overIndex(kernel, n * h * w * cv, [input(0), output(0)], cv, w, fh, fw)
  return { scratch: [], dispatches: [dispatch] }
}
