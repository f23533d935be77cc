// Scores against independently computed ones, and the pictures and curves that go with them.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { legendSvg, lossCurveSvg, smooth } from '../../train/charts/chart.ts'
import {
  beside,
  blend,
  colourLabels,
  enlarge,
  errorMap,
  panel,
} from '../../train/pictures/picture.ts'
import { STREET_CLASSES } from '../../train/scenes/street.ts'
import { ConfusionMatrix, formatScores } from '../../train/scoring/metrics.ts'
import { readSafetensors } from '../../train/weights/safetensors.ts'
import { needShared, test } from '../harness.ts'

const named = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ name: `class ${i}`, colour: [i, 0, 0] as const }))

for (const [id, classes] of [
  ['five', 5],
  ['absent_classes', 7],
  ['city19', 19],
] as const)
  test(`metrics: golden case ${id}`, () => {
    const file = needShared(`goldens/metrics/metrics.${id}.safetensors`)
    const { tensors } = readSafetensors(readFileSync(file), file)
    const values = (name: string) => Array.from(tensors.get(name)!.data, Number)
    const close = (got: number, name: string) =>
      assert.ok(Math.abs(got - values(name)[0]) < 1e-6, `${name}: ${got} for ${values(name)[0]}`)
    const matrix = new ConfusionMatrix(named(classes))
    matrix.add(Uint8Array.from(values('labels')), Uint8Array.from(values('prediction')))
    assert.deepEqual([...matrix.counts], values('confusion'))
    const scores = matrix.scores()
    close(scores.pixelAccuracy, 'pixel_acc')
    close(scores.meanAccuracy, 'mean_acc')
    close(scores.meanIoU, 'mean_iou')
    close(scores.frequencyWeightedIoU, 'freq_weighted_iou')
    scores.perClass.forEach(({ iou, accuracy }, k) => {
      assert.equal(iou !== null, values('class_iou_defined')[k] === 1)
      assert.equal(accuracy !== null, values('class_acc_defined')[k] === 1)
      assert.ok(Math.abs((iou ?? 0) - values('class_iou')[k]) < 1e-6)
      assert.ok(Math.abs((accuracy ?? 0) - values('class_acc')[k]) < 1e-6)
    })
  })

test('metrics: void is left out, labels outside the classes are counted', () => {
  const matrix = new ConfusionMatrix(named(3))
  matrix.add(Uint8Array.from([0, 0, 1, 255, 9]), Uint8Array.from([0, 1, 1, 2, 0]))
  const scores = matrix.scores()
  assert.equal(scores.labelledPixels, 3)
  assert.equal(scores.labelsOutOfRange, 1)
  assert.deepEqual(
    scores.perClass.map(({ iou }) => iou),
    [0.5, 0.5, null],
  )
  assert.equal(scores.meanIoU, 0.5)
  assert.ok(Math.abs(matrix.scores({ absent: 'zero' }).meanIoU - 1 / 3) < 1e-12)
  assert.throws(() => matrix.add(Uint8Array.from([0]), Uint8Array.from([3])), /none of the 3/)
  assert.throws(() => matrix.add(new Uint8Array(2), new Uint8Array(3)), /do not fit/)
})

test('metrics: the constant answer is the commonest class', () => {
  const matrix = new ConfusionMatrix(named(2))
  matrix.add(Uint8Array.from([1, 1, 1, 0]), Uint8Array.from([1, 0, 0, 0]))
  const scores = matrix.constant().scores()
  assert.equal(scores.pixelAccuracy, 0.75)
  assert.equal(scores.meanIoU, 0.375)
})

test('metrics: the table reads well', () => {
  const matrix = new ConfusionMatrix([
    { name: 'road', colour: [0, 0, 0] },
    { name: 'tree', colour: [0, 0, 0] },
    { name: 'car', colour: [0, 0, 0] },
  ])
  matrix.add(Uint8Array.from([0, 0, 0, 1]), Uint8Array.from([0, 0, 1, 1]))
  assert.equal(
    formatScores(matrix.scores()),
    [
      'class      IoU  accuracy  share of pixels',
      '─────────────────────────────────────────',
      'road   66.67 %   66.67 %          75.00 %',
      'tree   50.00 %  100.00 %          25.00 %',
      'car          –         –           0.00 %',
      '─────────────────────────────────────────',
      'mean   58.33 %   83.33 %                 ',
      'pixel accuracy 75.00 %',
    ].join('\n'),
  )
})

test('metrics: an empty matrix scores 0, not NaN', () => {
  const { pixelAccuracy, meanIoU } = new ConfusionMatrix(named(2)).scores()
  assert.deepEqual([pixelAccuracy, meanIoU], [0, 0])
})

test('picture: labels take their colours, void is black, errors are red', () => {
  const labels = Uint8Array.from([0, 7, 255])
  const colours = colourLabels(labels, 1, 3, STREET_CLASSES)
  const expected = [...STREET_CLASSES[0].colour, ...STREET_CLASSES[7].colour, 0, 0, 0]
  assert.deepEqual([...colours.data], expected)
  const white = { data: new Uint8Array(9).fill(255), height: 1, width: 3 }
  const errors = errorMap(white, labels, Uint8Array.from([0, 1, 1]))
  assert.deepEqual([...errors.data], [144, 144, 144, 236, 52, 44, 0, 0, 0])
  assert.deepEqual([...blend(white, errors, 0).data], [...white.data])
  assert.throws(() => blend(white, { ...white, width: 2 }), /cannot blend/)
})

test('picture: a panel is four enlarged pictures with lines between', () => {
  const example = { image: new Uint8Array(36), labels: new Uint8Array(12), height: 3, width: 4 }
  const { height, width, data } = panel(example, new Uint8Array(12), STREET_CLASSES, 5)
  assert.deepEqual([height, width, data.length], [15, 4 * 20 + 6, 3 * 15 * 86])
  assert.equal(data[3 * 20], 255)
  const two = { data: Uint8Array.from([1, 2, 3, 4, 5, 6]), height: 1, width: 2 }
  assert.deepEqual([...enlarge(two, 2).data.subarray(0, 12)], [1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6])
  assert.throws(() => beside([two, enlarge(two, 2)]), /one height/)
})

test('chart: a loss curve has a finite path whatever the losses were', () => {
  const loss = [5, Number.NaN, 3, Number.POSITIVE_INFINITY, 2].map((value, step) => ({
    step,
    value,
  }))
  const svg = lossCurveSvg({ title: 'a < b', loss, score: [{ step: 4, value: 0.5 }] })
  assert.match(svg, /^<svg .*<\/svg>\n$/s)
  assert.match(svg, /a &lt; b/)
  assert.doesNotMatch(svg, /NaN|Infinity|undefined/)
  assert.doesNotMatch(lossCurveSvg({ title: '', loss: [] }), /NaN|Infinity|undefined/)
  assert.match(legendSvg(STREET_CLASSES), />pavement</)
})

test('chart: smoothing keeps a constant', () => {
  const flat = smooth(Array.from({ length: 100 }, (_, step) => ({ step, value: 2 })))
  assert.ok(flat.every(({ value }) => Math.abs(value - 2) < 1e-12))
})
