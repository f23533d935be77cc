// Gradient accumulation in training: what happens once for each part and what once for all, runs that are resumed, and the option
// of the command line.

import assert from 'node:assert/strict'
import { Args } from '../../apps/cli/command.ts'
import { newRecipe } from '../../apps/cli/settings.ts'
import { train as trainCommand } from '../../apps/cli/train.ts'
import { OptionError, ShapeError } from '../../engine/errors.ts'
import { dropout, scalar } from '../../engine/index.ts'
import { mul } from '../../engine/ops/arithmetic.ts'
import { sum } from '../../engine/ops/reduce.ts'
import { hostTensor } from '../../engine/ops/source.ts'
import { drawInput, randomFrom } from '../../engine/reference/index.ts'
import { type Tensor, Variable } from '../../engine/tensor.ts'
import { accumulated, microBatch } from '../../train/loop/accumulate.ts'
import type { Progress } from '../../train/loop/progress.ts'
import type { TrainOptions } from '../../train/loop.ts'
import { type Optimizer, Sgd } from '../../train/optimizers.ts'
import { testDevice } from '../device.ts'
import { close } from '../goldens/check.ts'
import { test } from '../harness.ts'
import { eventsOf, lossesOf, smallRun } from './small-runs.ts'

const word = (n: number) => hostTensor(Uint32Array.of(n), [])

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
  const recipe = (...argv: string[]) => newRecipe(new Args(trainCommand, argv), undefined)
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
