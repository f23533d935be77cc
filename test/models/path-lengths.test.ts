// The gradient along paths of a length: against the whole gradient, of which all paths are parts, and against networks that
// have only the one way.

import assert from 'node:assert/strict'
import type { Device } from '../../engine/device.ts'
import { NonFiniteError, OptionError } from '../../engine/errors.ts'
import { grad, type Tensor } from '../../engine/index.ts'
import { stopGradient } from '../../engine/ops/convert.ts'
import { max, mean } from '../../engine/ops/reduce.ts'
import { hostTensor } from '../../engine/ops/source.ts'
import { buildModel, type ModelConfig, type Network, type ResNet } from '../../models/index.ts'
import { labelsOnGrid } from '../../nn/grid.ts'
import { crossEntropy } from '../../nn/losses.ts'
import type { Mode } from '../../nn/module.ts'
import {
  drawUnits,
  gatesOf,
  openGates,
  type PathBatch,
  pathGradient,
  pathLengths,
} from '../../train/analysis/path-lengths.ts'
import { Random } from '../../train/random.ts'
import { close } from '../checks.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'
import { Thumb } from '../train/small-runs.ts'

const side = 16

/** Two noisy images with a label for each pixel. */
const noise = (seed: number, height = side, width = side): Required<PathBatch> => {
  const random = new Random(seed)
  return {
    image: Float32Array.from({ length: 2 * height * width * 3 }, () => random.uniform()),
    labels: Uint8Array.from({ length: 2 * height * width }, () => random.int(0, 4)),
    height,
    width,
  }
}

const unlabelled = (seed: number): PathBatch => ({ ...noise(seed), labels: undefined })

const imageOf = ({ image }: PathBatch) => hostTensor(image, [2, side, side, 3])

/** Networks of few units by the form of these: after He et al. with projections, with zero-padded shortcuts, and with
 * activations in front. */
const networks: readonly (readonly [ModelConfig, units: number])[] = [
  [{ name: 'resnet-18', options: { width: 4, depthMultiplier: 0.5, classes: 5 } }, 4],
  [{ name: 'resnet-110', options: { width: 3, blocks: 2, classes: 5 } }, 6],
  [{ name: 'model-16', options: { width: 4, classes: 5, dilation: 1 } }, 6],
]
const small = () => buildModel(networks[0][0])

/** Scores and gradient at the image of a network whose units have these terms. */
async function plain(
  d: Device,
  model: Network,
  batch: PathBatch,
  residual?: Mode['residual'],
): Promise<[scores: ArrayLike<number>, gradient: ArrayLike<number>]> {
  using program = d.compile((image) => {
    const scores = model.apply(image, { train: false, residual })
    return [scores, grad(mean(max(scores, [-1])), [image])[0]]
  })
  const results = await program.run(imageOf(batch))
  const [scores, gradient] = [await results[0].read(), await results[1].read()]
  for (const r of results) r.dispose()
  return [scores, gradient]
}

const largest = (x: ArrayLike<number>): number =>
  Array.from(x).reduce((most, v) => Math.max(most, Math.abs(v)), 0)

const norm = (x: ArrayLike<number>): number =>
  Math.sqrt(Array.from(x).reduce((s, v) => s + v * v, 0))

for (const [config, units] of networks)
  test(`path lengths: of ${config.name}, all sets of units together are the whole gradient; scores stay to the bit`, async () => {
    const d = await testDevice()
    const model = buildModel(config)
    const batch = noise(3)
    const [scores, whole] = await plain(d, model, batch)
    using program = d.compile((gates: Tensor, image: Tensor) =>
      pathGradient(model, gates, image, undefined, 'running'),
    )
    const sums = new Float64Array(whole.length)
    let sizes = 0
    let shares: ArrayLike<number> = []
    for (let set = 0; set < 2 ** units; set++) {
      const drawn = Array.from({ length: units }, (_, i) => i).filter((i) => (set >> i) & 1)
      const result = await program.run(gatesOf(units, drawn), imageOf(batch))
      assert.deepEqual(await result.scores.read(), scores)
      shares = await result.gradient.read()
      for (let i = 0; i < sums.length; i++) sums[i] += shares[i]
      sizes += largest(shares)
      result.scores.dispose()
      result.gradient.dispose()
    }
    assert.ok(largest(whole) > 0)
    assert.ok(largest(shares) < 0.9 * largest(whole), 'no set is the whole')
    // Each of them is rounded as often as there are layers on the way.
    close(sums, whole, 1e-6 * sizes, 'sum over all sets')

    const open = await program.run(openGates(units), imageOf(batch))
    close(await open.gradient.read(), whole, 1e-6 * largest(whole), 'all gates open')
    open.scores.dispose()
    open.gradient.dispose()
  })

for (const [config, units] of networks)
  test(`path lengths: of ${config.name}, no branch is all shortcuts, and all branches no shortcut`, async () => {
    const d = await testDevice()
    const model = buildModel(config)
    const batch = unlabelled(4)
    const [, shortcuts] = await plain(d, model, batch, (x, f) => [x, stopGradient(f)])
    const [, branches] = await plain(d, model, batch, (x, f) => [stopGradient(x), f])
    const [, full] = await plain(d, model, batch)
    const found = await pathLengths(d, model, [batch], { draws: 2, lengths: [0, units] })
    assert.equal(found.units, units)
    assert.equal(found.of, 'largest score')
    const norms = [norm(full), norm(shortcuts), norm(branches)]
    const measured = [found.full, ...found.lengths.map((l) => l.mean)]
    measured.forEach((m, i) => {
      assert.ok(Math.abs(m / norms[i] - 1) < 1e-5, `${m} is not ${norms[i]}`)
    })
    for (const { norms, deviation } of found.lengths) {
      assert.equal(norms.length, 2)
      assert.equal(norms[0], norms[1])
      assert.equal(deviation, 0)
    }
    assert.notEqual(norms[1].toPrecision(3), norms[2].toPrecision(3))
  })

test('path lengths: a draw is k distinct units, the same for the same seed, and any unit may be drawn', () => {
  const units = 9
  const times = new Uint32Array(units)
  for (let k = 0; k <= units; k++)
    for (let draw = 0; draw < 200; draw++) {
      const drawn = [...drawUnits(units, k, 7, draw)]
      assert.equal(new Set(drawn).size, k)
      assert.ok(drawn.every((u) => u >= 0 && u < units))
      assert.deepEqual([...drawUnits(units, k, 7, draw)], drawn)
      if (k === 3) for (const u of drawn) times[u]++
    }
  // 200 draws of 3 in 9: each unit 66.7 ± 6.7 times.
  assert.ok(
    times.every((n) => n > 40 && n < 94),
    `${times}`,
  )
  const draws = (seed: number) => Array.from({ length: 20 }, (_, i) => drawUnits(units, 4, seed, i))
  assert.notDeepEqual(draws(1), draws(2))
})

test('path lengths: the same seed gives the same numbers; draws take turns with the batches', async () => {
  const d = await testDevice()
  const model = small()
  const [a, b] = [unlabelled(1), unlabelled(2)]
  const told: number[][] = []
  const options = {
    draws: 4,
    seed: 5,
    lengths: [2, 1],
    onProgress: (done: number, of: number) => told.push([done, of]),
  }
  const both = await pathLengths(d, model, [a, b], options)
  assert.deepEqual(await pathLengths(d, model, [a, b], { ...options, onProgress: undefined }), both)
  assert.deepEqual(
    told,
    Array.from({ length: 10 }, (_, i) => [i + 1, 10]),
  )
  const [first, second] = [
    await pathLengths(d, model, [a], options),
    await pathLengths(d, model, [b], options),
  ]
  assert.deepEqual(
    both.lengths.map(({ k, norms }) => [k, norms]),
    [0, 1].map((i) => [
      [2, 1][i],
      [0, 1, 2, 3].map((draw) => (draw % 2 ? second : first).lengths[i].norms[draw]),
    ]),
  )
  assert.equal(both.full, (first.full + second.full) / 2)
  const { mean: average, deviation, norms } = both.lengths[0]
  assert.equal(average, norms.reduce((x, y) => x + y) / 4)
  const squares = norms.reduce((sum, x) => sum + (x - average) ** 2, 0)
  assert.ok(deviation > 0 && Math.abs(deviation ** 2 - squares / 3) < 1e-12 * squares)
  const other = await pathLengths(d, model, [a, b], { ...options, seed: 6 })
  assert.notDeepEqual(other.lengths, both.lengths)
})

test('path lengths: more draws make neither kernels nor buffers', async () => {
  const d = await testDevice()
  const model = small()
  const made = async (draws: number) => {
    const before = d.stats()
    await pathLengths(d, model, [unlabelled(1)], { draws })
    const after = d.stats()
    return [after.buffersMade - before.buffersMade, after.pipelines - before.pipelines]
  }
  // The first one makes the weights.
  await made(1)
  const few = await made(1)
  assert.ok(few[0] > 0)
  assert.equal(few[1], 0)
  assert.deepEqual(await made(6), few)
})

test('path lengths: with labels the gradient is that of the cross entropy on the grid of scores', async () => {
  const d = await testDevice()
  const options = { width: 4, depthMultiplier: 0.5, classes: 5, dilation: 1 }
  const model = buildModel({ name: 'fcrn-18', options })
  const batch = noise(6, 16, 20)
  const of = { draws: 1, lengths: [0] }
  const found = await pathLengths(d, model, [batch], of)
  assert.equal(found.of, 'cross entropy')
  using program = d.compile((image: Tensor, labels: Tensor) => {
    const scores = model.apply(image, { train: false })
    return grad(crossEntropy(scores, labelsOnGrid(labels, 8)).loss, [image])[0]
  })
  using result = await program.run(
    hostTensor(batch.image, [2, 16, 20, 3]),
    hostTensor(batch.labels, [2, 16, 20]),
  )
  assert.ok(Math.abs(found.full / norm(await result.read()) - 1) < 1e-5)
  const labels = batch.labels.map(() => 255)
  const none = await pathLengths(d, model, [{ ...batch, labels }], of)
  assert.deepEqual([none.full, none.lengths[0].norms], [0, [0]])

  const classifier = small()
  const { image, height, width } = noise(7)
  const [known, unknown] = [Int32Array.of(1, -1), Int32Array.of(-1, -1)]
  const withLabels = (labels: Int32Array) =>
    pathLengths(d, classifier, [{ image, height, width, labels }], of)
  assert.ok((await withLabels(known)).full > 0)
  assert.equal((await withLabels(unknown)).full, 0)
})

test('path lengths: statistics of the batch change the gradient and not the averages', async () => {
  const d = await testDevice()
  const model = small() as ResNet
  const { running_mean } = model.backbone.bn1
  const of = { draws: 1, lengths: [0, 2, 4] }
  const running = await pathLengths(d, model, [unlabelled(1)], of)
  const before = await d.read(running_mean)
  const batch = await pathLengths(d, model, [unlabelled(1)], { ...of, statistics: 'batch' })
  assert.deepEqual(await d.read(running_mean), before)
  assert.deepEqual(await pathLengths(d, model, [unlabelled(1)], of), running)
  assert.notEqual(batch.full, running.full)
})

test('path lengths: gradients whose squares are below what f32 holds have their norm', async () => {
  const d = await testDevice()
  const model = small() as ResNet
  const of = { draws: 2, lengths: [0, 1, 4] }
  const before = await pathLengths(d, model, [unlabelled(1)], of)
  const weights = (await d.read(model.fc.weight)) as Float32Array
  d.write(
    model.fc.weight,
    weights.map((w) => w * 1e-25),
  )
  const after = await pathLengths(d, model, [unlabelled(1)], of)
  after.lengths.forEach(({ norms }, i) => {
    norms.forEach((x, j) => {
      assert.ok(Math.abs((x * 1e25) / before.lengths[i].norms[j] - 1) < 1e-5)
    })
  })
})

test('path lengths: what cannot be measured is refused', async () => {
  const d = await testDevice()
  const model = small()
  const refuses = (
    part: RegExp,
    batches: readonly PathBatch[],
    options = {},
    of: Network = model,
  ) =>
    assert.rejects(
      () => pathLengths(d, of, batches, options),
      (e: Error) => e instanceof OptionError && part.test(e.message),
      String(part),
    )
  const batch = unlabelled(1)
  await refuses(/thumb has no residual units/, [batch], {}, new Thumb())
  await refuses(/at least one batch; got none/, [])
  await refuses(/differ in size/, [batch, { ...noise(1, 16, 8), labels: undefined }])
  await refuses(/some have labels/, [batch, noise(1)])
  await refuses(/resnet-18 cannot take 512 labels for 2 images of 16×16\n.*each image/, [noise(1)])
  const labels = Int32Array.of(1, 5)
  await refuses(/resnet-18 has no score of class 5\n.*0 to 4, or -1/, [{ ...batch, labels }])
  await refuses(/no paths through 5 of 4 branches\n.*from 0 to 4/, [batch], { lengths: [0, 5] })
  await refuses(/no paths through 0.5 of 4/, [batch], { lengths: [0.5] })
  await refuses(/lengths are a list, not 2\n.*write \[2\]/, [batch], { lengths: 2 })
  for (const draws of [0, 1.5, Number.NaN, '3'])
    await refuses(/pathLengths: draws .* is no whole number from 1/, [batch], { draws })
  for (const seed of [Number.NaN, 1.5, -1, '1'])
    await refuses(/pathLengths: seed .* is no whole number from 0/, [batch], { seed })
  await refuses(/there is no statistics 'x'\n.*'running', 'batch'/, [batch], { statistics: 'x' })
  await refuses(/there is no option draw\n.*draws, seed/, [batch], { draw: 3 })
  await refuses(/options are an object, not null/, [batch], null as never)

  const image = batch.image.slice()
  image[5] = Number.NaN
  await assert.rejects(
    () => pathLengths(d, model, [batch, { ...batch, image }], { draws: 1 }),
    (e: Error) =>
      e instanceof NonFiniteError && /value 5 of the images of batch 1 is NaN/.test(e.message),
  )
  const broken = small() as ResNet
  const weights = (await d.read(broken.fc.weight)) as Float32Array
  d.write(
    broken.fc.weight,
    weights.map(() => Number.NaN),
  )
  await assert.rejects(() => pathLengths(d, broken, [batch], { draws: 1 }), NonFiniteError)
})
