// FRRN's counts and shapes, and models from stored configurations: all by tracing, without a device.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { TensorType } from '../engine/dtype.ts'
import { graphOf } from '../engine/graph.ts'
import { apply } from '../engine/op.ts'
import { inputOp } from '../engine/ops/source.ts'
import type { Tensor } from '../engine/tensor.ts'
import { tracing } from '../engine/trace.ts'
import { buildModel, frrnA, frrnB } from '../models/index.ts'
import { capture } from '../nn/capture.ts'
import { countParameters } from '../nn/state.ts'
import { needShared, test } from './harness.ts'

/** Applies `fn` to an image without a device. */
function onPaper<R>(shape: readonly number[], fn: (image: Tensor) => R): R {
  const type: TensorType = { dtype: 'f32', shape }
  return tracing(() => fn(apply(inputOp, [], { type, position: 0 })[0])).result
}

const macsOf = (y: Tensor): number =>
  graphOf([], [y], []).nodes.reduce(
    (n, { op, inputs, types, attrs }) => n + op.cost(inputs, types, attrs).macs,
    0,
  )

/** Names of the counted stages in terms of our modules. */
const stageName = (name: string, encoders: number): string | undefined => {
  const [kind, factor] = name.split('/')
  const level = Math.log2(Number(factor))
  if (name === 'stem') return 'before.2'
  if (kind === 'enc') return `encoder.${level - 1}.y`
  if (kind === 'dec') return `decoder.${encoders - 1 - level}.y`
  return undefined
}

for (const [key, make, encoders] of [
  ['frrn-A', frrnA, 4],
  ['frrn-B', frrnB, 5],
] as const)
  for (const [form, splitBatchNorm] of [
    ['official', true],
    ['paper-table', false],
  ] as const)
    test(`${key}: parameters, multiply-adds and shapes, ${form}`, () => {
      const counts = JSON.parse(readFileSync(needShared('reference/counts.json'), 'utf8'))
      const want = counts.models[`${key}/cityscapes19/${form}`]
      const model = make({ classes: 19, splitBatchNorm })
      assert.equal(countParameters(model), want.params.trainable)
      const running = model.buffers().reduce((n, v) => n + v.shape[0], 0)
      assert.equal(running, want.params.bn_running)
      const [c, h, w] = want.input
      const stages = (want.stages as [string, number, number, number][]).flatMap((stage) => {
        const name = stageName(stage[0], encoders)
        return name ? [{ name, shape: [1, stage[2], stage[3], stage[1]] }] : []
      })
      const names = stages.map((s) => s.name)
      const { result, values } = onPaper([1, h, w, c], (image) =>
        capture(model, names)(image, { train: false }),
      )
      assert.equal(macsOf(result), want.macs)
      assert.deepEqual(result.shape, [1, h, w, 19])
      for (const { name, shape } of stages) assert.deepEqual(values[name].shape, shape, name)
    })

test('frrn: the published numbers of parameters', () => {
  const count = (make: typeof frrnA, splitBatchNorm: boolean) =>
    countParameters(make({ classes: 19, splitBatchNorm }))
  assert.deepEqual([count(frrnA, true), count(frrnA, false)], [17_746_803, 17_746_739])
  assert.deepEqual([count(frrnB, true), count(frrnB, false)], [24_755_699, 24_755_635])
})

test('models: a stored configuration builds the same network, with the same starting values', () => {
  const model = frrnA({ classes: 5, base: 4, lanes: 3, seed: 11 })
  const again = buildModel(JSON.parse(JSON.stringify(model.config)))
  const state = again.stateDict()
  for (const [name, variable] of model.stateDict())
    assert.deepEqual(variable.initial(), state.get(name)!.initial(), name)
  assert.throws(
    () => buildModel({ name: 'frrn-c', options: {} }),
    /no model frrn-c[\s\S]*did you mean frrn-/,
  )
  assert.throws(
    () => buildModel({ name: 'frrn-a', options: { clases: 5 } }),
    /no option clases[\s\S]*classes/,
  )
  assert.throws(
    () => buildModel({ name: 'frrn-a', options: { classes: 5, upsample: 'nearest' } }),
    /upsample cannot be "nearest"/,
  )
  assert.equal(buildModel({ name: 'frrn-b', options: {} }).classes, 19)
})

test('models: an image of another size is refused with the size that fits', () => {
  const model = frrnA({ classes: 11, base: 2, lanes: 2 })
  assert.throws(
    () => onPaper([1, 360, 480, 3], (x) => model.apply(x, { train: false })),
    /multiples of 16[\s\S]*368 x 480/,
  )
  assert.throws(
    () => onPaper([1, 3, 32, 32], (x) => model.apply(x, { train: false })),
    /colour channels last/,
  )
})
