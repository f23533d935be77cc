// Boxes of a coarse grid at the cells of a finer one, for the classes that are wanted there alone:
//
//   src = ((pixel + ½)·size/picture − ½ − offset) / stride     along each axis, kept within the coarse grid
//   box = (centre ± ½ size + ½)·picture/size − ½               top, left, bottom, right in pixels of the picture
//
// Of the four predictions around src the best has the largest weight, bilinear times probability of the class; the box is the weighted
// mean of those whose IoU with the best is above a threshold, its own included. The mean of all four would be a box of nothing where they
// are of two instances, or one is of background, of which nobody has told the network anything: a seam of such boxes runs
// along every edge, about as wide as the coarse grid.
//
// One invocation a cell and rank. Of four neighbours it reads a probability and one class's four numbers, a vec4.

import { type Access, f32, input, output, overIndex, perIndex, type Recipe } from './kernel.ts'

export interface BoxesAtSpec {
  /** The coarse grid. */
  readonly h: number
  readonly w: number
  readonly classes: number
  readonly stride: number
  readonly offset: number
  /** The fine one: cells, those of a row, pixels from one to the next, classes wanted of each. */
  readonly cells: number
  readonly columns: number
  readonly step: number
  readonly ranks: number
  readonly threshold: number
  /** Height and width of the picture, and of what the boxes were predicted from. */
  readonly picture: readonly [number, number]
  readonly size: readonly [number, number]
  /** Of boxes, labels and probabilities. */
  readonly access: readonly Access[]
}

/** Added to probabilities: where no neighbour can be of the class the nearest one counts. */
export const NEAREST = 1e-6

/** Inputs boxes f32 [h, w, classes, 4] (centre and size), labels i32 [cells, ranks] from 1, probabilities f32 [h, w, classes + 1];
 * output f32 [cells, ranks, 4]. */
export function boxesAt(spec: BoxesAtSpec): Recipe {
  const { h, w, classes, stride, offset, cells, columns, step, ranks, picture, size } = spec
  const { threshold } = spec
  const [scaleY, scaleX] = [picture[0] / size[0], picture[1] / size[1]]
  const dispatch = overIndex(
    kernel(spec.access),
    cells * ranks,
    [input(0), input(1), input(2), output(0)],
    ...[h, w, classes, ranks, columns, step, ...picture],
    ...[stride, offset, scaleY, scaleX, threshold].map(f32),
  )
  return { scratch: [], dispatches: [dispatch] }
}

const kernel = ([boxes, labels, scores]: readonly Access[]) =>
  perIndex({
    key: 'boxes-at',
    params:
      'h: u32, w: u32, classes: u32, ranks: u32, columns: u32, step: u32, height: u32, width: u32, stride: f32, offset: f32, scaleY: f32, scaleX: f32, threshold: f32',
    bindings: [
      { name: 'boxes', access: boxes, elem: 'f32', vec: true },
      { name: 'labels', access: labels, elem: 'i32' },
      { name: 'scores', access: scores, elem: 'f32' },
      { name: 'y', access: 'read_write', elem: 'f32', vec: true },
    ],
    body: /* wgsl */ `
  let cell = i / p.ranks;
  let most = vec2u(p.h, p.w) - vec2u(1u);
  let scale = vec2f(p.scaleY, p.scaleX);
  let grid = vec2u(cell / p.columns, cell % p.columns);
  let pixel = min(grid * p.step + vec2u(p.step / 2u), vec2u(p.height, p.width) - vec2u(1u));
  let seen = ((vec2f(pixel) + 0.5) / scale - 0.5 - p.offset) / p.stride;
  let at = clamp(seen, vec2f(), vec2f(most));
  let first = min(vec2u(at), most);
  let next = min(first + vec2u(1u), most);
  let part = at - vec2f(first);
  let k = min(u32(max(labels[i], 1)), p.classes);
  var around: array<vec4f, 4>;
  var weights: vec4f;
  var best = 0u;
  for (var j = 0u; j < 4u; j++) {
    let far = vec2u(j / 2u, j % 2u) == vec2u(1u);
    let corner = select(first, next, far);
    let source = corner.x * p.w + corner.y;
    let near = select(1.0 - part, part, far);
    around[j] = boxes[source * p.classes + k - 1u];
    weights[j] = near.x * near.y * (scores[source * (p.classes + 1u) + k] + ${NEAREST});
    if (weights[j] > weights[best]) {
      best = j;
    }
  }
  let chosen = around[best];
  // Differences, so that a prediction alone stays as it is to the bit.
  var sum = vec4f();
  var total = weights[best];
  for (var j = 0u; j < 4u; j++) {
    let other = around[j];
    let low = max(chosen.xy - 0.5 * chosen.zw, other.xy - 0.5 * other.zw);
    let high = min(chosen.xy + 0.5 * chosen.zw, other.xy + 0.5 * other.zw);
    let sides = max(high - low, vec2f());
    let both = sides.x * sides.y;
    let either = chosen.z * chosen.w + other.z * other.w - both;
    if (j != best && both > p.threshold * either) {
      sum += weights[j] * (other - chosen);
      total += weights[j];
    }
  }
  let box = chosen + sum / total;
  let half = 0.5 * box.zw;
  y[i] = vec4f((box.xy + 0.5 - half) * scale - 0.5, (box.xy + 0.5 + half) * scale - 0.5);`,
  })
