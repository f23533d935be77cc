// Gradient accumulation: the memory of one part, the gradient of all, and the same bits however the parts are recomputed;
// and that updates of variables take no memory beside them.

import assert from 'node:assert/strict'
import { Args } from '../apps/cli/command.ts'
import { newRecipe } from '../apps/cli/settings.ts'
import { train as trainCommand } from '../apps/cli/train.ts'
import type { Device } from '../engine/device.ts'
import { storageBytes } from '../engine/dtype.ts'
import { OptionError, ShapeError } from '../engine/errors.ts'
import { checkpoint, defaultCaps, dropout, grad, scalar } from '../engine/index.ts'
import { mul } from '../engine/ops/arithmetic.ts'
import { sum } from '../engine/ops/reduce.ts'
import { hostTensor } from '../engine/ops/source.ts'
import { type Plan, planBytes } from '../engine/plan.ts'
import { drawInput, randomFrom } from '../engine/reference/index.ts'
import { type StageOptions, stages } from '../engine/stages.ts'
import { type Tensor, Variable } from '../engine/tensor.ts'
import { buildModel } from '../models/index.ts'
import { labelsOnGrid } from '../nn/grid.ts'
import { crossEntropy } from '../nn/losses.ts'
import { accumulated, microBatch } from '../train/accumulate.ts'
import type { TrainOptions } from '../train/loop.ts'
import { Adam, type Optimizer, Sgd } from '../train/optimizers.ts'
import type { Progress } from '../train/progress.ts'
import { testDevice } from './device.ts'
import { close } from './goldens/check.ts'
import { test } from './harness.ts'
import { eventsOf, lossesOf, smallRun } from './small-runs.ts'

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
  test(`accumulate: ${name}: 8 images in 4 parts take the activations of 2, and one set of gradients`, () => {
    const planned = (n: number, count: number, how: StageOptions) => {
      const { fn, types, optimizer } = stepOf(name, options, [n, h, w], count)
      return { optimizer, plan: stages(fn, types, defaultCaps, how).plan }
    }
    for (const how of name === 'fcrn-18' ? ([{}, { recompute: 'none' }] as const) : [{}]) {
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
  })

test('accumulate: updates, moments and sums are written where they were, and no version is copied', () => {
  const { fn, types, model, optimizer } = stepOf(
    'fcrn-18',
    { width: 8, frozen: 'none' },
    [4, 65, 65],
    2,
  )
  const { plan, fused } = stages(fn, types, defaultCaps)
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
    await learnt(device, made()),
    await learnt(device, made(true)),
    await learnt(device, made(), { memoryBudget: Math.floor(0.8 * bytes) }),
  ]
  for (const { bytes: less, ...other } of others) {
    assert.ok(less < bytes, `${less} of ${bytes}`)
    assert.deepEqual(other, none)
  }
  assert.ok(others[2].bytes <= 0.8 * bytes)
})

test('accumulate: running averages move once for each part, in order', async () => {
  const device = await testDevice()
  const image = drawInput({ dtype: 'f32', shape: [4, 16, 16, 3] }, randomFrom(5))
  const averages = async (inParts: boolean) => {
    const { model, optimizer } = smallRun(device, { steps: 1 })
    const program = device.compile((x: Tensor) => {
      const part = (i: number) => sum(model.apply(microBatch(x, i, 2), { train: true }))
      if (inParts) return accumulated(optimizer, 2, part, 0)
      return [part(0), part(1)]
    })
    for (const t of [await program.run(image)].flat()) t.dispose()
    program.dispose()
    const state = model.stateDict()
    const read = (name: string) => device.read(state.get(`bn.${name}`)!)
    return [await read('running_mean'), await read('running_var')]
  }
  const inParts = await averages(true)
  assert.deepEqual(inParts, await averages(false))
  assert.ok(inParts[0].some((x: number) => x !== 0))
})

test('accumulate: dropout draws anew for each part, and the same again with the same key', async () => {
  const device = await testDevice()
  const p = new Variable({ dtype: 'f32', shape: [2, 64] }, () => new Float32Array(128).fill(1), 'p')
  const masks: number[][] = []
  const program = device.compile((x: Tensor, step: Tensor) => {
    const kept: Tensor[] = []
    const part = (i: number) => {
      const own = dropout(microBatch(x, i, 2), 0.5, { seed: scalar(3, 'u32'), step })
      kept.push(own)
      return sum(mul(own, microBatch(p, i, 2)))
    }
    accumulated(new Sgd([p]), 2, part, 0.1)
    return kept
  })
  const ones = hostTensor(new Float32Array(128).fill(1), [2, 64])
  for (const step of [0, 0, 1]) {
    const kept = await program.run(ones, word(step))
    for (const t of kept) masks.push([...(await t.read().finally(() => t.dispose()))])
  }
  program.dispose()
  const [first, second, firstAgain, secondAgain, next] = masks
  assert.notDeepEqual(first, second)
  assert.notDeepEqual(first, next)
  assert.deepEqual([firstAgain, secondAgain], [first, second])
})

test('accumulate: what one part does not depend on gets the gradients of the others', async () => {
  const device = await testDevice()
  const [a, b, c] = ['a', 'b', 'c'].map(
    (name) => new Variable({ dtype: 'f32', shape: [2] }, () => Float32Array.of(1, 2), name),
  )
  const optimizer: Optimizer = new Sgd([a, b, c], { weightDecay: 0.1 })
  const program = device.compile((lr: Tensor) => {
    const losses = [() => sum(mul(a, 4)), () => sum(mul(b, 6)), () => sum(mul(a, b))]
    return accumulated(optimizer, 3, (part) => losses[part](), lr, { reduction: 'sum' })
  })
  using loss = await program.run(1)
  assert.equal(await loss.value(), 12 + 18 + 5)
  close(await device.read(a), [1 - 5 - 0.1, 2 - 6 - 0.2], 1e-6, 'a')
  close(await device.read(b), [1 - 7 - 0.1, 2 - 8 - 0.2], 1e-6, 'b')
  assert.deepEqual([...(await device.read(c))], [1, 2])
  program.dispose()
})

test('accumulate: parts that are none are refused', () => {
  const p = new Variable({ dtype: 'f32', shape: [5, 2] }, () => new Float32Array(10), 'p')
  const optimizer = new Sgd([p])
  const loss = () => sum(p)
  assert.throws(() => microBatch(p, 0, 2), ShapeError)
  assert.throws(
    () => microBatch(p, 0, 2),
    /axis 0 does not fall into 2 equal parts; got f32\[5,2\]/,
  )
  assert.throws(() => microBatch(scalar(1), 0, 1), ShapeError)
  for (const part of [5, -1, 0.5]) assert.throws(() => microBatch(p, part, 5), /no part .* of 5/)
  for (const count of [0, 1.5, Number.NaN])
    assert.throws(() => accumulated(optimizer, count, loss, 1), OptionError, String(count))
  const reduction = 'median' as 'mean'
  assert.throws(() => accumulated(optimizer, 2, loss, 1, { reduction }), /no reduction 'median'/)
})

test('accumulate: a run in parts that was stopped and resumed ends in the same bits', async () => {
  const device = await testDevice()
  const options = { accumulate: 2, steps: 4 }
  const whole = smallRun(device, options)
  const wholeLosses = lossesOf(await eventsOf(whole))
  const inOne = lossesOf(await eventsOf(smallRun(device, { steps: 4 })))
  assert.ok(Math.abs(wholeLosses[0] / inOne[0] - 1) < 0.2, `${wholeLosses} and ${inOne}`)
  assert.notDeepEqual(wholeLosses, inOne)

  const stop = new AbortController()
  const first = smallRun(device, options)
  const second = smallRun(device, options)
  const partsOf = (run: TrainOptions) => [run.model.stateDict(), run.optimizer.stateDict()]
  let from: Progress | undefined
  const firstLosses = lossesOf(
    await eventsOf({
      ...first,
      signal: stop.signal,
      batch: (step) => {
        if (step === 1) stop.abort()
        return first.batch(step)
      },
      // All that a checkpoint holds of a run.
      save: async (_, progress) => {
        from = progress
        for (const [i, part] of partsOf(first).entries())
          for (const [path, v] of part)
            device.write(partsOf(second)[i].get(path)!, await device.read(v))
      },
    }),
  )
  const secondLosses = lossesOf(await eventsOf({ ...second, from }))
  assert.equal(firstLosses.length, 2)
  assert.deepEqual([...firstLosses, ...secondLosses], wholeLosses)
  for (const [i, part] of partsOf(whole).entries())
    for (const [path, v] of part)
      assert.deepEqual(await device.read(partsOf(second)[i].get(path)!), await device.read(v))
})

test('accumulate: --accumulate divides the batch, which else is as many times larger', () => {
  const recipe = (...argv: string[]) => newRecipe(new Args(trainCommand, argv))
  const of = (...argv: string[]) => {
    const { batch, accumulate } = recipe(...argv)
    return [batch, accumulate]
  }
  assert.deepEqual(of(), [2, undefined])
  assert.deepEqual(of('--accumulate', '4'), [8, 4])
  assert.deepEqual(of('--accumulate', '4', '--batch', '12'), [12, 4])
  assert.throws(
    () => of('--accumulate', '4', '--batch', '6'),
    /6 images .* 4 equal parts[\s\S]*--batch 8/,
  )
  assert.throws(() => of('--accumulate', '0'), /whole number from 1/)
})
