// The units of Models A to F: what reads what, where dropout stands, dilated features, and gradients.

import assert from 'node:assert/strict'
import type { TensorType } from '../../engine/dtype.ts'
import { grad } from '../../engine/grad.ts'
import { graphOf } from '../../engine/graph.ts'
import { mul } from '../../engine/ops/arithmetic.ts'
import { sum } from '../../engine/ops/reduce.ts'
import { constant, hostTensor } from '../../engine/ops/source.ts'
import { drawDirection, interpret, randomFrom } from '../../engine/reference/index.ts'
import type { Tensor, Variable } from '../../engine/tensor.ts'
import { type Wider, type WiderOptions, type WiderVariant, wider } from '../../models/index.ts'
import { capture } from '../../nn/capture.ts'
import { Dropout, Dropout2d } from '../../nn/dropout.ts'
import type { Mode } from '../../nn/module.ts'
import { close, traceOf } from '../checks.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'
import { onPaper } from './paper.ts'

const evaluation: Mode = { train: false }
const training = (): Mode => ({
  train: true,
  random: { seed: constant(new Uint32Array([3]), []), step: constant(new Uint32Array([7]), []) },
})

test('wider: the projection reads the activated input, as the first convolution does', () => {
  const model = wider('16', { width: 1 })
  const names = ['project', 'conv1', 'bn1'].map((name) => `levels.2.0.${name}`)
  const { values } = onPaper([1, 16, 16, 3], (image) => capture(model, names)(image, evaluation))
  const [project, conv1, bn1] = names.map((name) => values[name].node)
  assert.equal(project.inputs[0], conv1.inputs[0])
  assert.equal(project.inputs[0].node.op.name, 'relu')
  assert.equal(project.inputs[0].node.inputs[0].node, bn1)
})

test('wider: dropout stands in B6 and B7, between their last activation and last convolution', () => {
  for (const [dropoutKind, Kind] of [
    ['element', Dropout],
    ['channel', Dropout2d],
  ] as const) {
    const model = wider('a', { width: 1, dropoutKind })
    const at = (unit: string) => [`${unit}.dropout`, `${unit}.conv3`, `${unit}.bn3`]
    const names = [...at('levels.5.0'), ...at('levels.6.0')]
    const { result, values } = onPaper([1, 16, 16, 3], (image) =>
      capture(model, names)(image, training()),
    )
    for (const unit of ['levels.5.0', 'levels.6.0']) {
      const [dropout, conv3, bn3] = at(unit).map((name) => values[name])
      assert.equal(conv3.node.inputs[0], dropout)
      const inside = graphOf([], [dropout], []).nodes
      const before = inside.filter(({ path }) => !path.startsWith(`${unit}.dropout`)).at(-1)!
      assert.equal(before.op.name, 'relu')
      assert.equal(before.inputs[0].node, bn3.node)
    }
    const draws = graphOf([], [result], []).nodes.filter(({ op }) => op.name === 'randomUniform')
    const side = dropoutKind === 'element' ? 2 : 1
    assert.deepEqual(
      draws.map(({ types }) => types[0].shape),
      [16, 32].map((channels) => [1, side, side, channels]),
    )
    const rates = model.levels.flat().map(({ dropout }) => dropout.rate)
    assert.deepEqual(rates, [...new Array(15).fill(0), 0.3, 0.5])
    assert.ok(model.levels.flat().every(({ dropout }) => dropout instanceof Kind))
  }
  const without = wider('a', { width: 1, dropout: [0, 0] })
  assert.doesNotThrow(() => onPaper([1, 16, 16, 3], (x) => without.apply(x, { train: true })))
  assert.throws(
    () => onPaper([1, 16, 16, 3], (x) => wider('a', { width: 1 }).apply(x, { train: true })),
    /training needs a random key/,
  )
})

test('wider: all residual units pass their two paths to the mode, once each and in order', () => {
  const model = wider('c', { width: 1 })
  const seen: [shortcut: string, branch: string][] = []
  const residual: Mode['residual'] = (shortcut, branch) => {
    seen.push([shortcut.node.path, branch.node.path])
    return [shortcut, branch]
  }
  onPaper([1, 16, 16, 3], (image) => model.apply(image, { train: false, residual }))
  let before = 'conv1'
  const want = model.levels.flatMap((units, level) =>
    units.map((unit, u) => {
      const path = `levels.${level}.${u}`
      const shortcut = unit.project ? `${path}.project` : before
      before = path
      return [shortcut, `${path}.${unit.conv3 ? 'conv3' : 'conv2'}`]
    }),
  )
  assert.equal(seen.length, 19)
  assert.deepEqual(seen, want)
})

test('wider: leaky activations stand wherever the others would, but in the head', () => {
  const counts = (['relu', 'leaky-relu'] as const).map((activation) => {
    const model = wider('16', { width: 1, activation })
    const scores = onPaper([1, 16, 16, 3], (image) => model.apply(image, evaluation))
    const { nodes } = graphOf([], [scores], [])
    const leaky = nodes.filter(({ op }) => op.name === 'leakyRelu')
    assert.ok(leaky.every(({ attrs }) => (attrs as { slope: number }).slope === 0.01))
    return [nodes.filter(({ op }) => op.name === 'relu').length, leaky.length]
  })
  // 4 units of two and 2 of three, the one before the head, and that within it.
  assert.deepEqual(counts, [
    [16, 0],
    [1, 15],
  ])
})

/** Drawn for each variable, so that no batch norm is the identity. */
function drawnState(model: Wider, seed: number): Map<Variable, Float64Array> {
  const random = randomFrom(seed)
  return new Map(
    [...model.stateDict().values()].map((variable) => [
      variable,
      Float64Array.from(variable.initial(), (v) => v + 0.2 * (random() - 0.5)),
    ]),
  )
}

const drawnImage = (shape: readonly number[], seed: number): Float32Array => {
  const random = randomFrom(seed)
  return Float32Array.from({ length: shape.reduce((a, b) => a * b) }, random)
}

test('wider: dilated features at every fourth cell are those of the strided network', async () => {
  const device = await testDevice()
  const shape = [1, 40, 56, 3]
  const image = hostTensor(drawnImage(shape, 1), shape)
  const features = async (options: WiderOptions) => {
    const model = wider('a', { ...options, units: [1, 1, 1, 1, 2, 1, 1], width: 2 })
    for (const [variable, values] of drawnState(model, 2))
      device.write(variable, Float32Array.from(values))
    const program = device.compile((x: Tensor) => capture(model, ['bn'])(x, evaluation).values)
    const { bn } = await program.run(image)
    const data = await bn.read()
    const [, h, w, c] = bn.shape
    bn.dispose()
    program.dispose()
    return { data, h, w, c }
  }
  const agree = async (options: WiderOptions, dense: WiderOptions, step: number) => {
    const coarse = await features({ ...options, outputStride: 32 })
    const fine = await features({ ...options, ...dense })
    assert.deepEqual(
      [coarse.h, coarse.w],
      [fine.h, fine.w].map((n) => Math.ceil(n / step)),
    )
    const sampled = Array.from({ length: coarse.h * coarse.w }, (_, i) => {
      const [y, x] = [Math.floor(i / coarse.w) * step, (i % coarse.w) * step]
      const from = (y * fine.w + x) * fine.c
      return [...fine.data.subarray(from, from + fine.c)]
    }).flat()
    // The same sums, though another schedule may add them up in another order.
    const largest = sampled.reduce((a, v) => Math.max(a, Math.abs(v)), 0)
    close(coarse.data, sampled, 1e-5 * largest, `${options.downsample}, 1/${dense.outputStride}`)
  }
  for (const downsample of ['strided', 'pool', 'mixed'] as const)
    await agree({ downsample }, { outputStride: 8 }, 4)
  await agree({ downsample: 'strided' }, { outputStride: 4 }, 8)
  // Dilating the convolution that had the stride moves its taps away from the pixels that it saw.
  const whole = { outputStride: 8, firstUnitDilation: 'whole' } as const
  await assert.rejects(() => agree({ downsample: 'strided' }, whole, 4), /strided, 1\/8: element/)
})

for (const [what, variant, options] of [
  ['to segment, in training', 'a', { frozen: 'none' }],
  ['to classify, by pooling', 'c', { head: 'classify', outputStride: 8 }],
  [
    'as mapillary has it',
    'a',
    {
      ...{ downsample: 'mixed', firstUnitDilation: 'whole', activation: 'leaky-relu' },
      ...{ dropoutKind: 'channel', head: '1conv' },
    },
  ],
] as [string, WiderVariant, WiderOptions][])
  test(`wider: the gradient ${what} is the slope along a direction`, () => {
    const model = wider(variant, {
      ...{ ...options, units: [1, 1, 1, 1, 2, 1, 1], width: 2 },
      ...{ classes: 3, dilation: 1, dropout: [0.3, 0.5] },
    })
    const type: TensorType = { dtype: 'f32', shape: [2, 16, 24, 3] }
    const parameters = model.parameters()
    const loss = (image: Tensor): Tensor => {
      const scores = model.apply(image, training())
      const count = scores.shape.reduce((a, b) => a * b)
      return sum(mul(scores, constant(drawnImage([count], 4), scores.shape)))
    }
    const graph = traceOf((x) => [loss(x)], [type])
    const slopes = traceOf((x) => grad(loss(x), [x, ...parameters]), [type])
    const image = Float64Array.from(drawnImage(type.shape, 1))
    const state = drawnState(model, 2)
    const random = randomFrom(3)
    const directions = [image, ...parameters.map((p) => state.get(p)!)].map((x) =>
      drawDirection(x.length, random),
    )
    const moved = (x: Float64Array, i: number, by: number) =>
      x.map((v, e) => v + by * directions[i][e])
    const at = (by: number): number => {
      const there = new Map(state)
      parameters.forEach((p, i) => {
        there.set(p, moved(state.get(p)!, i + 1, by))
      })
      return interpret(graph, [moved(image, 0, by)], there)[0][0]
    }
    const epsilon = 1e-7
    const slope = (at(epsilon) - at(-epsilon)) / (2 * epsilon)
    const along = interpret(slopes, [image], new Map(state)).map((g, i) =>
      g.reduce((a, v, e) => a + v * directions[i][e], 0),
    )
    const got = along.reduce((a, b) => a + b)
    // ε² times third derivatives, which batch norm of few values makes large, and 1e-16/ε of the loss.
    assert.ok(Math.abs(got - slope) <= 1e-6 * Math.abs(slope), `${got} and ${slope}`)
  })
