// Sums over a sparse lattice of points (train/crf/lattice.ts), rows of channels in vec4s. Each pixel belongs to six points,
// with a weight each:
//
//   splat   y[v] = Σ weight[e]·x[⌊e/6⌋]   over the entries e of point v, of which `order` is a list sorted by point
//   blur    y[v] = ½·x[v] + ¼·(x[a] + x[b])   a, b its neighbours along one axis; one that is not there counts as 0
//   slice   y[i] = Σ weight[6i + k]·x[corner[6i + k]]   over k < 6
//   own     y[i] = what splat, a blur along each axis in turn, and slice make of x[i] in y[i] itself
//
// One invocation makes all channels of its point or pixel: what it looks up serves all of them. Splatting gathers, so that no
// two invocations add to one place. A point may have very many entries (a picture of one colour has a handful of points), so
// lists are cut into segments: the first dispatch sums each segment, the second the segments of each point, both in order.

import {
  type Access,
  input,
  type Kernel,
  output,
  overIndex,
  perIndex,
  type Recipe,
  scratch,
} from './kernel.ts'

const f32 = { elem: 'f32', vec: true } as const
const u32 = { elem: 'u32' } as const
const weightsOf = (access: Access) => ({ name: 'weights', access, elem: 'f32' }) as const
const y = { name: 'y', access: 'read_write', ...f32 } as const

/** Points and pixels that share a point: six each way. */
const EACH = 6

export interface SplatSpec {
  readonly points: number
  readonly segments: number
  /** Channels in vec4s. */
  readonly quads: number
  /** Of begins, firsts, order, weights, x. */
  readonly access: readonly Access[]
}

/** Inputs begins u32 [segments + 1] (places in order), firsts u32 [points + 1] (segments), order u32, weights, x; output y. */
export function splat({ points, segments, quads, access }: SplatSpec): Recipe {
  const sums = scratch(0)
  const [begins, firsts, order, weights, x] = access.map((_, i) => input(i))
  return {
    scratch: [16 * segments * quads],
    dispatches: [
      overIndex(segmentSums(access), segments, [begins, order, weights, x, sums], quads),
      overIndex(pointSums(access[1]), points, [firsts, sums, output(0)], quads),
    ],
  }
}

const segmentSums = (access: readonly Access[]): Kernel =>
  perIndex({
    key: 'lattice/segments',
    params: 'quads: u32',
    bindings: [
      { name: 'begins', access: access[0], ...u32 },
      { name: 'order', access: access[2], ...u32 },
      weightsOf(access[3]),
      { name: 'x', access: access[4], ...f32 },
      y,
    ],
    body: /* wgsl */ `
  let begin = begins[i];
  let end = begins[i + 1u];
  // Two vec4s at once share what is looked up.
  for (var q = 0u; q < p.quads; q += 2u) {
    let more = min(q + 1u, p.quads - 1u) - q;
    var sum = vec4f();
    var next = vec4f();
    for (var at = begin; at < end; at++) {
      let e = order[at];
      let weight = weights[e];
      let row = (e / ${EACH}u) * p.quads + q;
      sum += weight * x[row];
      next += weight * x[row + more];
    }
    y[i * p.quads + q] = sum;
    y[i * p.quads + q + more] = next;
  }`,
  })

const pointSums = (access: Access): Kernel =>
  perIndex({
    key: 'lattice/points',
    params: 'quads: u32',
    bindings: [{ name: 'firsts', access, ...u32 }, { name: 'x', access: 'read_write', ...f32 }, y],
    body: /* wgsl */ `
  let first = firsts[i];
  let end = firsts[i + 1u];
  for (var q = 0u; q < p.quads; q++) {
    var sum = vec4f();
    for (var s = first; s < end; s++) { sum += x[s * p.quads + q]; }
    y[i * p.quads + q] = sum;
  }`,
  })

export interface BlurSpec {
  /** Points of x and of y. Those that only one of them has count as 0, or are left out. */
  readonly from: number
  readonly to: number
  readonly quads: number
  /** Of neighbours, x. */
  readonly access: readonly Access[]
}

/** Inputs neighbours u32 [to, 2], x; output y. A number beyond the points of x is no neighbour. */
export const blur = ({ from, to, quads, access }: BlurSpec): Recipe => ({
  scratch: [],
  dispatches: [overIndex(blurred(access), to, [input(0), input(1), output(0)], quads, from)],
})

const blurred = (access: readonly Access[]): Kernel =>
  perIndex({
    key: 'lattice/blur',
    params: 'quads: u32, points: u32',
    bindings: [
      { name: 'neighbours', access: access[0], ...u32 },
      { name: 'x', access: access[1], ...f32 },
      y,
    ],
    body: /* wgsl */ `
  let a = neighbours[2u * i];
  let b = neighbours[2u * i + 1u];
  // What is not there is read from where something is, with weight 0.
  let here = select(0u, i, i < p.points);
  let atI = here * p.quads;
  let atA = select(here, a, a < p.points) * p.quads;
  let atB = select(here, b, b < p.points) * p.quads;
  let partI = select(0.0, 0.5, i < p.points);
  let partA = select(0.0, 0.25, a < p.points);
  let partB = select(0.0, 0.25, b < p.points);
  for (var q = 0u; q < p.quads; q++) {
    y[i * p.quads + q] = partI * x[atI + q] + (partA * x[atA + q] + partB * x[atB + q]);
  }`,
  })

export interface SliceSpec {
  readonly pixels: number
  readonly points: number
  readonly quads: number
  /** Of corners, weights, x. */
  readonly access: readonly Access[]
}

/** Inputs corners u32 [pixels, 6] (each a point), weights [pixels, 6], x; output y. */
export const slice = ({ pixels, points, quads, access }: SliceSpec): Recipe => ({
  scratch: [],
  dispatches: [
    overIndex(
      sliced(access),
      pixels,
      [input(0), input(1), input(2), output(0)],
      quads,
      Math.max(1, points) - 1,
    ),
  ],
})

const sliced = (access: readonly Access[]): Kernel =>
  perIndex({
    key: 'lattice/slice',
    params: 'quads: u32, last: u32',
    bindings: [
      { name: 'corners', access: access[0], ...u32 },
      weightsOf(access[1]),
      { name: 'x', access: access[2], ...f32 },
      y,
    ],
    // Written out: an array whose index varies would lie in memory.
    body: /* wgsl */ `
  ${corners((k) => `let at${k} = min(corners[${EACH}u * i + ${k}u], p.last) * p.quads;`)}
  ${corners((k) => `let part${k} = weights[${EACH}u * i + ${k}u];`)}
  for (var q = 0u; q < p.quads; q++) {
    var sum = vec4f();
    ${corners((k) => `sum += part${k} * x[at${k} + q];`)}
    y[i * p.quads + q] = sum;
  }`,
  })

const corners = (line: (k: number) => string): string =>
  Array.from({ length: EACH }, (_, k) => line(k)).join('\n  ')

export interface OwnSpec {
  readonly pixels: number
  readonly points: number
  /** Of corners, weights, turns, neighbours. */
  readonly access: readonly Access[]
}

/** Inputs corners, weights, turns u32 [pixels] (the axis from each corner to the next, 3 bits each), neighbours u32
 * [6, points, 2]; output y [pixels]. */
export const own = ({ pixels, points, access }: OwnSpec): Recipe => ({
  scratch: [],
  dispatches: [
    overIndex(
      ownParts(access),
      pixels,
      [input(0), input(1), input(2), input(3), output(0)],
      points,
    ),
  ],
})

// The six steps from corner to corner, each along another axis, lead once around the simplex. What a corner has comes to the
// one m corners further by a quarter along each of the m axes between them, in the order of the axes, and a half along each
// other: 2^-(6 + m), if all points on the way are there. The same backwards; m = 6 is once around.
const ownParts = (access: readonly Access[]): Kernel =>
  perIndex({
    key: 'lattice/own',
    params: 'points: u32',
    bindings: [
      { name: 'corners', access: access[0], ...u32 },
      weightsOf(access[1]),
      { name: 'turns', access: access[2], ...u32 },
      { name: 'neighbours', access: access[3], ...u32 },
      { name: 'y', access: 'read_write', elem: 'f32' },
    ],
    functions: /* wgsl */ `
fn leads(start: u32, axes: u32, way: u32) -> bool {
  var v = start;
  for (var a = 0u; a < ${EACH}u; a++) {
    if (((axes >> a) & 1u) != 0u) {
      v = neighbours[2u * (a * p.points + v) + way];
      if (v >= p.points) { return false; }
    }
  }
  return true;
}`,
    body: /* wgsl */ `
  let base = ${EACH}u * i;
  let turn = turns[i];
  var sum = 0.0;
  for (var j = 0u; j < ${EACH}u; j++) {
    let start = min(corners[base + j], p.points - 1u);
    var part = weights[base + j] / 64.0;
    var share = 1.0 / 64.0;
    var after = 0u;
    var before = 0u;
    for (var m = 1u; m <= ${EACH}u; m++) {
      share *= 0.5;
      after |= 1u << ((turn >> (3u * ((j + m - 1u) % ${EACH}u))) & 7u);
      before |= 1u << ((turn >> (3u * ((j + ${EACH}u - m) % ${EACH}u))) & 7u);
      part += share * select(0.0, weights[base + (j + m) % ${EACH}u], leads(start, after, 1u));
      part += share * select(0.0, weights[base + (j + ${EACH}u - m) % ${EACH}u], leads(start, before, 0u));
    }
    sum += weights[base + j] * part;
  }
  y[i] = sum;`,
  })
