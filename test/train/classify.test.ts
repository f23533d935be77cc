// Classifying images as a whole: loss, figures, batches and recipes, and a network that learns fifty real photographs.

import assert from 'node:assert/strict'
import { Args } from '../../apps/cli/command.ts'
import { newRecipe } from '../../apps/cli/settings.ts'
import { train as trainCommand } from '../../apps/cli/train.ts'
import { OptionError } from '../../engine/errors.ts'
import { hostTensor } from '../../engine/ops/source.ts'
import { buildModel } from '../../models/registry.ts'
import { openImagenet } from '../../train/data/imagenet.ts'
import { type Dataset, VOID } from '../../train/dataset.ts'
import { DataLoader } from '../../train/loader/loader.ts'
import { openLoader } from '../../train/loader/open.ts'
import { train } from '../../train/loop.ts'
import { Random } from '../../train/random.ts'
import { atSize, recipeNamed, scaled } from '../../train/recipes/index.ts'
import { batchLoss } from '../../train/recipes/loss.ts'
import {
  checkRecipe,
  checkTask,
  recipeBatches,
  recipeOptimizer,
  recipeRate,
} from '../../train/recipes/recipe.ts'
import {
  type ClassifiedImage,
  Classifier,
  classificationText,
  imagenetTest,
} from '../../train/scoring/classify.ts'
import { testDevice } from '../device.ts'
import { needShared, test } from '../harness.ts'

/** Images of noise, image i of class i² modulo the number of classes, whose sizes vary where they may. */
function noise(size: number, classes: number, sizeOf = (_: number) => [32, 32]): Dataset {
  return {
    ...({ name: 'noise', split: 'val', ignore: VOID, labelled: 'image' } as const),
    size,
    classes: Array.from({ length: classes }, (_, k) => ({ name: `c${k}`, colour: [0, 0, 0] })),
    get: async (i) => {
      const random = new Random(5, i)
      const [height, width] = sizeOf(i)
      const image = Uint8Array.from({ length: 3 * height * width }, () => random.int(0, 255))
      const labels = new Uint8Array()
      return { name: `n${i}`, image, labels, height, width, category: i ** 2 % classes }
    },
  }
}

const resnet = (classes: number, options = {}) =>
  buildModel({ name: 'resnet-18', options: { width: 4, classes, ...options } })

test('classify: top-1 and top-5 are those of the scores, whatever the batch', async () => {
  const device = await testDevice()
  const dataset = noise(13, 7)
  const model = resnet(7)
  using scoresOf = device.compile((image) => model.apply(image, { train: false }))
  const expected = { one: 0, five: 0, likeliest: [] as number[], images: new Array(7).fill(0) }
  for (let i = 0; i < dataset.size; i++) {
    const { image, category = -1 } = await dataset.get(i)
    const input = Float32Array.from(image, (v) => v / 255)
    using result = await scoresOf.run(hostTensor(input, [1, 32, 32, 3]))
    const scores = [...((await result.read()) as Float32Array)]
    const rank = scores.filter((s) => s > scores[category]).length
    if (rank < 1) expected.one++
    if (rank < 5) expected.five++
    expected.likeliest.push(scores.indexOf(Math.max(...scores)))
    expected.images[category]++
  }
  using classifier = new Classifier(device, model)
  for (const batch of [1, 5, 13, 40]) {
    const seen: ClassifiedImage[] = []
    const progress: number[] = []
    const found = await classifier.evaluate(dataset, {
      batch,
      onImage: (image) => seen.push(image),
      onProgress: (done) => progress.push(done),
    })
    assert.deepEqual(
      [found.top1, found.top5, found.images],
      [expected.one / 13, expected.five / 13, 13],
    )
    assert.deepEqual(
      seen.map(({ index, name, likeliest }) => [index, name, likeliest]),
      expected.likeliest.map((k, i) => [i, `n${i}`, k]),
    )
    assert.equal(progress.at(-1), 13)
    assert.deepEqual(
      found.perClass.map(({ images }) => images),
      expected.images,
    )
    // 0, 1, 2 and 4 are squares modulo 7, with 2, 4, 4 and 3 images.
    assert.deepEqual([found.baseline.top1, found.baseline.top5], [4 / 13, 1])
    assert.match(classificationText(found), /top-1 .* of 13 images\nalways the commonest: 30\.77 %/)
  }
})

test('classify: images of any size are seen by their middle, as the test of ImageNet has it', async () => {
  const device = await testDevice()
  const varied = noise(6, 5, (i) => [40 + 3 * i, 61 - 5 * i])
  using classifier = new Classifier(device, resnet(5))
  const found = await classifier.evaluate(varied, { steps: imagenetTest(32), batch: 4 })
  assert.equal(found.images, 6)
  await assert.rejects(classifier.evaluate(varied, { batch: 4 }), /in the same batch is 40×61/)
  assert.deepEqual(imagenetTest(256, 224)[1], { name: 'crop', size: [224, 224], at: 'centre' })
  assert.throws(() => imagenetTest(200, 224), OptionError)
})

test('classify: a network and a data set that do not belong together are refused', async () => {
  const device = await testDevice()
  const pixels = buildModel({ name: 'frrn-a', options: { base: 4, lanes: 4 } })
  assert.throws(() => new Classifier(device, pixels), /frrn-a scores pixels/)
  using classifier = new Classifier(device, resnet(4))
  await assert.rejects(classifier.evaluate(noise(3, 5)), /4 classes apart and noise has 5/)
  const { labelled: _, ...unlabelled } = noise(3, 4)
  await assert.rejects(classifier.evaluate(unlabelled), /no class as a whole/)
  assert.throws(
    () => checkTask(pixels, noise(3, 4)),
    /frrn-a scores pixels, and the images of noise/,
  )
  assert.throws(() => checkTask(resnet(4), unlabelled), OptionError)
  checkTask(resnet(4), noise(3, 4))
  assert.throws(() => checkTask(resnet(4), noise(3, 5)), /tells 4 classes apart, and noise has 5/)
})

test('classify: every one of a thousand classes counts in the loss, 255 too, and no −1', async () => {
  const device = await testDevice()
  const model = resnet(1000)
  const lossOf = batchLoss({ name: 'crossEntropy' }, model)
  using program = device.compile((image, categories) => {
    const mode = { train: false }
    const { loss, outOfRange } = lossOf(image, [categories], mode)
    return { loss, outOfRange, scores: model.apply(image, mode) }
  })
  const image = Float32Array.from({ length: 3 * 3 * 32 * 32 }, (_, i) => (i % 97) / 97)
  for (const categories of [
    [255, 999, 0],
    [255, -1, 7],
  ]) {
    const { loss, outOfRange, scores } = await program.run(
      hostTensor(image, [3, 32, 32, 3]),
      hostTensor(Int32Array.from(categories), [3]),
    )
    const all = (await scores.read()) as Float32Array
    const losses = categories.flatMap((k, i) => {
      if (k < 0) return []
      const row = Array.from(all.subarray(1000 * i, 1000 * (i + 1)))
      return [Math.log(row.reduce((sum, s) => sum + Math.exp(s), 0)) - row[k]]
    })
    const mean = losses.reduce((a, b) => a + b) / losses.length
    const [value] = (await loss.read()) as Float32Array
    // A sum of a thousand exponentials in f32.
    assert.ok(Math.abs(value - mean) < 1e-5 * mean, `${value} for ${mean}`)
    assert.equal(((await outOfRange.read()) as Float32Array)[0], 0)
    for (const tensor of [loss, outOfRange, scores]) tensor.dispose()
  }
})

test('classify: batches have the class of each image, augmented or not, with threads or without', async () => {
  const root = needShared('data/tiny-imagenet-subset')
  const dataset = await openImagenet(root, { split: 'val' })
  const { augmentation } = recipeNamed('imagenet-model-f')
  const options = { count: 6, seed: 4, augmentation, targets: ['category'] as const }
  const source = { kind: 'imagenet', folder: root } as const
  const own = openLoader(dataset, { ...options, workers: 0 })
  const threads = openLoader(dataset, { ...options, workers: 2, spec: { source, split: 'val' } })
  try {
    for (const step of [0, 170]) {
      const [a, b] = await Promise.all([own.batch(step), threads.batch(step)])
      assert.deepEqual([a.height, a.width, a.targets[0].shape], [56, 56, [6]])
      assert.ok(a.targets[0].data instanceof Int32Array)
      const ofName = new Map(
        await Promise.all(
          Array.from({ length: 1000 }, async (_, i): Promise<[string, number]> => {
            const { name } = await dataset.get(i)
            return [name, dataset.category(i)]
          }),
        ),
      )
      assert.deepEqual(
        [...a.targets[0].data],
        a.names.map((name) => ofName.get(name)),
      )
      assert.deepEqual([b.names, b.targets], [a.names, a.targets])
      assert.deepEqual(b.image, a.image)
    }
  } finally {
    await Promise.all([own.close(), threads.close()])
  }
})

test('classify: the recipes say what the paper does', () => {
  const a = recipeNamed('imagenet-model-a')
  const of = (name: string) => {
    const found = { kind: 'imagenet', folder: '/x', classes: 1000 } as const
    return newRecipe(new Args(trainCommand, [name, '--data', '/x']), found)
  }
  const rate = recipeRate(of('imagenet-model-a'))
  assert.equal(rate(0, 0), 0.1)
  assert.ok(Math.abs(rate(225_000, 0) - 0.05) < 1e-6 && rate(449_999, 0) <= 1e-6)
  assert.equal(recipeRate(of('imagenet-model-a1'))(0, 0), 0.01)
  // 90 times through 1,281,167 images, and 9 times.
  assert.equal(Math.round((450_000 * a.batch) / 1_281_167), 90)
  assert.equal(recipeNamed('imagenet-model-a1').rate[0].steps, 45_000)
  const crops = ['imagenet-model-a', 'imagenet-model-c', 'imagenet-model-f'].map((name) => {
    const { augmentation, view = [] } = recipeNamed(name)
    const sized = augmentation[0]
    const [resize] = view
    return [sized.name === 'sizedCrop' && sized.size[0], resize.name === 'resize' && resize.shorter]
  })
  assert.deepEqual(crops, [
    [224, 320],
    [112, 160],
    [56, 80],
  ])
  const models = ['imagenet-model-a', 'imagenet-model-a1', 'imagenet-resnet-50'].map((name) => {
    const { model } = of(name)
    return [
      model.name,
      model.options['head'],
      model.options['downsample'],
      model.options['classes'],
    ]
  })
  assert.deepEqual(models, [
    ['model-a', 'classify', undefined, 1000],
    ['model-a', 'classify', 'strided', 1000],
    ['resnet-50', undefined, undefined, 1000],
  ])
  // At another size the test's crop stays larger by as much.
  const small = atSize(a, [112, 112])
  assert.deepEqual(
    [small.data.size, small.augmentation[0], small.view],
    [undefined, { ...a.augmentation[0], size: [112, 112] }, imagenetTest(160)],
  )
  assert.deepEqual(scaled(a, 0.5, ['width']).view, imagenetTest(160))
  checkRecipe(of('imagenet-model-a'))
  assert.throws(
    () => checkRecipe({ ...of('imagenet-model-a'), view: [{ name: 'crp' } as never] }),
    OptionError,
  )
})

test(
  'classify: a narrow ResNet learns fifty photographs by heart',
  async () => {
    const device = await testDevice()
    const all = await openImagenet(needShared('data/tiny-imagenet-subset'), { split: 'train' })
    const { name, split, classes, ignore, labelled } = all
    // One of each class.
    const get = (i: number) => all.get(160 * i)
    const dataset: Dataset = { name, split, classes, ignore, labelled, size: 50, get }
    const view = imagenetTest(32)
    const recipe = {
      ...newRecipe(new Args(trainCommand, ['imagenet-resnet-50', '--data', '/x']), {
        ...({ kind: 'imagenet', folder: '/x', classes: 50 } as const),
      }),
      ...{ optimizer: { name: 'adam' } as const, augmentation: view, batch: 25 },
    }
    const model = resnet(50, { width: 8, seed: 1 })
    const batches = recipeBatches(recipe, dataset, model)
    assert.ok(batches instanceof DataLoader)
    using classifier = new Classifier(device, model)
    const before = await classifier.evaluate(dataset, { steps: view })
    assert.ok(before.top1 < 0.1, `${before.top1}`)
    const events = train({
      ...{ device, model, steps: 80 },
      optimizer: recipeOptimizer(recipe, model),
      loss: batchLoss(recipe.loss, model),
      batch: (step) => batches.batch(step),
      rate: () => 3e-3,
    })
    let outOfRange = 0
    for await (const event of events) if (event.kind === 'step') outOfRange += event.outOfRange
    assert.equal(outOfRange, 0)
    const after = await classifier.evaluate(dataset, { steps: view })
    assert.ok(after.top1 > 0.95, `${after.top1}`)
  },
  { slow: true },
)
