// Scores of segmentations and of instances, and non-maximum suppression: what runs on the host.

import { hostTensor } from '../../engine/ops/source.ts'
import type { ClassInfo } from '../../train/dataset.ts'
import { nonMaximumSuppression } from '../../train/instances/nms.ts'
import { averagePrecision } from '../../train/scoring/average-precision.ts'
import { labelBoundaries, squaredDistances } from '../../train/scoring/boundaries.ts'
import { DistanceScores } from '../../train/scoring/distance-scores.ts'
import { InstanceScorer, maskIou } from '../../train/scoring/instance-scores.ts'
import { ConfusionMatrix } from '../../train/scoring/metrics.ts'
import type { Operator, Trial } from './trial.ts'

const classInfos = (n: number): ClassInfo[] =>
  Array.from({ length: n }, (_, i) => ({ name: `class ${i}`, colour: [0, 0, 0] }))

const bytes = (t: Trial, name: string) => Uint8Array.from(t.input(name).data)
const ints = (values: ArrayLike<number>, shape: readonly number[]) =>
  hostTensor(Int32Array.from(values), shape)

function segmentationMetrics(t: Trial): void {
  const { attributes: a } = t
  const classes = a.number('classes')
  a.among('ignore_index', [255])
  a.rule('confusion', 'rows = ground truth, columns = prediction, void ground truth skipped')
  a.rule('pixel_acc', 'trace/total')
  a.rule('mean_acc', 'mean of tp/row over classes with row>0')
  a.rule(
    'mean_iou',
    'mean of tp/(row+col-tp) over classes with union>0 (a class that is only predicted counts with IoU 0; a class absent from both is left out)',
  )
  a.rule('freq_weighted_iou', 'sum over classes of row/total * IoU')
  a.rule(
    'undefined',
    'class_iou and class_acc hold 0 where class_iou_defined / class_acc_defined is 0',
  )
  const matrix = new ConfusionMatrix(classInfos(classes))
  matrix.add(bytes(t, 'labels'), bytes(t, 'prediction'))
  const scores = matrix.scores()
  t.compare('confusion', ints(matrix.counts, [classes, classes]))
  t.compareValues('pixel_acc', [scores.pixelAccuracy])
  t.compareValues('mean_acc', [scores.meanAccuracy])
  t.compareValues('mean_iou', [scores.meanIoU])
  t.compareValues('freq_weighted_iou', [scores.frequencyWeightedIoU])
  for (const [name, values] of [
    ['class_iou', scores.perClass.map((c) => c.iou)],
    ['class_acc', scores.perClass.map((c) => c.accuracy)],
  ] as const) {
    t.compareValues(
      name,
      values.map((v) => v ?? 0),
    )
    t.compareValues(
      `${name}_defined`,
      values.map((v) => Number(v !== null)),
    )
  }
}

function trimap(t: Trial): void {
  const { attributes: a } = t
  const classes = classInfos(a.number('classes'))
  a.among('ignore_index', [255])
  a.rule(
    'boundary',
    'a pixel with a 4-neighbour (inside the image) of another label; with_void counts label/void changes, without_void needs both labels valid',
  )
  a.rule(
    'band',
    'valid pixels whose centre lies at Euclidean distance <= r from the centre of the nearest boundary pixel (boundary pixels have distance 0)',
  )
  a.rule('dist2', 'squared distance, integer; 2^30 when there is no boundary')
  a.rule(
    'mean_iou',
    'per radius, over the pixels of the band, averaged over the classes with union>0; 0 for an empty band',
  )
  const [height, width] = t.shape('labels')
  const labels = bytes(t, 'labels')
  const prediction = bytes(t, 'prediction')
  const radii = [...t.input('radii').data]
  for (const withVoid of [true, false]) {
    const suffix = withVoid ? 'with_void' : 'without_void'
    const boundary = labelBoundaries(labels, height, width, { withVoid })
    const squared = squaredDistances(boundary, height, width)
    t.compareValues(`boundary_${suffix}`, boundary)
    t.compareValues(`dist2_${suffix}`, squared)
    const band = radii.flatMap((r) =>
      Array.from(squared, (d, i) => Number(labels[i] !== 255 && d <= r * r)),
    )
    t.compareValues(`band_${suffix}`, band)
    const scores = new DistanceScores(classes, radii, { withVoid })
    scores.add(labels, prediction, height, width)
    t.compareValues(`mean_iou_${suffix}`, scores.trimap())
  }
}

function nms(t: Trial): void {
  const { attributes: a } = t
  const thresholds = a.numbers('thresholds')
  a.rule('box', 'x1,y1,x2,y2; area=(x2-x1)*(y2-y1), no +1')
  a.rule(
    'rule',
    'greedy by descending score (scores are distinct); a box is suppressed when IoU > threshold (strictly)',
  )
  a.rule('keep', 'indices in descending score order')
  a.rule('suppressed_by', 'index of the kept box that removed it (itself when kept)')
  const classes = a.flag('per_class') ? { classes: t.input('classes').data } : {}
  const boxes = t.input('boxes').data
  const scores = t.input('scores').data
  for (const threshold of thresholds) {
    const result = nonMaximumSuppression(boxes, scores, { threshold, ...classes })
    const suffix = String(threshold).replace('.', 'p')
    t.compare(`keep_${suffix}`, ints(result.keep, [result.keep.length]))
    t.compare(`suppressed_by_${suffix}`, ints(result.suppressedBy, [scores.length]))
  }
}

const matchings = { best_overall: 'best-overall', sds: 'sds' } as const
const matchingRules = {
  best_overall:
    'each detection looks at the ground-truth instance of its class and image with the highest mask IoU (lowest index on equal IoU); true positive when IoU > threshold and that instance is not taken yet, otherwise false positive (a duplicate is a false positive; it does not fall back to the second-best instance)',
  sds: 'each detection looks at the ground-truth instance of its class and image with the highest mask IoU that is not taken yet (lowest index on equal IoU); true positive when IoU > threshold, otherwise false positive',
} as const

function mapR(t: Trial): void {
  const { attributes: a } = t
  const classes = a.number('classes')
  const thresholds = a.numbers('thresholds')
  const images = a.number('images')
  const matching = a.text<keyof typeof matchings>('matching_rule', Object.keys(matchings))
  a.rule(
    'ranking',
    'per class, all detections of the data set by descending score (scores distinct)',
  )
  a.rule('matching', matchingRules[matching])
  a.rule(
    'match',
    'per threshold and detection, the index of the ground truth that a true positive took, -1 for a false positive',
  )
  a.rule(
    'ap',
    'area under the precision envelope p(r)=max precision at recall>=r, summed at every recall step (no 11-point sampling)',
  )
  a.rule('mean', 'over classes that have ground truth; ap is -1 for the others')
  a.rule('map_vol', 'mean of mean_ap over the nine thresholds')
  const truth = masksOf(t, 'gt')
  const found = masksOf(t, 'det')
  const score = t.input('det_score').data
  const scorer = new InstanceScorer(classInfos(classes), {
    thresholds,
    matching: matchings[matching],
  })
  const truthOrder: number[] = []
  const foundOrder: number[] = []
  for (let image = 0; image < images; image++) {
    const inImage = (all: typeof truth) => all.filter((m) => m.image === image)
    truthOrder.push(...inImage(truth).map((m) => m.index))
    foundOrder.push(...inImage(found).map((m) => m.index))
    scorer.add(
      inImage(truth),
      inImage(found).map((m) => ({ ...m, score: score[m.index] })),
    )
  }
  t.compareValues(
    'iou',
    found.flatMap((d) => truth.map((g) => maskIou(d.mask, g.mask))),
  )
  const match = thresholds.flatMap((threshold) => {
    const row = new Array<number>(found.length)
    scorer.matches(threshold).forEach((hit, i) => {
      row[foundOrder[i]] = hit < 0 ? -1 : truthOrder[hit]
    })
    return row
  })
  t.compareValues('match', match)
  const { perClass, meanAp, volume } = scorer.scores()
  t.compareValues(
    'ap',
    thresholds.flatMap((_, i) => perClass.map(({ ap }) => ap[i] ?? -1)),
  )
  t.compareValues('mean_ap', meanAp)
  t.compareValues('map_vol', [volume])
}

function masksOf(t: Trial, who: 'gt' | 'det') {
  const [n, height, width] = t.shape(`${who}_mask`)
  const pixels = bytes(t, `${who}_mask`)
  const [image, kind] = [t.input(`${who}_image`).data, t.input(`${who}_class`).data]
  return Array.from({ length: n }, (_, index) => ({
    index,
    image: Number(image[index]),
    class: Number(kind[index]),
    mask: pixels.subarray(index * height * width, (index + 1) * height * width),
  }))
}

function averagePrecisions(t: Trial): void {
  t.attributes.rule(
    'definition',
    'true-positive flags in rank order plus the number of positives; area under the precision envelope',
  )
  const lists = t.golden.names('fed').filter((name) => name.startsWith('tp_'))
  for (const name of lists) {
    const i = name.slice(3)
    const positives = Number(t.input(`npos_${i}`).data[0])
    t.compareValues(`ap_${i}`, [averagePrecision(t.input(name).data, positives) ?? -1])
  }
}

export const scores: Record<string, Operator> = {
  segmentation_metrics: segmentationMetrics,
  trimap,
  nms,
  map_r: mapR,
  average_precision: averagePrecisions,
}
