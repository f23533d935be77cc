// Street scenes, batches and padding: everything between a seed and the numbers a network sees.

import assert from 'node:assert/strict'
import type { Dataset, Example } from '../../train/dataset.ts'
import { evalBatches } from '../../train/loader/eval.ts'
import { DataLoader } from '../../train/loader/loader.ts'
import { crop, fillBeyond, reflect } from '../../train/pictures/pad.ts'
import { resizeLabels } from '../../train/pictures/resize-labels.ts'
import { hashKeys, permutation, Random } from '../../train/random.ts'
import { STREET_CLASSES, streetPainter, streetScenes } from '../../train/scenes/street.ts'
import { test } from '../harness.ts'

test('random: a stream is fixed by its keys and their order', () => {
  assert.equal(new Random(1, 2).u32(), new Random(1, 2).u32())
  assert.notEqual(hashKeys(1, 2), hashKeys(2, 1))
  assert.notEqual(hashKeys(1), hashKeys(1, 0))
  assert.equal(new Random(7).u32(), 1454377467)
})

test('random: int covers both ends evenly, uniform stays in range', () => {
  const random = new Random(3)
  const counts = new Array(5).fill(0)
  for (let i = 0; i < 5000; i++) counts[random.int(-2, 2) + 2]++
  for (const count of counts) assert.ok(count > 850 && count < 1150, `${counts}`)
  for (let i = 0; i < 1000; i++) {
    const value = random.uniform(-1, 3)
    assert.ok(value >= -1 && value < 3)
  }
})

test('random: a permutation holds each index once and depends on its keys', () => {
  const order = permutation(100, 5, 0)
  assert.deepEqual(
    [...order].sort((a, b) => a - b),
    Array.from({ length: 100 }, (_, i) => i),
  )
  assert.notDeepEqual(order, permutation(100, 5, 1))
})

test('street: a scene is the same whatever was drawn before it', () => {
  const draw = streetPainter(48, 64)
  const first = draw(1, 5)
  draw(1, 6)
  assert.deepEqual(draw(1, 5), first)
  assert.deepEqual(streetPainter(48, 64)(1, 5), first)
  assert.notDeepEqual(draw(2, 5).labels, first.labels)
})

test('street: scene (1, 0) has the bytes it always had', () => {
  const { image, labels } = streetPainter(48, 64)(1, 0)
  assert.equal(hashKeys(...image), 588997439)
  assert.equal(hashKeys(...labels), 1997646307)
})

test('street: every class is in at least three of five scenes, none fills more than half', () => {
  const draw = streetPainter(48, 64)
  const scenes = 150
  const present = new Array(8).fill(0)
  const pixels = new Array(8).fill(0)
  for (let i = 0; i < scenes; i++) {
    const counts = new Array(8).fill(0)
    for (const label of draw(3, i).labels) counts[label]++
    counts.forEach((count, k) => {
      pixels[k] += count
      if (count >= 5) present[k]++
    })
  }
  STREET_CLASSES.forEach(({ name }, k) => {
    assert.ok(present[k] > 0.6 * scenes, `${name} in ${present[k]} of ${scenes} scenes`)
    const share = pixels[k] / (scenes * 48 * 64)
    assert.ok(share > 0.005 && share < 0.5, `${name} covers ${share}`)
  })
})

test('street: held-out scenes are not training scenes; any size draws', async () => {
  const [train, val, test] = (['train', 'val', 'test'] as const).map((split) =>
    streetScenes({ split, height: 33, width: 50 }),
  )
  const labels = await Promise.all([train, val, test].map(async (set) => (await set.get(0)).labels))
  assert.equal(labels[0].length, 33 * 50)
  assert.notDeepEqual(labels[0], labels[1])
  assert.notDeepEqual(labels[1], labels[2])
})

/** A 2×3 example whose red value is its position. */
const tiny: Example = {
  name: 'tiny',
  image: Uint8Array.from([0, 1, 2, 3, 4, 5].flatMap((i) => [i * 10, 0, 255])),
  labels: Uint8Array.from([0, 1, 2, 3, 4, 5]),
  height: 2,
  width: 3,
}

test('pad: reflection bounces as often as it must', () => {
  assert.deepEqual(
    Array.from({ length: 12 }, (_, i) => reflect(i - 4, 3)),
    [0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2, 1],
  )
  assert.equal(reflect(9, 1), 0)
})

test('pad: a colour stands beyond the image and nowhere in it', () => {
  const image = new Float32Array(3 * 4 * 4).fill(1)
  fillBeyond(image, 2, 3, 4, [7, 8, 9])
  const kept = crop(Uint8Array.from(image), 4, 3, 2, 3)
  assert.deepEqual(kept, new Uint8Array(3 * 2 * 3).fill(1))
  const outside = Array.from({ length: 16 }, (_, i) => i).filter((i) => i % 4 === 3 || i >= 8)
  for (const i of outside) assert.deepEqual([...image.slice(3 * i, 3 * i + 3)], [7, 8, 9], `${i}`)
})

test('labels: a cell takes what more than half of it is, else void', () => {
  const labels = Uint8Array.from([1, 1, 2, 3, 1, 2, 3, 2])
  assert.deepEqual([...resizeLabels(labels, 2, 4, 1, 2)], [1, 255])
  assert.deepEqual([...resizeLabels(Uint8Array.from([0, 1, 2]), 1, 3, 1, 2)], [0, 2])
})

test('batches: a step is the same in a fresh stream, in any order of asking', async () => {
  const dataset = streetScenes({ size: 10, height: 20, width: 30 })
  const augmentation = [
    { name: 'translate', pixels: 4 },
    { name: 'gamma', range: 0.05 },
  ] as const
  const options = { count: 3, seed: 4, augmentation, multiple: 16 }
  const stream = new DataLoader(dataset, options)
  assert.equal(stream.stepsPerEpoch, 3)
  const steps = []
  for (let step = 0; step < 5; step++) steps.push(await stream.batch(step))
  const resumed = new DataLoader(dataset, options)
  assert.deepEqual(await resumed.batch(4), steps[4])
  assert.deepEqual(await resumed.batch(1), steps[1])
  assert.equal(steps[0].height, 32)
  assert.equal(steps[0].image.length, 3 * 32 * 32 * 3)
})

test('batches: what a network pads with is beyond the image, and a translation still mirrors it', async () => {
  const dataset: Dataset = { ...streetScenes({ size: 1 }), get: async () => tiny }
  const options = { count: 1, seed: 3, multiple: 4 }
  const augmentation = [{ name: 'translate', pixels: 2 }] as const
  const padding = [0.25, 0.5, 0.75] as const
  for (const more of [{}, { augmentation }]) {
    const mirrored = await new DataLoader(dataset, { ...options, ...more }).batch(0)
    const batch = await new DataLoader(dataset, { ...options, ...more, padding }).batch(0)
    fillBeyond(mirrored.image, 2, 3, 4, padding)
    assert.deepEqual(batch, mirrored)
    assert.deepEqual([...batch.image.slice(-3)], [...padding])
  }
})

test('batches: an epoch takes no example twice and drops what does not fill a batch', () => {
  const stream = new DataLoader(streetScenes({ size: 10 }), { count: 3, seed: 4 })
  const epoch = [0, 1, 2].flatMap((step) => [...stream.indices(step)])
  assert.equal(new Set(epoch).size, 9)
  assert.notDeepEqual(stream.indices(3), stream.indices(0))
  assert.throws(
    () => new DataLoader(streetScenes({ size: 2 }), { count: 3, seed: 0 }),
    /a batch of 3 is larger than street's train split of 2/,
  )
})

test('batches: an example used again in the next epoch is augmented anew', async () => {
  const stream = new DataLoader(streetScenes({ size: 1 }), {
    count: 1,
    seed: 1,
    augmentation: [{ name: 'translate', pixels: 9 }],
  })
  assert.notDeepEqual((await stream.batch(0)).labels, (await stream.batch(1)).labels)
})

test('batches: evaluation sees every example once; the last batch is filled with void', async () => {
  const dataset: Dataset = { ...streetScenes({ size: 5, height: 8, width: 8 }) }
  const seen: string[] = []
  for await (const batch of evalBatches(dataset, 2)) {
    assert.equal(batch.image.length, 2 * 8 * 8 * 3)
    seen.push(...batch.names)
    if (batch.examples.length === 1) assert.ok(batch.labels.subarray(64).every((l) => l === 255))
  }
  assert.equal(new Set(seen).size, 5)
})

test('batches: images of two sizes in one batch are refused by name', async () => {
  const sizes: Dataset = {
    ...streetScenes({ size: 2 }),
    get: async (i) => ({ ...tiny, name: `image ${i}`, height: i + 1, width: 6 / (i + 1) }),
  }
  const stream = new DataLoader(sizes, { count: 2, seed: 0 })
  await assert.rejects(stream.batch(0), /image \d: is \d×\d but image \d in the same batch is/)
})
