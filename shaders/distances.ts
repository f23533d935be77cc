// How far each pixel of a label image is from where two labels meet, up to a limit.
//
//   d(y, x)² = min { (y − v)² + (x − u)² : (v, u) has a neighbour above, below, left or right of another label }
//
// in two passes (Felzenszwalb and Huttenlocher 2012, section 2, without their envelope):
//
//   columns  one invocation a column: g = rows to the nearest such pixel of the column, by a sweep down and one up
//   rows     one invocation a pixel: the least of g(y, u)² + (x − u)², from u = x outwards, as long as (x − u)² is less
//            than the least so far; so a pixel reads about as many neighbours as it is far from the boundary
//
// and for the chessboard max(g, |x − u|)² instead. g stops at limit + 1, which is beyond whatever is added to it.

import {
  type Access,
  type Elem,
  input,
  loadScalar,
  output,
  overIndex,
  perIndex,
  type Recipe,
  scratch,
} from './kernel.ts'

export interface DistancesSpec {
  readonly n: number
  readonly h: number
  readonly w: number
  /** Largest distance told, whole. */
  readonly limit: number
  /** Whether a label also meets void, 255. */
  readonly withVoid: boolean
  readonly chessboard: boolean
  readonly access: Access
}

/** Input labels u8 [n, h, w]; output u32 [n, h, w], the squared distance, or limit² + 1 for all that is farther. */
export function distances(spec: DistancesSpec): Recipe {
  const { n, h, w, limit, withVoid, chessboard, access } = spec
  const most = limit + 1
  const along = overIndex(columns(access, withVoid), n * w, [input(0), scratch(0)], h, w, most)
  const across = overIndex(
    rows(chessboard),
    n * h * w,
    [scratch(0), output(0)],
    ...[w, most, limit ** 2 + 1],
  )
  return { scratch: [4 * n * h * w], dispatches: [along, across] }
}

const wordOf = (name: string, elem: Elem, access: Access) => ({ name, elem, access })

const columns = (access: Access, withVoid: boolean) =>
  perIndex({
    key: `distances/columns/${withVoid ? 'void' : 'plain'}`,
    params: 'h: u32, w: u32, most: u32',
    bindings: [wordOf('labels', 'u8', access), wordOf('g', 'u32', 'read_write')],
    functions: /* wgsl */ `
fn labelAt(at: u32) -> u32 { return ${loadScalar('labels', 'u8', 'at')}; }
fn meet(a: u32, b: u32) -> bool { return a != b${withVoid ? '' : ' && a != 255u && b != 255u'}; }
fn isBoundary(at: u32, x: u32, y: u32) -> bool {
  let own = labelAt(at);
  return (x > 0u && meet(own, labelAt(at - 1u))) || (x + 1u < p.w && meet(own, labelAt(at + 1u)))
      || (y > 0u && meet(own, labelAt(at - p.w))) || (y + 1u < p.h && meet(own, labelAt(at + p.w)));
}`,
    body: /* wgsl */ `
  let x = i % p.w;
  let top = (i / p.w) * p.h * p.w + x;
  var since = p.most;
  for (var y = 0u; y < p.h; y++) {
    let at = top + y * p.w;
    since = select(min(since + 1u, p.most), 0u, isBoundary(at, x, y));
    g[at] = since;
  }
  since = p.most;
  for (var y = p.h; y > 0u; y--) {
    let at = top + (y - 1u) * p.w;
    since = min(since + 1u, g[at]);
    g[at] = since;
  }`,
  })

const rows = (chessboard: boolean) => {
  const far = chessboard ? 'max(c, d) * max(c, d)' : 'c * c + d * d'
  const look = (where: string, at: string) =>
    `if (${where}) { let c = g[${at}]; best = min(best, ${far}); }`
  return perIndex({
    key: `distances/rows/${chessboard ? 'chessboard' : 'euclidean'}`,
    params: 'w: u32, most: u32, beyond: u32',
    bindings: [wordOf('g', 'u32', 'read_write'), wordOf('y', 'u32', 'read_write')],
    body: /* wgsl */ `
  let x = i % p.w;
  var best = g[i] * g[i];
  for (var d = 1u; d < p.most && d * d < best; d++) {
    ${look('d <= x', 'i - d')}
    ${look('x + d < p.w', 'i + d')}
  }
  y[i] = min(best, p.beyond);`,
  })
}
