// Test-time procedures as data: those of the papers, what is refused and in which words, and where windows and pixels lie.

import assert from 'node:assert/strict'
import { defaultCaps } from '../../engine/index.ts'
import { stages } from '../../engine/stages.ts'
import { fused, lookCount, meanAlong, type View } from '../../train/predict/fuse.ts'
import { paddedSize, pixelsAlong, sizesOf, windowsOf } from '../../train/predict/geometry.ts'
import {
  checkTestTime,
  type TestTime,
  testTimeNamed,
  testTimes,
  usualTestTime,
} from '../../train/test-time.ts'
import { close } from '../checks.ts'
import { test } from '../harness.ts'
import { drawnImage, valuesOf } from '../models/drawn.ts'

test('the procedures of the papers are plain data that the check accepts', () => {
  for (const [name, testTime] of Object.entries(testTimes)) {
    assert.equal(checkTestTime(testTime), testTime)
    assert.deepEqual(JSON.parse(JSON.stringify(testTime)), testTime, name)
    assert.equal(testTimeNamed(name), testTime)
  }
  assert.throws(() => testTimeNamed('p3-vok'), /no test-time procedure p3-vok[\s\S]*mean p3-voc/)
})

test('what means nothing is refused, each part by name', () => {
  const refused: [unknown, RegExp][] = [
    [null, /a test-time procedure is an object, not null/],
    [[], /is an object, not \[\]/],
    ['flip', /is an object, not .*flip/],
    [{ flips: true }, /test time has no flips[\s\S]*did you mean flip/],
    [{ flip: 1 }, /flip cannot be 1[\s\S]*true or false/],
    [{ resize: 3 }, /resize cannot be 3/],
    [{ resize: {} }, /resize cannot be \{\}[\s\S]*\{ longer \}/],
    [{ resize: { width: 4 } }, /resize cannot be/],
    [{ resize: { longer: 4, shorter: 3 } }, /resize cannot be/],
    [{ resize: { longer: 0 } }, /resize cannot be/],
    [{ resize: { longer: 2.5 } }, /resize cannot be/],
    [{ scales: [] }, /scales cannot be \[\]/],
    [{ scales: [1, 1] }, /scales cannot be \[1,1\]/],
    [{ scales: [1, -1] }, /scales cannot be/],
    [{ scales: [Number.NaN] }, /scales cannot be/],
    [{ scales: 1 }, /scales cannot be 1/],
    [{ window: { height: 4 } }, /window cannot be/],
    [{ window: { height: 4, width: 4, stride: 5 } }, /window cannot be/],
    [{ window: { height: 4, width: 4, rows: [1, 2] } }, /window cannot be/],
    [{ window: { height: 4, width: 4, columns: [0, 3, 3] } }, /window cannot be/],
    [{ window: { height: 4, width: 4, step: 2 } }, /window cannot be/],
    [{ pad: { height: 4 } }, /pad cannot be/],
    [{ shifted: true }, /shifted cannot be true[\s\S]*features, input/],
    [{ upsample: 'cubic' }, /upsample cannot be "cubic"[\s\S]*bilinear, bicubic/],
    [{ crf: false }, /crf cannot be false/],
    [{ crf: { thetaBeta: 0 } }, /thetaBeta/],
    [{ crf: { beta: 1 } }, /beta/],
    [{ crf: 'deeplab' }, /deeplab/],
  ]
  for (const [given, message] of refused)
    assert.throws(() => checkTestTime(given), message, JSON.stringify(given))
  checkTestTime({ flip: undefined, crf: 'deeplab-v1' })
})

test('a picture is looked at in the sizes that the papers name', () => {
  const sizes = (testTime: TestTime, h: number, w: number) => sizesOf(testTime, [h, w]).join(' ')
  assert.equal(sizes({}, 375, 500), '375,500')
  assert.equal(sizes(testTimes['p2-quarter'], 1024, 2048), '256,512')
  assert.equal(sizes(testTimes['p2-half'], 1024, 2048), '512,1024')
  assert.equal(sizes(testTimes['p4-500'], 333, 666), '250,500')
  assert.equal(sizes(testTimes['p4-500'], 1000, 333), '500,167')
  assert.equal(sizes(testTimes['p4-cityscapes-two'], 1024, 2048), '1024,2048 512,1024')
  assert.equal(sizes({ resize: { shorter: 7 } }, 10, 30), '7,21')
  assert.equal(sizes({ resize: { height: 7 } }, 10, 30), '7,21')
  assert.equal(sizes({ resize: { height: 7, width: 9 }, scales: [2] }, 10, 30), '14,18')
  assert.equal(sizes({ scales: [0.1], resize: { longer: 3 } }, 1, 9000), '1,1')
})

test('windows cover a picture from edge to edge, no further apart than their stride', () => {
  const cityscapes = windowsOf(testTimes['p3-cityscapes'].window, [1024, 2048])
  assert.deepEqual(cityscapes, { rows: [0], columns: [0, 341, 683, 1024], size: [1024, 1024] })
  assert.deepEqual(windowsOf(undefined, [3, 4]), { rows: [0], columns: [0], size: [3, 4] })
  for (const total of [1, 4, 5, 6, 17, 100])
    for (const stride of [undefined, 1, 3, 5]) {
      const { rows, size } = windowsOf({ height: 5, width: 9, stride }, [total, 9])
      const most = stride ?? 4
      assert.equal(rows[0], 0)
      assert.equal(rows[rows.length - 1] + size[0], total)
      for (const [i, row] of rows.entries())
        assert.ok(i === 0 || (row > rows[i - 1] && row - rows[i - 1] <= most), `${total} ${rows}`)
    }
  const given = { height: 4, width: 4, rows: [0, 3], columns: [0] }
  assert.deepEqual(windowsOf(given, [7, 4]).rows, [0, 3])
  for (const total of [6, 8]) assert.throws(() => windowsOf(given, [total, 4]), /do not cover/)
})

test('each pixel of what is looked at is one of the picture, mirrored, moved, reflected or none', () => {
  const along = (...args: Parameters<typeof pixelsAlong>) => [...pixelsAlong(...args)]
  assert.deepEqual(along(10, 4, 6), [10, 11, 12, 13, 12, 11])
  assert.deepEqual(along(10, 4, 6, { mirrored: true }), [13, 12, 11, 10, 11, 12])
  assert.deepEqual(along(10, 4, 6, { coloured: true }), [10, 11, 12, 13, -1, -1])
  assert.deepEqual(along(0, 4, 4, { move: -2 }), [2, 1, 0, 1])
  assert.deepEqual(along(0, 4, 4, { move: 2, coloured: true }), [2, 3, -1, -1])
  assert.deepEqual(along(7, 1, 3), [7, 7, 7])
  assert.deepEqual(paddedSize([5, 16], 8, [1, 20]), [8, 24])
})

test('the mean of parts that overlap, in float64', () => {
  const starts = [0, 2, 5]
  const given = [1, 2, 3].map((seed) => drawnImage([1, 2, 4, 3], seed))
  const [got] = valuesOf(
    (...parts) => [
      meanAlong(
        parts.map((part) => () => part),
        starts,
        4,
        2,
      ),
    ],
    given,
    new Map(),
  )
  const want = Array.from({ length: 2 * 9 * 3 }, (_, i) => {
    const [y, x, c] = [Math.floor(i / 27), Math.floor(i / 3) % 9, i % 3]
    const over = starts.flatMap((s, k) =>
      x >= s && x < s + 4 ? [given[k].data[(y * 4 + x - s) * 3 + c]] : [],
    )
    return over.reduce((a, b) => a + b) / over.length
  })
  close(got, want, 1e-15, 'mean')
})

test('a sum that goes on is the sum of all, in float64', () => {
  const view = (mirrored: boolean): View => ({
    ...{ size: [5, 6], mirrored, padded: [8, 8], stride: 4, passes: 1 },
  })
  const testTime = { flip: true }
  const views = [view(false), view(true)]
  assert.equal(lookCount(views[0], testTime), 1)
  const spec = { test: testTime, picture: [10, 9] as const, looks: 2 }
  const scores = [4, 5].map((seed) => drawnImage([1, 2, 2, 3], seed))
  const [whole, apart] = valuesOf(
    (a, b) => {
      const first = { ...spec, views: [views[0]], continued: false, out: 'sum' } as const
      const rest = { ...spec, views: [views[1]], continued: true, out: 'probabilities' } as const
      const all = { ...spec, views, continued: false, out: 'probabilities' } as const
      return [fused(all, [a, b]), fused(rest, [fused(first, [a]), b])]
    },
    scores,
    new Map(),
  )
  close(apart, whole, 1e-15, 'sum')
  for (let i = 0; i < whole.length; i += 3)
    assert.ok(Math.abs(whole[i] + whole[i + 1] + whole[i + 2] - 1) < 1e-12)
})

test('classes of a photo through windows take less memory than its probabilities would', () => {
  const [height, width, classes] = [3000, 4000, 21]
  const testTime = { window: { height: 1024, width: 1024 } }
  const size = [height, width] as const
  const view: View = { size, mirrored: false, padded: [1024, 1024], stride: 8, passes: 1 }
  const views = [view]
  const spec = { test: testTime, picture: size, views, continued: false, looks: 1 }
  const grid = { dtype: 'f32', shape: [1, 128, 128, classes] } as const
  const grids = Array.from({ length: lookCount(view, testTime) }, () => grid)
  assert.equal(grids.length, 24)
  const { plan } = stages((...x) => fused({ ...spec, out: 'classes' }, x), grids, defaultCaps)
  assert.ok(plan.activationBytes < 0.8 * 4 * height * width * classes, `${plan.activationBytes}`)
})

test('pictures are looked at the size of training where nobody says more: its height, or exactly that', () => {
  const size = [48, 64] as const
  const usual = (recipe: unknown, exact?: boolean) => usualTestTime({ recipe, size }, exact)
  const data = { kind: 'folder', folder: 'x', height: 96, width: 128 }
  assert.deepEqual(usual({ data }), { resize: { height: 96 } })
  assert.deepEqual(usual({ data }, true), { resize: { height: 96, width: 128 } })
  // A checkpoint that does not know its data says the size itself.
  assert.deepEqual(usual(undefined, true), { resize: { height: 48, width: 64 } })
  // Images that kept their own size have none in common.
  assert.deepEqual(usual({ data: { kind: 'voc', folder: 'x' } }, true), {})
  const test = { flip: true, resize: { longer: 500 } }
  for (const exact of [false, true]) assert.deepEqual(usual({ data, test }, exact), test)
})
