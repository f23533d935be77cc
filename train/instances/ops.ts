// What the pipeline computes beyond the engine's ops: keys that sort numbers downwards, and non-maximum suppression. They serve
// inference alone.

import { sameShape, sizeOf } from '../../engine/dtype.ts'
import { apply, none, type StructuredOp } from '../../engine/op.ts'
import type { Tensor } from '../../engine/tensor.ts'
import { boxesAt as boxesAtRecipe, NEAREST } from '../../shaders/boxes-at.ts'
import { input, output, overIndex, perIndex } from '../../shaders/kernel.ts'
import { nms as nmsRecipe } from '../../shaders/nms.ts'

const common = { kind: 'structured', tail: false, prologue: false, error: 'exact' } as const

const keysOp: StructuredOp<Record<string, never>> = {
  ...common,
  name: 'descendingKeys',
  infer: ([x], _, no) => {
    if (x.dtype !== 'f32') no('numbers f32 are needed')
    return [{ dtype: 'u32', shape: x.shape }]
  },
  vjp: none('an order is piecewise constant'),
  cost: ([x]) => ({ macs: 0, flops: sizeOf(x.shape) }),
  samples: [],
  // The bits of floats from 0 on order as they do.
  lower: ({ inputs: [x] }) => ({
    scratch: [],
    dispatches: [
      overIndex(
        perIndex({
          key: 'nms/keys',
          bindings: [
            { name: 'x', access: x.access, elem: 'f32' },
            { name: 'y', access: 'read_write', elem: 'u32' },
          ],
          body: 'y[i] = 0xffffffffu - bitcast<u32>(max(x[i], 0.0));',
        }),
        sizeOf(x.shape),
        [input(0), output(0)],
      ),
    ],
  }),
  reference: ([x]) => [
    x.data.map((v) => {
      const [bits] = new Uint32Array(Float32Array.of(Math.max(v, 0)).buffer)
      return 0xffffffff - bits
    }),
  ],
}

/** What is in no segment. */
export const NONE = 0xffffffff

interface NmsAttrs extends Readonly<Record<string, unknown>> {
  readonly threshold: number
  readonly longest: number
}

const nmsOp: StructuredOp<NmsAttrs> = {
  ...common,
  name: 'suppress',
  source: 'greedy non-maximum suppression',
  infer: ([boxes, firsts], _, no) => {
    if (boxes.dtype !== 'f32' || boxes.shape.length !== 2 || boxes.shape[1] !== 4)
      no('boxes f32 [m, 4] are needed', 'two corners for each')
    if (firsts.dtype !== 'u32' || firsts.shape.length !== 1 || !firsts.shape[0])
      no('firsts u32 [segments + 1] are needed')
    return [{ dtype: 'u32', shape: [boxes.shape[0]] }]
  },
  vjp: none('what is suppressed is piecewise constant'),
  cost: ([boxes]) => ({ macs: 0, flops: 200 * boxes.shape[0] }),
  samples: [],
  lower: ({ inputs: [boxes, firsts], attrs: { threshold, longest } }) =>
    nmsRecipe({
      boxes: boxes.shape[0],
      segments: firsts.shape[0] - 1,
      longest: Math.min(longest, boxes.shape[0]),
      threshold,
      access: [boxes.access, firsts.access],
    }),
  reference: ([boxes, firsts], { threshold }) => {
    const by = new Float64Array(boxes.shape[0]).fill(NONE)
    for (let s = 0; s + 1 < firsts.data.length; s++) {
      const kept: number[] = []
      for (let e = firsts.data[s]; e < firsts.data[s + 1]; e++) {
        by[e] = kept.find((k) => overlaps(boxes.data, k, e, threshold)) ?? e
        if (by[e] === e) kept.push(e)
      }
    }
    return [by]
  },
}

function overlaps(edges: ArrayLike<number>, i: number, j: number, threshold: number): boolean {
  const side = (axis: number) =>
    Math.min(edges[4 * i + axis + 2], edges[4 * j + axis + 2]) -
    Math.max(edges[4 * i + axis], edges[4 * j + axis])
  const area = (k: number) =>
    (edges[4 * k + 2] - edges[4 * k]) * (edges[4 * k + 3] - edges[4 * k + 1])
  const both = Math.max(0, side(0)) * Math.max(0, side(1))
  return both > 0 && both > threshold * (area(i) + area(j) - both)
}

interface AtAttrs extends Readonly<Record<string, unknown>> {
  readonly stride: number
  readonly offset: number
  readonly step: number
  /** Predictions that overlap more are of one instance. */
  readonly threshold: number
  /** Cells of a row. */
  readonly columns: number
  /** Height and width of the picture, and of what the boxes were predicted from. */
  readonly picture: readonly [number, number]
  readonly size: readonly [number, number]
}

const boxesAtOp: StructuredOp<AtAttrs> = {
  ...common,
  name: 'boxesAt',
  source: 'ours, for Wu et al. 2016b',
  error: { absolute: 1e-3, relative: 1e-5 },
  infer: ([boxes, labels, scores], _, no) => {
    if (boxes.dtype !== 'f32' || boxes.shape.length !== 4 || boxes.shape[3] !== 4)
      no('boxes f32 [h, w, classes, 4] are needed')
    if (labels.dtype !== 'i32' || labels.shape.length !== 2) no('labels i32 [cells, n] are needed')
    const [h, w, classes] = boxes.shape
    if (scores.dtype !== 'f32' || !sameShape(scores.shape, [h, w, classes + 1]))
      no('probabilities f32 [h, w, classes + 1] are needed')
    return [{ dtype: 'f32', shape: [...labels.shape, 4] }]
  },
  vjp: none('the pipeline is not differentiated'),
  cost: ([, labels]) => ({ macs: 0, flops: 60 * sizeOf(labels.shape) }),
  samples: [],
  lower: ({ inputs: [boxes, labels, scores], attrs }) => {
    const [h, w, classes] = boxes.shape
    const access = [boxes.access, labels.access, scores.access]
    return boxesAtRecipe({
      ...attrs,
      h,
      w,
      classes,
      cells: labels.shape[0],
      ranks: labels.shape[1],
      access,
    })
  },
  reference: ([boxes, labels, scores], attrs) => {
    const { stride, offset, step, columns, picture, size, threshold } = attrs
    const [h, w, classes] = boxes.shape
    const [cells, ranks] = labels.shape
    const y = new Float64Array(4 * cells * ranks)
    const scale = [0, 1].map((a) => picture[a] / size[a])
    const source = (cell: number, a: 0 | 1) => {
      const pixel = Math.min(cell * step + Math.floor(step / 2), picture[a] - 1)
      const at = (((pixel + 0.5) / scale[a] - 0.5 - offset) / stride) as number
      return Math.min(Math.max(at, 0), [h, w][a] - 1)
    }
    for (let i = 0; i < cells * ranks; i++) {
      const cell = Math.floor(i / ranks)
      const [r, c] = [source(Math.floor(cell / columns), 0), source(cell % columns, 1)]
      const k = Math.max(labels.data[i], 1)
      const [r0, c0] = [Math.floor(r), Math.floor(c)]
      const around = [0, 1, 2, 3].map((j) => {
        const [down, right] = [j >> 1, j & 1]
        const cell = Math.min(r0 + down, h - 1) * w + Math.min(c0 + right, w - 1)
        const near = (down ? r - r0 : 1 - r + r0) * (right ? c - c0 : 1 - c + c0)
        const weight = near * (scores.data[cell * (classes + 1) + k] + NEAREST)
        const at = 4 * (cell * classes + k - 1)
        const box = [0, 1, 2, 3].map((t) => boxes.data[at + t])
        const edges = [-0.5, 0.5].flatMap((s) => [box[0] + s * box[2], box[1] + s * box[3]])
        return { weight, box, edges }
      })
      const best = around.reduce((a, b) => (b.weight > a.weight ? b : a))
      const alike = around.filter(
        (one) => one === best || overlaps([...best.edges, ...one.edges], 0, 1, threshold),
      )
      const total = alike.reduce((sum, { weight }) => sum + weight, 0)
      const mean = (t: number) =>
        alike.reduce((sum, { weight, box }) => sum + weight * box[t], 0) / total
      for (let a = 0; a < 2; a++) {
        const [middle, half] = [mean(a) + 0.5, mean(a + 2) / 2]
        y[4 * i + a] = (middle - half) * scale[a] - 0.5
        y[4 * i + a + 2] = (middle + half) * scale[a] - 0.5
      }
    }
    return [y]
  },
}

/** The boxes that cells cast for classes i32 [cells, n], f32 [cells, n, 4] as (top, left, bottom, right) in pixels of the picture: of
 * decoded boxes f32 [h, w, classes, 4] the mean of those around the cell's pixel that are of one instance, weighted by how near they are
 * and by the probability of the class at their pixels, f32 [h, w, classes + 1]. Label 0 has those of class 1. */
export const boxesAt = (boxes: Tensor, labels: Tensor, scores: Tensor, attrs: AtAttrs): Tensor =>
  apply(boxesAtOp, [boxes, labels, scores], attrs)[0]

/** Keys u32 whose ascending order is the descending one of numbers f32; those below 0 count as 0. */
export const descendingKeys = (x: Tensor): Tensor => apply(keysOp, [x], {})[0]

/** Greedy non-maximum suppression of boxes f32 [m, 4] (top, left, bottom, right), which are sorted, best first, within segments:
 * segment s holds boxes firsts[s] … firsts[s + 1] − 1 of firsts u32 [segments + 1], at most `longest`. u32 [m]: for each box the
 * first kept one of its segment whose IoU with it is above the threshold, itself where it is kept; NONE outside of segments. */
export const suppress = (
  boxes: Tensor,
  firsts: Tensor,
  threshold: number,
  longest: number,
): Tensor => apply(nmsOp, [boxes, firsts], { threshold, longest })[0]

export const instanceOps = [keysOp, nmsOp, boxesAtOp] as const
