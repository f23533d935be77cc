// What holds of every step of augmentation, on images of any size, down to a single pixel.

import assert from 'node:assert/strict'
import { type AugmentStep, augment, checkSteps, stepNames } from '../../train/augment/index.ts'
import { VOID } from '../../train/dataset.ts'
import { Random } from '../../train/random.ts'
import { recipes } from '../../train/recipes/index.ts'
import { test } from '../harness.ts'
import { drawnExample, drawnSize } from './augment.ts'

/** Each step with options drawn from all that it may be given. */
const drawn: { [N in AugmentStep['name']]: (random: Random) => AugmentStep[] } = {
  // An image is not shifted by more than its side.
  translate: (random) => {
    const [height, width] = drawnSize(random)
    const pixels = random.int(0, Math.min(height, width))
    return [
      { name: 'crop', size: [height, width] },
      { name: 'translate', pixels },
    ]
  },
  gamma: (random) => [{ name: 'gamma', range: random.pick([0, 0.05, 0.5]) }],
  subsample: (random) => [{ name: 'subsample', factor: random.int(1, 9) }],
  rotate: (random) => [{ name: 'rotate', degrees: random.pick([0, 10, 180]) }],
  saturation: (random) => [
    { name: 'saturation', range: [random.uniform(0, 1), 1 + random.u32() / 1e9] },
  ],
  hue: (random) => [{ name: 'hue', degrees: random.pick([0, 30, 180]) }],
  flip: (random) => [{ name: 'flip', chance: random.pick([0, 0.5, 1]) }],
  resize: (random) => [
    {
      name: 'resize',
      ...(random.chance(0.5) ? { longer: random.int(1, 40) } : { shorter: random.int(1, 40) }),
      range: random.pick([
        [1, 1],
        [0.7, 1.3],
        [0.1, 3],
      ]),
      filter: random.pick(['antialias', 'bicubic']),
    },
  ],
  crop: (random) => [
    {
      name: 'crop',
      size: drawnSize(random),
      at: random.pick(['random', 'centre', 'entropy']),
      padding: [random.uniform(), random.uniform(), random.uniform()],
    },
  ],
  // What is padded must fit.
  pad: (random) => [
    { name: 'crop', size: [random.int(1, 20), random.int(1, 20)] },
    { name: 'pad', size: [random.int(20, 30), random.int(20, 30)] },
  ],
  sizedCrop: (random) => [{ name: 'sizedCrop', size: drawnSize(random) }],
  colourJitter: (random) => [{ name: 'colourJitter', brightness: random.pick([0, 0.4, 1]) }],
  lighting: (random) => [{ name: 'lighting', deviation: random.pick([0, 0.1, 3]) }],
}

/** One to four steps of any kind. */
const anySteps = (random: Random) =>
  checkSteps(
    Array.from({ length: random.int(1, 4) }, () => drawn[random.pick(stepNames)](random)).flat(),
  )

test('augment: no step invents a label or an object, or leaves 0 … 1, whatever the size', () => {
  for (let seed = 0; seed < 600; seed++) {
    const random = new Random(0xa11, seed)
    const example = drawnExample(...drawnSize(random), seed)
    const steps = anySteps(random)
    const out = augment(example, steps, [seed])
    const { image, labels, instances, height, width } = out
    const said = `seed ${seed}: ${JSON.stringify(steps)} of ${example.height}×${example.width}`
    assert.equal(image.length, 3 * height * width, said)
    assert.equal(labels.length, height * width, said)
    assert.equal(instances?.length, height * width, said)
    const known = new Set([...example.labels, VOID])
    const objects = new Set([...example.instances, 0])
    assert.ok(
      labels.every((label) => known.has(label)),
      said,
    )
    assert.ok(
      instances?.every((object) => objects.has(object)),
      said,
    )
    assert.ok(
      image.every((v) => v >= 0 && v <= 1),
      said,
    )
    assert.deepEqual(
      out.drawn.map(({ name }) => name),
      steps.map(({ name }) => name),
    )
  }
})

test('augment: the same steps on the same image are the same, and leave it as it is', () => {
  for (let seed = 0; seed < 60; seed++) {
    const random = new Random(0xa12, seed)
    const example = drawnExample(...drawnSize(random), seed)
    const kept = structuredClone(example)
    const steps = anySteps(random)
    const first = augment(example, steps, [seed, 1])
    assert.deepEqual(augment(structuredClone(example), structuredClone(steps), [seed, 1]), first)
    assert.deepEqual(example, kept)
    // Whoever has the result may write into it.
    first.image.fill(9)
    first.labels.fill(9)
    first.instances?.fill(9)
    assert.deepEqual(example, kept)
  }
})

test('augment: an image without labels looks as the same one with them', () => {
  for (let seed = 0; seed < 60; seed++) {
    const random = new Random(0xa13, seed)
    const { instances, ...example } = drawnExample(...drawnSize(random), seed)
    const steps = anySteps(random).map((step) =>
      step.name === 'crop' ? { ...step, at: 'random' as const } : step,
    )
    const out = augment({ ...example, labels: new Uint8Array(), category: 3 }, steps, [seed])
    assert.deepEqual(out.image, augment(example, steps, [seed]).image)
    assert.equal(out.labels.length, 0)
    assert.equal(out.instances, undefined)
  }
})

test('augment: the steps of every recipe are steps, and batches of them have one size', () => {
  for (const { name, augmentation, batch } of recipes.values()) {
    const sizes = [1, 2, 3].map((seed) => {
      const { height, width } = augment(drawnExample(60, 90, seed), augmentation, [seed])
      return `${height}×${width}`
    })
    assert.ok(batch === 1 || new Set(sizes).size === 1, `${name}: ${sizes}`)
  }
})
