// Labels and scores between an image and a coarser grid.

import assert from 'node:assert/strict'
import { constant } from '../../engine/ops/source.ts'
import { interpret, randomFrom } from '../../engine/reference/index.ts'
import { labelsOnGrid, type ScoreOptions, scoresOnImage } from '../../nn/index.ts'
import { close } from '../checks.ts'
import { test } from '../harness.ts'
import { drawnLabels } from '../models/drawn.ts'

const sizes = [
  [16, 24],
  [17, 9],
  [7, 33],
  [1, 5],
] as const

test('labelsOnGrid: the label of pixel (s·i + o, s·j + o), void outside', () => {
  for (const [h, w] of sizes)
    for (const stride of [1, 2, 5, 8])
      for (const offset of [undefined, 0, stride - 1, stride + 3, [1, 7]] as const) {
        const { data } = drawnLabels([2, h, w], 5)
        const labels = constant(data, [2, h, w])
        const on = labelsOnGrid(labels, stride, offset === undefined ? {} : { offset })
        const [a, b = a] = [offset ?? Math.floor(stride / 2)].flat()
        const cells = [h, w].map((n) => Math.ceil(n / stride))
        const want: number[] = []
        for (let n = 0; n < 2; n++)
          for (let i = 0; i < cells[0]; i++)
            for (let j = 0; j < cells[1]; j++) {
              const [y, x] = [stride * i + a, stride * j + b]
              want.push(y < h && x < w ? data[(n * h + y) * w + x] : 255)
            }
        assert.deepEqual(on.shape, [2, ...cells])
        assert.equal(on.dtype, 'u8')
        assert.deepEqual([...interpret([on])[0]], want, `${h}×${w} at ${stride}, ${offset}`)
      }
  const i32 = constant(Int32Array.of(3), [1, 1, 1])
  assert.deepEqual([...interpret([labelsOnGrid(i32, 4, { ignore: -1 })])[0]], [-1])
})

/** x at a place between its elements; the outermost ones hold beyond them. */
function between(x: (i: number) => number, count: number, place: number): number {
  const at = Math.min(Math.max(place, 0), count - 1)
  const low = Math.floor(at)
  return x(low) + (at - low) * (x(Math.min(low + 1, count - 1)) - x(low))
}

function checkScores(
  [h, w]: readonly [number, number],
  stride: number,
  options: ScoreOptions,
  source: (pixel: number, pixels: number, cells: number) => number,
): void {
  const cells = [h, w].map((n) => Math.ceil(n / stride))
  const random = randomFrom(5)
  const scores = Float32Array.from({ length: cells[0] * cells[1] * 2 }, random)
  const on = scoresOnImage(constant(scores, [1, ...cells, 2]), [h, w], stride, options)
  assert.deepEqual(on.shape, [1, h, w, 2])
  const want: number[] = []
  for (let y = 0; y < h; y++)
    for (let x = 0; x < w; x++)
      for (let c = 0; c < 2; c++) {
        const row = (i: number) =>
          between((j) => scores[(i * cells[1] + j) * 2 + c], cells[1], source(x, w, cells[1]))
        want.push(between(row, cells[0], source(y, h, cells[0])))
      }
  const what = `${h}×${w} at ${stride} ${JSON.stringify(options)}`
  close(interpret([on])[0], want, 1e-9, what)
}

test('scoresOnImage: interpolated at src = (dst − o)/s, or from the middle of the cells', () => {
  for (const size of sizes)
    for (const stride of [1, 2, 5, 8]) {
      checkScores(size, stride, {}, (p) => (p + 0.5) / stride - 0.5)
      for (const offset of [0, stride + 1])
        if (offset !== Math.floor(stride / 2))
          checkScores(size, stride, { offset }, (p) => (p - offset) / stride)
      checkScores(size, stride, { stretch: true }, (p, n, cells) => ((p + 0.5) * cells) / n - 0.5)
    }
})

test('scoresOnImage: where the labels of a ramp were taken, its scores give it back', () => {
  const [h, w, stride] = [24, 40, 8]
  for (const offset of [0, 3, 4]) {
    const columns = Int32Array.from({ length: h * w }, (_, i) => i % w)
    const labels = labelsOnGrid(constant(columns, [1, h, w]), stride, { offset })
    const [taken] = interpret([labels])
    const scores = constant(Float32Array.from(taken), [1, 3, 5, 1])
    const [back] = interpret([scoresOnImage(scores, [h, w], stride, { offset })])
    // Symmetric cells are half a pixel from the labels in their middle.
    const shift = offset === 4 ? 0.5 : 0
    for (let x = offset; x < w - stride; x++)
      assert.equal(back[x], x + shift, `${x} from ${offset}`)
  }
})

test('labelsOnGrid and scoresOnImage: what a network scores at every pixel stays as it is', () => {
  const labels = constant(new Uint8Array(12), [1, 3, 4])
  assert.equal(labelsOnGrid(labels, 1), labels)
  const scores = constant(new Float32Array(24), [1, 3, 4, 2])
  assert.equal(scoresOnImage(scores, [3, 4], 1), scores)
})
