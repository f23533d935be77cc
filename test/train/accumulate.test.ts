// Gradient accumulation: the memory of one part, the gradient of all, and the same bits however the parts are recomputed;
// and that updates of variables take no memory beside them.

import assert from 'node:assert/strict'
import type { Device } from '../../engine/device.ts'
import { storageBytes } from '../../engine/dtype.ts'
import { checkpoint, defaultCaps, grad } from '../../engine/index.ts'
import { hostTensor } from '../../engine/ops/source.ts'
import { type Plan, planBytes } from '../../engine/plan/plan.ts'
import { budgetChoices } from '../../engine/recompute/budget.ts'
import { deviceProfiles } from '../../engine/recompute/device-profile.ts'
import { drawInput, randomFrom } from '../../engine/reference/index.ts'
import { type StageOptions, stages } from '../../engine/stages.ts'
import type { Tensor, Variable } from '../../engine/tensor.ts'
import { buildModel } from '../../models/index.ts'
import { labelsOnGrid } from '../../nn/grid.ts'
import { crossEntropy } from '../../nn/losses.ts'
import { accumulated, microBatch } from '../../train/loop/accumulate.ts'
import { Adam, Sgd } from '../../train/optimizers.ts'
import { testDevice } from '../device.ts'
import { close } from '../goldens/check.ts'
import { slowWanted, test } from '../harness.ts'

type Size = readonly [n: number, h: number, w: number]

/** A training step of a narrow network on n images, in `count` parts. */
function stepOf(name: string, options: object, [n, h, w]: Size, count: number, inBlock = false) {
  const model = buildModel({ name, options: { classes: 4, seed: 3, ...options } })
  const optimizer = new Adam(model.parameters())
  const stride = model.scoreStride
  const fn = (image: Tensor, labels: Tensor, lr: Tensor, seed: Tensor, step: Tensor) => {
    const lossOf = (part: number) => {
      const own = microBatch(labels, part, count)
      const apply = () =>
        model.apply(microBatch(image, part, count), { train: true, random: { seed, step } })
      const scores = inBlock ? checkpoint(apply) : apply()
      return crossEntropy(scores, stride > 1 ? labelsOnGrid(own, stride) : own).loss
    }
    return accumulated(optimizer, count, lossOf, lr)
  }
  const types = [
    { dtype: 'f32', shape: [n, h, w, 3] },
    { dtype: 'u8', shape: [n, h, w] },
    { dtype: 'f32', shape: [] },
    { dtype: 'u32', shape: [] },
    { dtype: 'u32', shape: [] },
  ] as const
  return { model, optimizer, fn, types }
}

const networks = [
  ['frrn-a', { base: 8, lanes: 8 }, [64, 96]],
  ['fcrn-18', { width: 16, frozen: 'none' }, [97, 129]],
  ['gcn-18', { width: 8, kernel: 5 }, [96, 128]],
] as const

const sizeOfAll = (all: readonly Variable[]) => all.reduce((n, v) => n + storageBytes(v), 0)

for (const [name, options, [h, w]] of networks)
  test(
    `accumulate: ${name}: 8 images in 4 parts take the activations of 2, and one set of gradients`,
    () => {
      const planned = (n: number, count: number, how: StageOptions) => {
        const { fn, types, optimizer } = stepOf(name, options, [n, h, w], count)
        return { optimizer, plan: stages(fn, types, defaultCaps, how).plan }
      }
      for (const recompute of ['cheap', 'none'] as const) {
        if (recompute === 'none' && !(slowWanted && name === 'fcrn-18')) continue
        const how = { recompute }
        const { plan: two, optimizer } = planned(2, 1, how)
        const { plan: parts } = planned(8, 4, how)
        const { plan: whole } = planned(8, 1, how)
        const gradients = sizeOfAll(optimizer.parameters)
        assert.equal(sizeOfAll(parts.variables) - sizeOfAll(two.variables), gradients)
        const more = parts.activationBytes / two.activationBytes
        assert.ok(more > 0.99 && more < 1.03, `${more} times the activations`)
        assert.ok(whole.activationBytes > 3 * parts.activationBytes)
        assert.ok(planBytes(parts) < planBytes(whole))
      }
    },
    // Its plan takes the longest, and has the kinds of layers of the others.
    { slow: name === 'frrn-a' },
  )

test('accumulate: a budget finds for each part what it finds for a batch of its size', () => {
  const choicesOf = (n: number, count: number) => {
    const { fn, types } = stepOf('fcrn-18', { width: 8, frozen: 'none' }, [n, 97, 129], count)
    const choices = budgetChoices(stages(fn, types, defaultCaps).fused, deviceProfiles.lavapipe)
    return [...choices].filter(({ how }) => how === 'again')
  }
  const [one, three] = [choicesOf(2, 1), choicesOf(6, 3)]
  assert.ok(one.length > 3)
  const times = three.map(({ extraSeconds }) => extraSeconds / 3)
  for (const { extraSeconds } of one.slice(0, 3)) {
    const near = times.some((t) => t > 0.7 * extraSeconds && t < 1.4 * extraSeconds)
    assert.ok(near, `${extraSeconds} is not among ${times}`)
  }
})

test('accumulate: updates, moments and sums are written where they were, and no version is copied', () => {
  const { fn, types, model, optimizer } = stepOf(
    'fcrn-18',
    { width: 8, frozen: 'none' },
    [4, 65, 65],
    2,
  )
  // Updates that wait for others keep their gradients, but only as many as cost no memory: here none waits.
  const { plan, fused } = stages(fn, types, defaultCaps, { fuse: 'apart' })
  const trained = model.parameters()
  const state = [...model.stateDict().values(), ...optimizer.stateDict().values()]
  const sums = trained.map((p) => optimizer.sumOf(p))
  assert.deepEqual(new Set(plan.assigned), new Set([...state, ...sums]))
  assert.deepEqual(new Set(plan.variables), new Set([...state, ...sums]))
  const bodies = fused.nodes.flatMap(
    (n) => (n.attrs as { body?: { steps: { op: object }[] } }).body?.steps ?? [],
  )
  assert.ok(bodies.length > 500)
  assert.ok(!bodies.some(({ op }) => (op as { name: string }).name === 'copy'))
  // Of gradients only one at a time is alive beside the variables: here all of a layer's.
  assert.ok(gradientsAlive(plan) < 0.5 * sizeOfAll(trained), `${gradientsAlive(plan)}`)
})

/** Most bytes of weight gradients of convolutions that are alive at one time. */
function gradientsAlive({ values, steps }: Plan): number {
  const gradients = values.filter(({ from, tensor }) => {
    const { node } = steps[from]
    const { body } = node.attrs as { body?: { steps: { op: { name: string } }[]; root: number } }
    const op = body && body.root >= 0 ? body.steps[body.root].op.name : node.op.name
    return tensor && op === 'conv2dWeightGrad'
  })
  assert.ok(gradients.length > 20)
  return Math.max(
    ...steps.map((_, step) =>
      gradients.reduce((n, v) => n + (v.from <= step && step <= v.to ? v.bytes : 0), 0),
    ),
  )
}

const word = (n: number) => hostTensor(Uint32Array.of(n), [])

/** Losses of two steps and all variables after them. */
async function learnt(device: Device, made: ReturnType<typeof stepOf>, options: StageOptions = {}) {
  const { model, optimizer, fn, types } = made
  const random = randomFrom(7)
  const [image, labels] = types.slice(0, 2).map((type) => drawInput(type, random))
  const seen = hostTensor(
    (labels.data as Uint8Array).map((l) => l % 4),
    labels.shape,
  )
  const program = device.compile(fn, options)
  const bytes = planBytes(program.stages(...types).plan)
  const losses: number[] = []
  for (let i = 0; i < 2; i++) {
    using loss = await program.run(image, seen, 0.01, word(5), word(i))
    losses.push(await loss.value())
  }
  const state = new Map<string, ArrayLike<number>>()
  for (const [path, v] of [...model.stateDict(), ...optimizer.stateDict()])
    state.set(path, await device.read(v))
  program.dispose()
  return { losses, state, bytes }
}

test('accumulate: parts of equal weight give the gradient of the whole', async () => {
  const device = await testDevice()
  const image = drawInput({ dtype: 'f32', shape: [4, 33, 33, 3] }, randomFrom(3))
  const labels = hostTensor(
    Uint8Array.from({ length: 4 * 33 * 33 }, (_, i) => (i * 7) % 4),
    [4, 33, 33],
  )
  const gradientsIn = async (count: number) => {
    const options = { classes: 4, seed: 3, width: 8, dropout: 0, frozen: 'statistics' }
    const model = buildModel({ name: 'fcrn-18', options })
    const optimizer = new Sgd(model.parameters())
    const lossOf = (x: Tensor, y: Tensor) =>
      crossEntropy(model.apply(x, { train: true }), labelsOnGrid(y, model.scoreStride)).loss
    const program = device.compile((x: Tensor, y: Tensor) => {
      if (!count) return [...grad(lossOf(x, y), optimizer.parameters)]
      const part = (i: number) => lossOf(microBatch(x, i, count), microBatch(y, i, count))
      return [accumulated(optimizer, count, part, 0.5)]
    })
    const results = await program.run(image, labels)
    const gradients = count ? optimizer.parameters.map((p) => optimizer.sumOf(p)) : results
    const values = await Promise.all(gradients.map((t) => device.read(t)))
    for (const t of results) t.dispose()
    program.dispose()
    return values
  }
  const whole = await gradientsIn(0)
  const parts = await gradientsIn(4)
  parts.forEach((g, i) => {
    close(g, whole[i], 1e-5, `gradient ${i}`)
  })
})

test('accumulate: in one part it is minimize, to the bit', async () => {
  const device = await testDevice()
  const size: Size = [2, 33, 33]
  const options = { width: 8, frozen: 'none' }
  const one = await learnt(device, stepOf('fcrn-18', options, size, 1))
  const made = stepOf('fcrn-18', options, size, 1)
  const plain = (image: Tensor, labels: Tensor, lr: Tensor, seed: Tensor, step: Tensor) => {
    const scores = made.model.apply(image, { train: true, random: { seed, step } })
    const { loss } = crossEntropy(scores, labelsOnGrid(labels, made.model.scoreStride))
    return made.optimizer.minimize(loss, lr)
  }
  assert.deepEqual(await learnt(device, { ...made, fn: plain }), one)
})

test('accumulate: the same bits whatever runs again: nothing, what is cheap, checkpoints, by budget', async () => {
  const device = await testDevice()
  // Batch norm that moves its averages, and dropout.
  const made = (inBlock = false) =>
    stepOf('fcrn-18', { width: 8, frozen: 'none', dropout: 0.3 }, [4, 97, 97], 2, inBlock)
  const { bytes, ...none } = await learnt(device, made(), { recompute: 'none' })
  const others = [
    await learnt(device, made(), { recompute: 'cheap' }),
    await learnt(device, made(true)),
    await learnt(device, made(), { memoryBudget: Math.floor(0.8 * bytes) }),
  ]
  for (const { bytes: less, ...other } of others) {
    assert.ok(less < bytes, `${less} of ${bytes}`)
    assert.deepEqual(other, none)
  }
  assert.ok(others[2].bytes <= 0.8 * bytes)
})
