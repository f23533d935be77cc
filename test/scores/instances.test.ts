// From categories to instances: the pipeline against a plain one on the host, the oracle, and what is no instance at all.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DataError, OptionError, ShapeError } from '../../engine/errors.ts'
import { hostTensor } from '../../engine/ops/source.ts'
import { randomFrom } from '../../engine/reference/index.ts'
import { fcrn } from '../../models/fcrn.ts'
import { localizationNet } from '../../models/localization.ts'
import { openVoc } from '../../train/data/voc.ts'
import type { Dataset, Example } from '../../train/dataset.ts'
import { InstanceFinder, InstancePipeline, instanceSettings } from '../../train/instances/index.ts'
import { nonMaximumSuppression } from '../../train/instances/nms.ts'
import { exactBoxes, trueProbabilities } from '../../train/instances/oracle.ts'
import { trueInstances } from '../../train/instances/truth.ts'
import { crowdScenes } from '../../train/scenes/crowd.ts'
import { InstanceScorer } from '../../train/scoring/instance-scores.ts'
import { testDevice } from '../device.ts'
import { needShared, test } from '../harness.ts'

const small = { step: 1, leastCells: 3 }

/** Steps 3 to 6 by the letter, on a grid whose cells are the prediction's: class, score and cells of each instance. */
function plain(p: ArrayLike<number>, t: ArrayLike<number>, h: number, w: number, classes: number) {
  const { masks, threshold, overlap, leastCells } = instanceSettings(small)
  const found: { class: number; score: number; cells: number[] }[] = []
  const at = (cell: number, k: number) => p[cell * (classes + 1) + k]
  const rankOf = (cell: number, k: number) => {
    let rank = 1
    for (let other = 0; other <= classes; other++)
      if (at(cell, other) > at(cell, k) || (at(cell, other) === at(cell, k) && other < k)) rank++
    return rank
  }
  for (let k = 1; k <= classes; k++) {
    const own: typeof found = []
    for (let j = 1; j <= masks; j++) {
      const cells = Array.from({ length: h * w }, (_, c) => c).filter(
        (c) => rankOf(c, k) <= j && at(c, k) > 0,
      )
      const edges = cells.flatMap((c) => {
        const v = (i: number) => 64 * t[4 * (c * classes + k - 1) + i]
        const [y, x] = [Math.floor(c / w) + v(0), (c % w) + v(1)]
        const [high, wide] = [Math.max(1, v(2)), Math.max(1, v(3))]
        return [y - high / 2, x - wide / 2, y + high / 2, x + wide / 2].map(Math.fround)
      })
      const scores = cells.map((c) => at(c, k))
      const { keep, suppressedBy } = nonMaximumSuppression(edges, scores, { threshold })
      for (const survivor of keep) {
        const mine = cells.filter((_, i) => suppressedBy[i] === survivor)
        if (mine.length < leastCells) continue
        const score = mine.reduce((sum, c) => sum + at(c, k), 0) / mine.length
        own.push({ class: k, score, cells: mine })
      }
    }
    own.sort((a, b) => b.score - a.score)
    const stays: typeof found = []
    for (const region of own) {
      const over = stays.some(({ cells }) => {
        const both = cells.filter((c) => region.cells.includes(c)).length
        return both / (cells.length + region.cells.length - both) > overlap
      })
      if (!over) stays.push(region)
    }
    found.push(...stays)
  }
  return found.sort((a, b) => b.score - a.score)
}

test('instances: the pipeline is what its steps say, on random scores and boxes', async () => {
  using pipeline = new InstancePipeline(await testDevice(), small)
  for (const [seed, h, w, classes] of [
    [1, 12, 17, 3],
    [2, 20, 9, 1],
    [3, 16, 16, 5],
  ] as const) {
    const random = randomFrom(seed)
    // Few different values, so that equal scores occur; exact in f32.
    const p = Float32Array.from(
      { length: h * w * (classes + 1) },
      () => Math.floor(9 * random()) / 64,
    )
    // Half pixels: areas are exact, and no rounding decides.
    const t = Float32Array.from({ length: h * w * classes * 4 }, (_, i) =>
      i % 4 < 2 ? (Math.floor(8 * random()) - 4) / 128 : (8 + Math.floor(8 * random())) / 64,
    )
    const found = await pipeline.run(
      hostTensor(p, [1, h, w, classes + 1]),
      hostTensor(t, [1, h, w, 4 * classes]),
      { stride: 1, offset: 0, sigma: 64 },
    )
    const wanted = plain(p, t, h, w, classes)
    assert.ok(wanted.length > 3)
    const told = (list: readonly { class: number; score: number }[]) =>
      list.map((r) => [r.class, r.score.toFixed(6)])
    assert.deepEqual(told(found), told(wanted))
    found.forEach((instance, i) => {
      const cells = [...instance.mask].flatMap((v, c) => (v ? [c] : []))
      assert.deepEqual(cells, wanted[i].cells)
      assert.equal(instance.area, cells.length)
    })
  }
})

/** Scores of truth in place of both networks, and of the truth itself, at 0.5. */
async function oracleOf(dataset: Dataset, step = 1) {
  using pipeline = new InstancePipeline(await testDevice(), { step, masks: 1 })
  const [oracle, perfect] = [0, 1].map(() => new InstanceScorer(dataset.classes))
  for (let i = 0; i < dataset.size; i++) {
    const example = await dataset.get(i)
    const truth = trueInstances(example)
    // Of the classes that there are: the others have no pixel, and twenty of them much memory.
    const present = [0, ...new Set(truth.map((one) => one.class))]
    const labels = example.labels.map((k) => (k === 255 ? k : present.indexOf(k)))
    const own = { ...example, labels }
    const grid = { stride: 1, offset: 0, sigma: 64 }
    const [scores, boxes] = [trueProbabilities, exactBoxes].map((of) => of(own, present.length))
    const found = await pipeline.run(scores, boxes, grid)
    oracle.add(
      truth,
      found.map(({ class: k, score, mask }) => ({ class: present[k], score, mask })),
    )
    perfect.add(
      truth,
      truth.map((t) => ({ ...t, score: 1 })),
    )
  }
  return [oracle.scores(), perfect.scores()]
}

test('instances: exact masks and exact boxes give the things of drawn crowds back', async () => {
  const [oracle, perfect] = await oracleOf(
    crowdScenes({ split: 'val', size: 6, height: 64, width: 80 }),
  )
  assert.equal(perfect.volume, 1)
  assert.ok(oracle.meanAp[4] > 0.97, `${oracle.meanAp}`)
})

test(
  'instances: on VOC perfect predictions score 100 %, the oracle with exact boxes 99 % or more',
  async () => {
    const voc = join(needShared('data/voc-sample'), 'VOCdevkit')
    const dataset = await openVoc(voc, { split: 'train', list: 'trainval', objects: true })
    const [oracle, perfect] = await oracleOf(dataset)
    assert.equal(perfect.volume, 1)
    assert.ok(oracle.meanAp[4] >= 0.99, `${oracle.meanAp}`)
  },
  { timeout: 600 },
)

const example = (
  h: number,
  w: number,
  labels: readonly number[],
  ids: readonly number[],
): Example => ({
  ...{ name: 'made', height: h, width: w, image: new Uint8Array(3 * h * w) },
  labels: Uint8Array.from(labels),
  instances: Uint16Array.from(ids),
})

test('instances: numbers without a class are none, and one of two classes is refused', () => {
  const none = trueInstances(example(2, 3, [0, 255, 0, 0, 0, 255], [7, 7, 0, 1, 2, 0]))
  assert.deepEqual(none, [])
  const [one] = trueInstances(example(2, 3, [1, 1, 0, 1, 255, 2], [7, 7, 0, 7, 7, 0]))
  assert.deepEqual([one.class, one.number, one.area, ...one.mask], [1, 7, 3, 1, 1, 0, 1, 0, 0])
  assert.throws(
    () => trueInstances(example(2, 2, [1, 1, 2, 2], [3, 3, 3, 3])),
    (e) => e instanceof DataError && /made.*instance 3 .*classes 1 and 2/.test(e.message),
  )
  const { instances: _, ...plainExample } = example(1, 1, [0], [0])
  assert.throws(() => trueInstances(plainExample), /no objects told apart/)
})

test('instances: no foreground, boxes outside of the image, networks that do not belong together', async () => {
  const device = await testDevice()
  using pipeline = new InstancePipeline(device, { leastCells: 1 })
  const empty = new Float32Array(6 * 7 * 3)
  for (let c = 0; c < 42; c++) empty[3 * c] = 1
  const grid = { stride: 1, offset: 0, sigma: 64 }
  const far = hostTensor(new Float32Array(6 * 7 * 8).fill(1e4), [1, 6, 7, 8])
  assert.deepEqual(await pipeline.run(hostTensor(empty, [1, 6, 7, 3]), far, grid), [])
  const all = await pipeline.run(hostTensor(empty.fill(0.25), [1, 6, 7, 3]), far, grid)
  for (const { box, mask } of all) {
    assert.equal(mask.length, 42)
    assert.ok(box[0] >= 0 && box[2] <= 6 && box[1] >= 0 && box[3] <= 7)
  }
  await assert.rejects(
    pipeline.run(hostTensor(empty, [1, 6, 7, 3]), hostTensor(empty, [1, 6, 7, 3]), grid),
    ShapeError,
  )
  const boxes = localizationNet(18, { width: 4, classes: 2 })
  assert.throws(
    () => new InstanceFinder(device, fcrn(18, { width: 4, classes: 2 }), boxes),
    OptionError,
  )
  assert.throws(() => new InstanceFinder(device, boxes, boxes), OptionError)
  assert.throws(() => new InstancePipeline(device, { masks: 0 }), /masks 0 is no whole number/)
  assert.throws(() => new InstancePipeline(device, { overlap: 2 }), /not between 0 and 1/)
  // A pixel, and the whole way with networks.
  using finder = new InstanceFinder(device, fcrn(18, { width: 4, classes: 3 }), boxes)
  for (const [height, width] of [
    [1, 1],
    [37, 50],
  ]) {
    const data = new Uint8Array(3 * height * width).fill(90)
    for (const { score, mask } of await finder.find({ data, height, width })) {
      assert.ok(score > 0 && score <= 1)
      assert.equal(mask.length, height * width)
    }
  }
})

test('instances: cells two pixels apart, of a picture of odd sides, keep to it', async () => {
  const [oracle] = await oracleOf(crowdScenes({ split: 'val', size: 3, height: 61, width: 83 }), 2)
  assert.ok(oracle.meanAp[4] > 0.9, `${oracle.meanAp}`)
})
