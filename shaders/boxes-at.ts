// Boxes of a coarse grid at the cells of a finer one, each interpolated for the classes that are wanted there alone:
//
//   src = ((pixel + ½)·size/picture − ½ − offset) / stride     along each axis, kept within the coarse grid
//   box = (centre ± ½ size + ½)·picture/size − ½               top, left, bottom, right in pixels of the picture
//
// One invocation a cell and rank. Of four neighbours it reads one class's four numbers each, a vec4.

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
  /** Height and width of the picture, and of what the boxes were predicted from. */
  readonly picture: readonly [number, number]
  readonly size: readonly [number, number]
  /** Of boxes and labels. */
  readonly access: readonly Access[]
}

/** Inputs boxes f32 [h, w, classes, 4] (centre and size), labels i32 [cells, ranks] from 1; output f32 [cells, ranks, 4]. */
export function boxesAt(spec: BoxesAtSpec): Recipe {
  const { h, w, classes, stride, offset, cells, columns, step, ranks, picture, size } = spec
  const [scaleY, scaleX] = [picture[0] / size[0], picture[1] / size[1]]
  const dispatch = overIndex(
    kernel(spec.access),
    cells * ranks,
    [input(0), input(1), output(0)],
    ...[h, w, classes, ranks, columns, step, ...picture],
    ...[stride, offset, scaleY, scaleX].map(f32),
  )
  return { scratch: [], dispatches: [dispatch] }
}

const kernel = ([boxes, labels]: readonly Access[]) =>
  perIndex({
    key: 'boxes-at',
    params:
      'h: u32, w: u32, classes: u32, ranks: u32, columns: u32, step: u32, height: u32, width: u32, stride: f32, offset: f32, scaleY: f32, scaleX: f32',
    bindings: [
      { name: 'boxes', access: boxes, elem: 'f32', vec: true },
      { name: 'labels', access: labels, elem: 'i32' },
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
  let k = min(u32(max(labels[i], 1)) - 1u, p.classes - 1u);
  let top = mix(boxes[(first.x * p.w + first.y) * p.classes + k],
                boxes[(first.x * p.w + next.y) * p.classes + k], part.y);
  let low = mix(boxes[(next.x * p.w + first.y) * p.classes + k],
                boxes[(next.x * p.w + next.y) * p.classes + k], part.y);
  let box = mix(top, low, part.x);
  let half = 0.5 * box.zw;
  y[i] = vec4f((box.xy + 0.5 - half) * scale - 0.5, (box.xy + 0.5 + half) * scale - 0.5);`,
  })
