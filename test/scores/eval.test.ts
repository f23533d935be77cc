// Evaluations of whole sets, against sums over their pixels that are written out here.

import assert from 'node:assert/strict'
import { CITYSCAPES_CLASSES, CITYSCAPES_OBJECT_SIZES } from '../../train/data/cityscapes-classes.ts'
import type { ClassInfo, Example } from '../../train/dataset.ts'
import { evaluate, validationOf } from '../../train/evaluate.ts'
import { Predictor } from '../../train/predict.ts'
import { Random } from '../../train/random.ts'
import { DistanceScores } from '../../train/scoring/distance-scores.ts'
import { ConfusionMatrix } from '../../train/scoring/metrics.ts'
import { withDevice } from '../checks.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'
import { datasetOf, RedNetwork, shownAs } from './eval-network.ts'

const kinds = (n: number): ClassInfo[] =>
  Array.from({ length: n }, (_, i) => ({ name: `c${i}`, colour: [i, i, i] }))

function drawn(seed: number, n: number, sizes: readonly (readonly [number, number])[]) {
  const random = new Random(seed)
  const pick = (below: number) => Math.floor(random.uniform() * below)
  return sizes.map((size, i) => {
    const [h, w] = size
    const labels = Uint8Array.from({ length: h * w }, (_, p) => {
      const stripe = Math.floor((p % w) / 7) % (n + 1)
      return stripe === n || random.uniform() < 0.05 ? 255 : stripe
    })
    const guess = labels.map((v) => (v < n && random.uniform() < 0.6 ? v : pick(n)))
    return { example: shownAs(`image ${i}`, size, labels, guess), labels, guess, h, w }
  })
}

const sizes = [
  [20, 30],
  [20, 30],
  [30, 20],
  [1, 1],
  [20, 30],
] as const

for (const [what, multiple, procedure] of [
  ['one pass in batches', 4, {}],
  ['a procedure, one by one', 1, { flip: true }],
] as const)
  test(`evaluate: images of different sizes, ${what}, score as on the host`, async () => {
    const device = await testDevice()
    using predictor = new Predictor(device, new RedNetwork(5, multiple), procedure)
    const all = drawn(3, 5, sizes)
    const dataset = datasetOf(
      'camvid',
      kinds(5),
      all.map(({ example }) => example),
    )
    const seen: Uint8Array[] = []
    const result = await evaluate(predictor, dataset, {
      ...{ batch: 2, trimap: 'euclidean', boundary: true, perImage: true },
      examples: (i) => i !== 2,
      onExample: (_, prediction) => seen.push(prediction),
    })
    const matrix = new ConfusionMatrix(kinds(5))
    const near = new DistanceScores(
      kinds(5),
      Array.from({ length: 80 }, (_, i) => i + 1),
    )
    const alone = all.map(({ labels, guess, h, w, example: { name } }, index) => {
      const own = new ConfusionMatrix(kinds(5))
      for (const m of [own, matrix]) m.add(labels, guess)
      near.add(labels, guess, h, w)
      const { meanIoU, pixelAccuracy, labelledPixels } = own.scores()
      return { index, name, meanIoU, pixelAccuracy, labelledPixels }
    })
    assert.deepEqual(result.scores, matrix.scores())
    assert.deepEqual(result.baseline, matrix.constant().scores())
    assert.deepEqual(result.perImage, alone)
    assert.deepEqual(result.trimap?.classes, near.trimap())
    assert.deepEqual(result.boundary, {
      boundary: near.within(6).scores().pixelAccuracy,
      internal: near.beyond(6).scores().pixelAccuracy,
      boundaryPixels: near.within(6).scores().labelledPixels,
      internalPixels: near.beyond(6).scores().labelledPixels,
    })
    assert.equal(result.images, 5)
    assert.deepEqual(
      seen,
      [0, 1, 3, 4].map((i) => all[i].guess),
    )
    const { score, scoreName, figures } = validationOf(result)
    assert.deepEqual([score, scoreName], [matrix.scores().meanIoU, 'mean IoU'])
    assert.equal(figures['boundaryAccuracy'], result.boundary?.boundary)
  })

/** Streets whose objects have Cityscapes' numbers: some of each class with objects, one of a class that is not scored, a group. */
function street(seed: number, [h, w]: readonly [number, number]): Example {
  const random = new Random(seed)
  const pick = (below: number) => Math.floor(random.uniform() * below)
  const labels = Uint8Array.from({ length: h * w }, () => (random.uniform() < 0.1 ? 255 : pick(11)))
  const instances = new Uint16Array(h * w)
  const block = (id: number, number: number, k: number, top: number) => {
    const [left, rows, columns] = [pick(w - 9), 2 + pick(4), 3 + pick(6)]
    for (let y = top; y < top + rows; y++)
      for (let x = left; x < left + columns; x++) {
        labels[y * w + x] = k
        instances[y * w + x] = number < 0 ? 0 : id * 1000 + number
      }
  }
  CITYSCAPES_CLASSES.forEach(({ id, objects }, k) => {
    if (!objects || id === 31) return
    for (let n = 0; n < 3; n++) block(id, n, k, pick(h - 6))
  })
  block(26, -1, 13, 0)
  block(29, 0, 255, 8)
  const guess = labels.map((v) => (v < 19 && random.uniform() < 0.5 ? v : pick(19)))
  return shownAs(`street ${seed}`, [h, w], labels, guess, instances)
}

for (const [what, procedure] of [
  ['in batches', {}],
  ['one by one', { flip: true }],
] as const)
  test(`evaluate: categories and instance-level IoU of Cityscapes by their definition, ${what}`, async () => {
    const device = await testDevice()
    using predictor = new Predictor(device, new RedNetwork(19, 4), procedure)
    const examples = [1, 2, 3].map((seed) => street(seed, [27, 46]))
    const dataset = datasetOf('cityscapes', CITYSCAPES_CLASSES, examples)
    const result = await evaluate(predictor, dataset, { batch: 2, instances: true })

    const idOf = (k: number) => (k === 255 ? 0 : CITYSCAPES_CLASSES[k].id)
    const categoryOf = (id: number) => CITYSCAPES_CLASSES.find((c) => c.id === id)?.category
    const wrong = { classes: new Map<number, number>(), categories: new Map<number, number>() }
    const sums = new Map<string, { tp: number; fn: number }>()
    const hits = { tp: new Array(7).fill(0), fp: new Array(7).fill(0), fn: new Array(7).fill(0) }
    for (const { image, labels, instances } of examples) {
      const pixels = Array.from(labels, (k, i) => ({
        ...{ id: idOf(k), guess: idOf(image[3 * i]), object: instances![i] },
      }))
      for (const { id, guess } of pixels) {
        const [own, other] = [categoryOf(id), categoryOf(guess)!]
        if (own === undefined) continue
        if (id !== guess) wrong.classes.set(guess, (wrong.classes.get(guess) ?? 0) + 1)
        if (own === other) hits.tp[own]++
        else {
          hits.fn[own]++
          hits.fp[other]++
          wrong.categories.set(other, (wrong.categories.get(other) ?? 0) + 1)
        }
      }
      for (const object of new Set(pixels.map((p) => p.object).filter((o) => o >= 1000))) {
        const id = Math.floor(object / 1000)
        const scored = CITYSCAPES_CLASSES.find((c) => c.id === id)
        if (!scored) continue
        const mine = pixels.filter((p) => p.object === object)
        // Sizes are of images of 1024×2048.
        const average = (CITYSCAPES_OBJECT_SIZES[scored.name] * pixels.length) / (1024 * 2048)
        const weight = average / mine.length
        const count = (key: string, good: (guess: number) => boolean) => {
          const tp = mine.filter((p) => good(p.guess)).length
          const before = sums.get(key) ?? { tp: 0, fn: 0 }
          sums.set(key, {
            tp: before.tp + weight * tp,
            fn: before.fn + weight * (mine.length - tp),
          })
        }
        count(scored.name, (guess) => guess === id)
        count(`category ${scored.category}`, (guess) => categoryOf(guess) === scored.category)
      }
    }
    const close = (a: number | null, b: number, what: string) =>
      assert.ok(a !== null && Math.abs(a - b) < 1e-12, `${what}: ${a}, not ${b}`)
    const { instances, categories } = result
    assert.deepEqual(
      instances!.classes.map(({ name }) => name),
      ['person', 'rider', 'car', 'truck', 'bus', 'train', 'motorcycle', 'bicycle'],
    )
    const expected = instances!.classes.map(({ name }) => {
      const { tp, fn } = sums.get(name) ?? { tp: 0, fn: 0 }
      const { id } = CITYSCAPES_CLASSES.find((c) => c.name === name)!
      return tp / (tp + fn + (wrong.classes.get(id) ?? 0))
    })
    instances!.classes.forEach(({ iou, name }, i) => {
      close(iou, expected[i], name)
    })
    // No train was there, and some pixels were said to be one.
    assert.equal(instances!.classes[5].iou, 0)
    close(instances!.classMean, expected.reduce((a, b) => a + b) / 8, 'mean of classes')
    assert.deepEqual(
      instances!.groups.map(({ name }) => name),
      ['human', 'vehicle'],
    )
    for (const [i, c] of [5, 6].entries()) {
      const { tp, fn } = sums.get(`category ${c}`)!
      close(instances!.groups[i].iou, tp / (tp + fn + wrong.categories.get(c)!), `category ${c}`)
    }
    const ious = hits.tp.map((tp, c) => tp / (tp + hits.fp[c] + hits.fn[c]))
    categories!.perClass.forEach(({ iou }, c) => {
      close(iou, ious[c], `category ${c}`)
    })
    close(result.figures['categoryIoU'], ious.reduce((a, b) => a + b) / 7, 'categories')
    assert.equal(result.figures['instanceIoU'], instances!.classMean)
  })

test('evaluate: absent classes count as each data set has it, and all can be told otherwise', async () => {
  const device = await testDevice()
  using predictor = new Predictor(device, new RedNetwork(3))
  const labels = Uint8Array.of(0, 0, 1, 255)
  const example = shownAs('one', [2, 2], labels, Uint8Array.of(0, 0, 0, 2))
  const score = async (name: string, absent?: 'skip' | 'zero') =>
    (await evaluate(predictor, datasetOf(name, kinds(3), [example]), { absent })).scores.meanIoU
  const [skip, zero] = [(2 / 3 + 0) / 2, (2 / 3 + 0) / 3]
  assert.equal(await score('camvid'), skip)
  assert.equal(await score('voc'), zero)
  assert.equal(await score('voc', 'skip'), skip)
  assert.equal(await score('folder', 'zero'), zero)
  const ade = await evaluate(predictor, datasetOf('ade20k', kinds(3), [example]))
  assert.equal(ade.figures['adeScore'], (2 / 3 + zero) / 2)
})

test('evaluate: nothing labelled is 0 and no NaN; sets that cannot be scored are refused', async () => {
  const device = await testDevice()
  using predictor = new Predictor(device, new RedNetwork(3))
  const guess = Uint8Array.of(0, 1, 2, 0)
  const blank = shownAs('blank', [2, 2], new Uint8Array(4).fill(255), guess)
  const result = await evaluate(predictor, datasetOf('voc', kinds(3), [blank]), {
    ...{ trimap: 'chessboard', boundary: true, perImage: true },
  })
  for (const figure of Object.values(result.figures)) assert.equal(figure, 0)
  assert.equal(result.scores.labelledPixels, 0)
  assert.deepEqual(new Set(result.trimap?.classes), new Set([0]))
  assert.equal(result.perImage?.[0].meanIoU, 0)

  const refused = (dataset: ReturnType<typeof datasetOf>, message: RegExp, options = {}) =>
    assert.rejects(evaluate(predictor, dataset, options), message)
  await refused(datasetOf('voc', kinds(3), []), /voc, val split: has no image to score/)
  await refused(datasetOf('voc', kinds(4), [blank]), /3 classes apart and voc has 4/)
  await refused(datasetOf('voc', kinds(3), [blank]), /voc is not scored by instances/, {
    instances: true,
  })
  const bare = { ...blank, labels: new Uint8Array() }
  await refused(datasetOf('voc', kinds(3), [bare]), /blank: has no labels|blank/)
  const images = { ...datasetOf('tiny', kinds(3), [bare]), labelled: 'image' as const }
  await refused(images, /tiny has a class for each image and none for its pixels/)
})

test('evaluate: where somebody throws in the midst of it, nothing is left on the device', async () => {
  await withDevice({}, async (device) => {
    using predictor = new Predictor(device, new RedNetwork(3))
    const labels = new Uint8Array(64 * 64)
    const examples = ['a', 'b', 'c'].map((name) => shownAs(name, [64, 64], labels, labels))
    const bytes: number[] = []
    for (let i = 0; i < 4; i++) {
      const onExample = () => {
        throw new Error('enough')
      }
      const dataset = datasetOf('folder', kinds(3), examples)
      await assert.rejects(evaluate(predictor, dataset, { batch: 1, onExample }), /enough/)
      bytes.push(device.stats().allocatedBytes)
    }
    assert.equal(bytes[3], bytes[1], `${bytes}`)
  })
})
