// How canvases are cut: every row once, and under each band all that its pixels and their neighbours read.

import * as assert from 'uvu/assert'
import { canvasSize, viewBands } from '../../engine/pictures/view-bands.ts'
import { test } from '../harness.ts'

test('view bands: a canvas has the size of the picture, or as much of it as a side and its area allow', () => {
  assert.equal(canvasSize([600, 800], 8192), [600, 800])
  assert.equal(canvasSize([8192, 8192], 8192), [8192, 8192])
  assert.equal(canvasSize([20000, 10000], 8192), [8192, 4096])
  assert.equal(canvasSize([8, 20000], 8192), [3, 8192])
  assert.equal(canvasSize([1, 20000], 8192), [1, 8192])
  const [h, w] = canvasSize([16384, 16000], 16384)
  assert.ok(h * w <= 2 ** 26 && h * w > 0.999 * 2 ** 26, `${h}×${w}`)
})

test('view bands: one where it fits, else bands that bind all that is read, and no more than is allowed', () => {
  for (const [canvas, size, elements, elementBytes] of [
    [[61, 43], [61, 43], 3, 1],
    [[61, 43], [17, 11], 5, 4],
    [[20, 14], [61, 43], 3, 1],
    [[7, 300], [900, 37], 1, 1],
  ] as const) {
    const rowBytes = size[1] * elements * elementBytes
    const bytes = 16 * Math.ceil((size[0] * rowBytes) / 16)
    const painted = [{ size, elements, elementBytes, bytes }]
    const whole = viewBands(canvas, painted, bytes, 1)
    assert.is(whole.length, 1)
    assert.equal(whole[0].rows, [0, canvas[0]])

    const most = Math.ceil((4 * size[0]) / canvas[0] + 2) * rowBytes + 260
    for (const margin of [0, 1]) {
      const bands = viewBands(canvas, painted, most, margin)
      let next = 0
      for (const { rows, bound } of bands) {
        const [{ offset, bytes: own, first }] = bound
        assert.is(rows[0], next)
        next = rows[1]
        assert.is(offset % 256, 0)
        assert.is(first * elementBytes, offset)
        assert.ok(own <= most && own % 4 === 0 && offset + own <= bytes, `${own} of ${most}`)
        const [from, to] = [Math.max(0, rows[0] - margin), Math.min(canvas[0], rows[1] + margin)]
        for (let y = from; y < to; y++) {
          const row = Math.floor(((2 * y + 1) * size[0]) / (2 * canvas[0]))
          assert.ok(offset <= row * rowBytes && (row + 1) * rowBytes <= offset + own, `row ${row}`)
        }
      }
      assert.is(next, canvas[0])
      assert.ok(bands.length > 1 || most >= bytes, `${bands.length}`)
    }
  }
})
