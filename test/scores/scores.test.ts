// Scores near boundaries and of instances, against what their definitions say word by word.

import assert from 'node:assert/strict'
import { OptionError } from '../../engine/errors.ts'
import type { ClassInfo } from '../../train/dataset.ts'
import { iouOfEdges, nonMaximumSuppression } from '../../train/instances/nms.ts'
import { Random } from '../../train/random.ts'
import { averagePrecision, precisionRecall } from '../../train/scoring/average-precision.ts'
import { labelBoundaries, NO_BOUNDARY, squaredDistances } from '../../train/scoring/boundaries.ts'
import { DistanceScores } from '../../train/scoring/distance-scores.ts'
import { InstanceScorer, type MatchingRule, maskIou } from '../../train/scoring/instance-scores.ts'
import { ConfusionMatrix } from '../../train/scoring/metrics.ts'
import { test } from '../harness.ts'

const classes = (n: number): ClassInfo[] =>
  Array.from({ length: n }, (_, i) => ({ name: `c${i}`, colour: [i, i, i] }))

const pick = (random: Random, values: readonly number[]) =>
  values[Math.floor(random.uniform() * values.length)]

test('distances to the nearest boundary are those to the nearest of all marked pixels', () => {
  const random = new Random(5)
  for (const [h, w, share] of [
    [1, 1, 1],
    [1, 9, 0.3],
    [8, 1, 0.3],
    [13, 17, 0.02],
    [13, 17, 0.2],
    [9, 31, 0.7],
  ]) {
    const marked = Uint8Array.from({ length: h * w }, () => Number(random.uniform() < share))
    marked[Math.floor(random.uniform() * h * w)] = 1
    const brute = (measure: (dy: number, dx: number) => number) =>
      Array.from(marked, (_, i) => {
        let least = Number.POSITIVE_INFINITY
        marked.forEach((m, j) => {
          const dy = Math.floor(i / w) - Math.floor(j / w)
          if (m) least = Math.min(least, measure(dy, (i % w) - (j % w)))
        })
        return least
      })
    assert.deepEqual(
      [...squaredDistances(marked, h, w)],
      brute((y, x) => y * y + x * x),
    )
    assert.deepEqual(
      [...squaredDistances(marked, h, w, 'chessboard')],
      brute((y, x) => Math.max(Math.abs(y), Math.abs(x)) ** 2),
    )
  }
  assert.deepEqual([...squaredDistances(new Uint8Array(4), 2, 2)], Array(4).fill(NO_BOUNDARY))
})

test('a boundary is on both sides of a change, and void makes one only where asked', () => {
  const labels = Uint8Array.from([0, 0, 1, 255, 2, 2])
  assert.deepEqual([...labelBoundaries(labels, 1, 6)], [0, 1, 1, 0, 0, 0])
  assert.deepEqual([...labelBoundaries(labels, 1, 6, { withVoid: true })], [0, 1, 1, 1, 1, 0])
  assert.deepEqual([...labelBoundaries(labels, 6, 1)], [0, 1, 1, 0, 0, 0])
  assert.throws(() => labelBoundaries(labels, 2, 2), OptionError)
})

test('rings of distances add up to the whole, and the trimap counts each pixel once', () => {
  const random = new Random(11)
  const [h, w] = [24, 19]
  const draw = (values: readonly number[]) =>
    Uint8Array.from({ length: h * w }, () => pick(random, values))
  const scores = new DistanceScores(classes(3), [0, 1, 2.5, 4])
  const whole = new ConfusionMatrix(classes(3))
  const near = new ConfusionMatrix(classes(3))
  for (let image = 0; image < 3; image++) {
    const labels = draw([0, 0, 0, 0, 1, 255])
    // A large field of one class, so that some pixels are far from all boundaries.
    labels.fill(2, 0, 12 * w)
    const guess = draw([0, 1, 2])
    scores.add(labels, guess, h, w)
    whole.add(labels, guess)
    const squared = squaredDistances(labelBoundaries(labels, h, w), h, w)
    near.add(
      labels.map((v, i) => (squared[i] <= 2.5 ** 2 ? v : 255)),
      guess,
    )
  }
  assert.deepEqual(scores.within(2).counts, near.counts)
  const both = scores.within(1).counts.map((n, i) => n + scores.beyond(1).counts[i])
  assert.deepEqual(both, whole.counts)
  assert.ok(scores.beyond(3).scores().labelledPixels > 0)
  assert.equal(scores.trimap()[2], near.scores().meanIoU)
  // Classes 0 and 1 in one group.
  const grouped = near.grouped(classes(2), [0, 0, 1])
  const [a, b, c, d, e, f, g, hh, i] = near.counts
  assert.deepEqual([...grouped.counts], [a + b + d + e, c + f, g + hh, i])
  assert.equal(scores.trimap(classes(2), [0, 0, 1])[2], grouped.scores().meanIoU)
  assert.throws(() => new DistanceScores(classes(2), [3, 1]), /not distances in ascending order/)
  assert.throws(() => near.grouped(classes(2), [0, 2, 1]), OptionError)
})

test('suppression keeps the best, the earlier of equals, and no box that overlaps a kept one too much', () => {
  const random = new Random(3)
  for (let round = 0; round < 40; round++) {
    const n = 1 + Math.floor(random.uniform() * 40)
    const corner = () => Math.floor(random.uniform() * 12)
    const edges = Array.from({ length: n }, () => {
      const [top, left] = [corner(), corner()]
      return [top, left, top + corner(), left + corner()]
    }).flat()
    const scores = Array.from({ length: n }, () => Math.floor(random.uniform() * 6))
    const kinds = Array.from({ length: n }, () => pick(random, [0, 1]))
    const { keep, suppressedBy } = nonMaximumSuppression(edges, scores, {
      threshold: 0.4,
      classes: kinds,
    })
    const before = (i: number, j: number) =>
      scores[i] > scores[j] || (scores[i] === scores[j] && i < j)
    const clash = (i: number, j: number) => kinds[i] === kinds[j] && iouOfEdges(edges, i, j) > 0.4
    keep.forEach((k, i) => {
      assert.equal(suppressedBy[k], k)
      if (i) assert.ok(before(keep[i - 1], k))
      for (const other of keep) assert.ok(other === k || !clash(other, k))
    })
    suppressedBy.forEach((by, i) => {
      if (by === i) return
      assert.equal(suppressedBy[by], by)
      assert.ok(clash(by, i) && before(by, i))
      for (const k of keep) if (before(k, by)) assert.ok(!clash(k, i))
    })
  }
  assert.deepEqual([...nonMaximumSuppression([0, 0, 0, 0, 0, 0, 0, 0], [1, 2]).keep], [1, 0])
  assert.throws(() => nonMaximumSuppression([0, 0, 1, 1], [Number.NaN]), /score 0 is NaN/)
  assert.throws(() => nonMaximumSuppression([0, 0, 1], [1]), /not four for each/)
  assert.throws(() => nonMaximumSuppression([], [], { threshold: 2 }), /threshold 2/)
})

test('average precision is the area under the envelope, or the mean at eleven recalls', () => {
  // Precisions 1, 1/2, 2/3, 1/2, 3/5 at recalls 1/4, 1/4, 1/2, 1/2, 3/4.
  const hits = [1, 0, 1, 0, 1]
  assert.ok(Math.abs(averagePrecision(hits, 4)! - (1 + 2 / 3 + 3 / 5) / 4) < 1e-12)
  const eleven = (3 * 1 + 3 * (2 / 3) + 2 * (3 / 5)) / 11
  assert.ok(Math.abs(averagePrecision(hits, 4, 'eleven')! - eleven) < 1e-12)
  assert.equal(averagePrecision([], 3), 0)
  assert.equal(averagePrecision([0, 0], 0), null)
  assert.deepEqual([...precisionRecall([0, 1], 2).precision], [0, 0.5])
  assert.throws(() => averagePrecision([1, 1], 1), /2 hits are more than the 1 positives/)
})

test('the three rules of matching differ where their definitions do', () => {
  const mask = (...on: number[]) =>
    Uint8Array.from({ length: 12 }, (_, i) => Number(on.includes(i)))
  const [a, b] = [mask(0, 1, 2, 3), mask(4, 5, 6, 7)]
  const truth = [a, b].map((m) => ({ class: 0, mask: m }))
  // The second looks most like the first instance, which the best hypothesis has, and overlaps the other by 2/6.
  const second = mask(0, 1, 2, 4, 5)
  const found = [a, second].map((m, i) => ({ class: 0, mask: m, score: 1 - i / 10 }))
  assert.ok(maskIou(second, a) > maskIou(second, b))
  const score = (matching: MatchingRule, thresholds: number[]) => {
    const scorer = new InstanceScorer(classes(2), { matching, thresholds })
    scorer.add(truth, found)
    return { ...scorer.scores(), match: thresholds.map((t) => [...scorer.matches(t)]) }
  }
  const third = maskIou(second, b)
  assert.deepEqual(score('sds', [0.2, third]).match, [
    [0, 1],
    [0, -1],
  ])
  assert.deepEqual(score('best-overall', [0.2]).match, [[0, -1]])
  assert.deepEqual(score('mnc', [1]).match, [[0, -1]])
  assert.deepEqual(score('sds', [1]).match, [[-1, -1]])
  const { meanAp, perClass, volume } = score('sds', [0.2, 0.5])
  assert.deepEqual(meanAp, [1, 0.5])
  assert.equal(volume, 0.75)
  assert.deepEqual(perClass[1], { name: 'c1', instances: 0, hypotheses: 0, ap: [null, null] })
})

test('instances that do not fit each other are refused', () => {
  const scorer = new InstanceScorer(classes(1))
  const one = { class: 0, mask: new Uint8Array(4) }
  assert.throws(
    () => scorer.add([one], [{ ...one, mask: new Uint8Array(5), score: 1 }]),
    /masks of 4 and of 5 pixels/,
  )
  assert.throws(() => scorer.add([{ ...one, class: 3 }], []), /class 3 is none of the 1 classes/)
  assert.throws(
    () => scorer.add([], [{ ...one, score: Number.NaN }]),
    /score of a hypothesis is NaN/,
  )
  assert.throws(() => new InstanceScorer(classes(1), { thresholds: [] }), OptionError)
  scorer.add([], [])
  assert.deepEqual(scorer.scores().meanAp, Array(9).fill(0))
})
