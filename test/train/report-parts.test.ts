// What a report is put together from: a confusion matrix as a picture, and figures as people write them.

import assert from 'node:assert/strict'
import { confusionSvg, largestConfusions, rowShares } from '../../train/report/confusion.ts'
import { bytesText, countText, figureText, timeText } from '../../train/report/markup.ts'
import { test } from '../harness.ts'

test('report: shares of a confusion matrix, its largest mistakes, and no labels for 150 classes', () => {
  const counts = [8, 2, 0, 0, 0, 0, 1, 1, 2]
  assert.deepEqual(rowShares(counts, 3), [0.8, 0.2, 0, 0, 0, 0, 0.25, 0.25, 0.5])
  assert.deepEqual(largestConfusions(['a', 'b', 'c'], counts), [
    { label: 'c', answer: 'a', share: 0.25 },
    { label: 'c', answer: 'b', share: 0.25 },
    { label: 'a', answer: 'b', share: 0.2 },
  ])
  const n = 150
  const names = Array.from({ length: n }, (_, k) => `class ${k}`)
  const many = confusionSvg(
    names,
    Array.from({ length: n * n }, (_, i) => i % 97),
  )
  assert.ok(!many.includes('<text'))
  assert.ok(many.length < 600_000, `${many.length}`)
})

test('report: figures as people write them', () => {
  assert.deepEqual([0, 45, 125, 3900, 86_400].map(timeText), [
    '0 s',
    '45 s',
    '2 min',
    '65 min',
    '24 h 00 min',
  ])
  assert.deepEqual([0, 999, 1000, 24_600_000, 1e18].map(countText), [
    '0',
    '999',
    '1 k',
    '24.6 M',
    '1000000 T',
  ])
  assert.deepEqual([0, 1023, 1024, 9.1e9].map(bytesText), [
    '0 bytes',
    '1023 bytes',
    '1 KiB',
    '8.48 GiB',
  ])
  assert.deepEqual([0, 0.00125, 1.23e-7, 123456].map(figureText), [
    '0',
    '0.00125',
    '1.2e-7',
    '1.2e5',
  ])
})
