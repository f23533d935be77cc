// Modules and their names, starting values, batch norm, dropout, and states that do not fit.

import assert from 'node:assert/strict'
import { constant, hostTensor, scalar } from '../../engine/ops/source.ts'
import type { Tensor } from '../../engine/tensor.ts'
import { tracing } from '../../engine/trace.ts'
import { capture } from '../../nn/capture.ts'
import { Conv2d, Linear } from '../../nn/conv.ts'
import { Dropout, Dropout2d } from '../../nn/dropout.ts'
import { heNormal, heUniform } from '../../nn/init.ts'
import { type Mode, Module } from '../../nn/module.ts'
import { BatchNorm2d } from '../../nn/norm.ts'
import { checkState, countParameters } from '../../nn/state.ts'
import { testDevice } from '../device.ts'
import { close } from '../goldens/check.ts'
import { test } from '../harness.ts'

class Block extends Module {
  readonly conv = new Conv2d(3, 4, 3, { padding: 1 })
  readonly bn = new BatchNorm2d(4)
  protected forward(x: Tensor, mode: Mode) {
    return this.bn.apply(this.conv.apply(x), mode)
  }
}

class Net extends Module {
  readonly encoder = [new Block()]
  readonly head = new Conv2d(4, 2, 1, { bias: false })
  protected forward(x: Tensor, mode: Mode) {
    return this.head.apply(this.encoder.reduce((y, block) => block.apply(y, mode), x))
  }
}

const image = () => constant(new Float32Array(2 * 4 * 4 * 3).fill(1), [2, 4, 4, 3])

test('module: paths follow from fields, and name variables and nodes', () => {
  const net = new Net()
  assert.deepEqual(
    [...net.stateDict().keys()],
    [
      ...['weight', 'bias'].map((n) => `encoder.0.conv.${n}`),
      ...['weight', 'bias', 'running_mean', 'running_var'].map((n) => `encoder.0.bn.${n}`),
      'head.weight',
    ],
  )
  for (const [path, variable] of net.stateDict()) assert.equal(variable.name, path)
  assert.equal(net.buffers().length, 2)
  assert.equal(countParameters(net), 3 * 3 * 3 * 4 + 4 + 2 * 4 + 4 * 2)
  // A part does not shorten the names that the whole has given.
  net.encoder[0].parameters()
  assert.equal(net.encoder[0].conv.weight.name, 'encoder.0.conv.weight')
  const { result } = tracing(() => net.apply(image(), { train: false }))
  assert.equal(result.node.path, 'head')
  assert.equal(result.node.inputs[0].node.path, 'encoder.0.bn')
})

test('module: one that no field holds is refused', () => {
  class Stray extends Module<[x: Tensor]> {
    protected forward(x: Tensor) {
      return new Conv2d(3, 4, 1).apply(x)
    }
  }
  assert.throws(() => new Stray().apply(image()), /a Conv2d is applied inside a Stray/)
})

test('capture: gives what modules returned, and knows near names', () => {
  const net = new Net()
  const { values } = capture(net, ['encoder.0.conv', 'encoder.0'])(image(), { train: false })
  assert.deepEqual(values['encoder.0.conv'].shape, [2, 4, 4, 4])
  assert.throws(
    () => capture(net, ['encoder.0.cnv'])(image(), { train: false }),
    /no module encoder\.0\.cnv[\s\S]*did you mean encoder\.0\.conv/,
  )
})

test('checkState: one error lists what is missing, unexpected and of another shape', () => {
  const expected = new Net().stateDict()
  checkState(expected, expected, 'good.safetensors')
  const loaded = new Map<string, { shape: readonly number[] }>(expected)
  loaded.delete('head.weight')
  loaded.set('tail.weight', { shape: [1] })
  loaded.set('encoder.0.conv.bias', { shape: [8] })
  assert.throws(
    () => checkState(expected, loaded, 'bad.safetensors'),
    /bad\.safetensors.*1 missing \(head\.weight\); 1 unexpected \(tail\.weight\); 1 of another shape \(encoder\.0\.conv\.bias \[8\] for \[4\]\)/,
  )
})

test('init: values depend on seed and name alone, with the variance that was asked for', () => {
  const shape = [3, 3, 16, 32]
  const spread = (v: Float32Array) => v.reduce((s, x) => s + x * x, 0) / v.length
  for (const init of [heUniform, heNormal]) {
    const values = init({ seed: 7 })('a.weight', shape)
    assert.deepEqual(values, init({ seed: 7 })('a.weight', shape))
    assert.notDeepEqual(values, init({ seed: 8 })('a.weight', shape))
    assert.notDeepEqual(values, init({ seed: 7 })('b.weight', shape))
    // The sample variance of 4608 values is within a few percent.
    assert.ok(Math.abs(spread(values) / (2 / 144) - 1) < 0.08)
    assert.ok(Math.abs(spread(init({ seed: 7, gain: 1 })('a', shape)) / (1 / 144) - 1) < 0.08)
  }
  const largest = heUniform({ seed: 1 })('w', shape).reduce((m, x) => Math.max(m, Math.abs(x)), 0)
  const a = Math.sqrt(6 / 144)
  assert.ok(largest < a && largest > 0.99 * a)
})

test('layers: the same seed gives the same starting values', async () => {
  const linear = new Linear(4, 3, { init: heUniform({ seed: 3, gain: 1 }) })
  linear.parameters()
  assert.deepEqual(linear.weight.initial(), heUniform({ seed: 3, gain: 1 })('weight', [4, 3]))
  assert.deepEqual(linear.bias?.initial(), new Float32Array(3))
})

test('a starting value of another size or dtype is refused, with the name of the variable', async () => {
  const device = await testDevice()
  const starts: [() => Float32Array, RegExp][] = [
    [() => new Float32Array(5), /variable weight: the shape needs 12 .* data has 5/],
    [() => new Int32Array(12) as never, /variable weight: f32 is no Int32Array/],
  ]
  for (const [init, message] of starts) {
    const linear = new Linear(4, 3, { init })
    await assert.rejects(device.read(linear.apply(constant([1, 2, 3, 4]))), message)
  }
})

test('dropout: the identity outside training, refused without a key', () => {
  const x = image()
  const layer = new Dropout(0.5)
  assert.equal(layer.apply(x, { train: false }), x)
  assert.throws(() => layer.apply(x, { train: true }), /needs a random key/)
  assert.throws(() => new Dropout(1), /no rate/)
})

test('dropout: of whole channels', async () => {
  const device = await testDevice()
  const layer = new Dropout2d(0.5)
  const program = device.compile((x, seed) =>
    layer.apply(x, { train: true, random: { seed, step: scalar(0, 'u32') } }),
  )
  const x = hostTensor(new Float32Array(4 * 3 * 5 * 8).fill(1), [4, 3, 5, 8])
  const y = await program.run(x, hostTensor(Uint32Array.of(7), []))
  const data = await y.read()
  y.dispose()
  const maps = Array.from({ length: 32 }, (_, i) => {
    const at = Math.floor(i / 8) * 120 + (i % 8)
    return new Set(Array.from({ length: 15 }, (_, p) => data[at + 8 * p]))
  })
  assert.ok(maps.every((m) => m.size === 1))
  assert.deepEqual([...new Set(maps.flatMap((m) => [...m]))].sort(), [0, 2])
})

test('batch norm: training moves the averages by the unbiased variance, evaluation uses them', async () => {
  const device = await testDevice()
  const data = Float32Array.from({ length: 24 }, (_, i) => Math.sin(i * i) + (i % 2) * 100)
  const x = hostTensor(data, [1, 3, 4, 2])
  const channel = (c: number) => [...data].filter((_, i) => i % 2 === c)
  const meanOf = (v: number[]) => v.reduce((a, b) => a + b, 0) / v.length
  const means = [0, 1].map((c) => meanOf(channel(c)))
  const variances = [0, 1].map((c) => meanOf(channel(c).map((v) => (v - means[c]) ** 2)))
  for (const statistic of ['variance', 'inverse-deviation'] as const) {
    const bn = new BatchNorm2d(2, { eps: 1e-4, momentum: 0.25, statistic })
    const train = device.compile((t: Tensor) => bn.apply(t, { train: true }))
    const y = await (await train.run(x)).read()
    const want = data.map((v, i) => (v - means[i % 2]) / Math.sqrt(variances[i % 2] + 1e-4))
    close(y, want, 1e-5, 'normalised')
    close(
      await device.read(bn.running_mean),
      means.map((m) => 0.25 * m),
      1e-6,
      'running mean',
    )
    const average =
      statistic === 'variance'
        ? variances.map((v) => 0.75 + 0.25 * v * (12 / 11))
        : variances.map((v) => 0.75 + 0.25 / Math.sqrt(v + 1e-4))
    close(await device.read((bn.running_var ?? bn.running_inv_std)!), average, 1e-5, statistic)
    const frozen = device.compile((t: Tensor) =>
      bn.apply(t, { train: true, statistics: 'running' }),
    )
    const inverse = average.map((v) => (statistic === 'variance' ? 1 / Math.sqrt(v + 1e-4) : v))
    const affine = data.map((v, i) => (v - 0.25 * means[i % 2]) * inverse[i % 2])
    close(await (await frozen.run(x)).read(), affine, 1e-5, 'frozen')
    train.dispose()
    frozen.dispose()
  }
  const onePixel = () => new BatchNorm2d(2).apply(constant([1, 2], [1, 1, 1, 2]), { train: true })
  assert.throws(() => tracing(onePixel), /no variance/)
})
