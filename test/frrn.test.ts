// FRRN's numbers against golden network cases on the device: activations, loss, gradients, statistics, four steps.

import assert from 'node:assert/strict'
import type { DeviceTensor } from '../engine/device-tensor.ts'
import { explain } from '../engine/explain.ts'
import { grad } from '../engine/grad.ts'
import { hostTensor } from '../engine/ops/source.ts'
import { interpret } from '../engine/reference/index.ts'
import type { HostTensor, Tensor, Variable } from '../engine/tensor.ts'
import { buildModel, type Network } from '../models/index.ts'
import { bootstrappedCrossEntropy } from '../nn/bootstrap.ts'
import { capture } from '../nn/capture.ts'
import { crossEntropy } from '../nn/losses.ts'
import { isBuffer } from '../nn/parameter.ts'
import { Sgd } from '../train/optimizers.ts'
import { testDevice } from './device.ts'
import type { GoldenCase } from './goldens/format.ts'
import { permuted } from './goldens/layout.ts'
import { recipeValues } from './goldens/recipe.ts'
import { goldenCase } from './goldens/shared.ts'
import { test } from './harness.ts'

/** A golden case's name of a parameter or activation in ours. */
function ourName(name: string): string {
  return name
    .replace(/^pre$/, 'before.2')
    .replace(/^post$/, 'after.2')
    .replace(/^pre\.ru(\d)/, (_, i) => `before.${i - 1}`)
    .replace(/^post\.ru(\d)/, (_, i) => `after.${i - 1}`)
    .replace(/^(enc|dec)(\d)/, (_, way, i) => `${way}oder.${i - 1}`)
    .replace(/\.u(\d)/, (_, i) => `.units.${i - 1}`)
    .replace(/\.c(\d)\.(conv|bn)/, '.$2$1')
    .replace(/\.proj\./, '.shortcut.')
    .replace(/\.res\./, '.residual.')
    .replace(/\.gamma$/, '.weight')
    .replace(/\.beta$/, '.bias')
}

function goldenModel(c: GoldenCase): Network {
  const { variant, base, lanes, classes, bn_eps: eps, bn_momentum: momentum } = c.attributes
  assert.deepEqual([c.attributes.split_bn, c.attributes.upsample], [false, 'half_pixel'])
  return buildModel({
    name: `frrn-${variant.toLowerCase()}`,
    options: {
      ...{ classes, base, lanes, eps, momentum },
      ...{ splitBatchNorm: false, upsample: 'half-pixel', statistic: 'variance' },
    },
  })
}

const toOurs = (t: HostTensor): HostTensor => (t.shape.length === 4 ? permuted(t, [2, 3, 1, 0]) : t)
const toTheirs = (t: HostTensor): HostTensor =>
  t.shape.length === 4 ? permuted(t, [3, 2, 0, 1]) : t
const nchw = (t: HostTensor): HostTensor => permuted(t, [0, 3, 1, 2])

async function toHost(t: DeviceTensor): Promise<HostTensor> {
  const host = hostTensor(await t.read(), t.shape)
  t.dispose()
  return host
}

const norm = (v: ArrayLike<number>): number =>
  Math.sqrt(Array.from(v).reduce((s, x) => s + x * x, 0))
const total = (v: ArrayLike<number>): number => Array.from(v).reduce((s, x) => s + x, 0)
const pick = (t: HostTensor, indices: readonly number[]): number[] => indices.map((i) => t.data[i])

/** Writes a case's parameters and statistics into a model; `nudge` moves each value by up to a rounding unit. */
async function place(c: GoldenCase, state: Map<string, Variable>, nudge = 0): Promise<void> {
  const device = await testDevice()
  const { seed, parameters } = c.network()
  const names = parameters.map((p) => ourName(p.name))
  assert.deepEqual(new Set(names), new Set(state.keys()), 'the same variables')
  for (const [i, p] of parameters.entries()) {
    const variable = state.get(names[i])!
    assert.equal(isBuffer(variable), p.kind === 'buffer')
    const { data } = toOurs(recipeValues(seed, p))
    const noise = recipeValues(nudge, { ...p, offset: 0, scale: nudge && 2 ** -23 }).data
    device.write(
      variable,
      data.map((v, j) => v * (1 + noise[j])),
    )
  }
}

const lossFor = (c: GoldenCase) => (logits: Tensor, labels: Tensor) => {
  if (c.attributes.loss === 'cross_entropy') return crossEntropy(logits, labels).loss
  const { K: keep, scope } = c.attributes
  return bootstrappedCrossEntropy(logits, labels, { keep, scope, divisor: 'kept' }).loss
}

function inputOf(c: GoldenCase): HostTensor {
  const { ordinal, offset, scale } = c.attributes.input_recipe
  const shape: number[] = c.attributes.input_shape
  const seed = c.network().seed
  return permuted(recipeValues(seed, { ordinal, offset, scale, shape }), [0, 2, 3, 1])
}

function checkLogits(c: GoldenCase, logits: HostTensor): void {
  const stored = nchw(logits)
  if (c.has('logits')) c.check('logits', stored.data)
  else c.check('logits_sample_value', pick(stored, c.values('logits_sample_index')))
  c.check('logits_norm', [norm(stored.data)])
  c.check('logits_sum', [total(stored.data)])
}

/** In training mode a ReLU or max-pool meets values so close to a tie that rounding decides, and gradients jump by
 * percents as one side or the other wins. The peer's float64 was on one side of each tie; the gradients here must
 * agree with it for one of a few nudges of the parameters by a rounding unit. */
async function onOneSide(c: GoldenCase, attempt: (nudge: number) => Promise<void>) {
  const most = c.attributes.mode === 'train' ? 8 : 0
  for (let nudge = 0; ; nudge++)
    try {
      return await attempt(nudge)
    } catch (error) {
      if (nudge >= most) throw error
    }
}

function checkGradients(c: GoldenCase, dImage: HostTensor, gradients: readonly HostTensor[]): void {
  const dx = nchw(dImage)
  c.check('d_input_norm', [norm(dx.data)])
  c.check('d_input_sample_value', pick(dx, c.values('d_input_sample_index')))
  const stored = gradients.map(toTheirs)
  const indices = c.values('grad_sample_index')
  const samples = stored.flatMap((g, i) => pick(g, indices.slice(6 * i, 6 * i + 6)))
  c.check(
    'grad_norm',
    stored.map((g) => norm(g.data)),
  )
  c.check(
    'grad_sum',
    stored.map((g) => total(g.data)),
  )
  c.check('grad_sample_value', samples)
  // Each parameter's own norm, within what a float32 run of the peer loses on it.
  const lost = c.values('grad_float32_error')
  const norms = c.values('grad_norm')
  stored.forEach((g, i) => {
    const off = Math.abs(norm(g.data) - norms[i]) / norms[i]
    const name = c.network().gradient_order[i]
    assert.ok(off <= Math.max(1e-3, 20 * lost[i]), `${c.id}: gradient of ${name} is off by ${off}`)
  })
}

for (const id of ['frrn_a_b8_eval', 'frrn_a_b8_train', 'frrn_b_b6_eval', 'frrn_b_b6_train'])
  test(`golden network ${id}: activations, logits, loss, gradients, running statistics`, async () => {
    const c = goldenCase(`net.${id}`)
    const device = await testDevice()
    const model = goldenModel(c)
    const state = model.stateDict()
    await place(c, state)
    const { activations, gradient_order: order, buffers } = c.network()
    const parameters = order.map((name) => state.get(ourName(name))!)
    const names = activations.map((a) => ourName(a.name))
    const program = device.compile((image: Tensor, labels: Tensor) => {
      const mode = { train: c.attributes.mode === 'train' }
      const { result: logits, values } = capture(model, names)(image, mode)
      const loss = lossFor(c)(logits, labels)
      const [dImage, ...gradients] = grad(loss, [image, ...parameters])
      return { logits, loss, dImage, gradients, values: names.map((name) => values[name]) }
    })
    const out = await program.run(inputOf(c), c.labels())

    const acts = await Promise.all(out.values.map(toHost)).then((all) => all.map(nchw))
    acts.forEach((act, i) => {
      assert.deepEqual(act.shape, activations[i].shape, activations[i].name)
    })
    const indices = c.values('act_sample_index')
    c.check(
      'act_norm',
      acts.map((act) => norm(act.data)),
    )
    c.check(
      'act_sample_value',
      acts.flatMap((act, i) => pick(act, indices.slice(16 * i, 16 * i + 16))),
    )
    checkLogits(c, await toHost(out.logits))
    c.check('loss', [await out.loss.value()])
    if (c.has('buffer_norm_after')) {
      const after = []
      for (const name of buffers!) after.push(norm(await device.read(state.get(ourName(name))!)))
      c.check('buffer_norm_after', after)
    }
    const gradients = async ({ dImage, gradients: all }: typeof out) =>
      checkGradients(c, await toHost(dImage), await Promise.all(all.map(toHost)))
    const again = async (nudge: number) => {
      await place(c, state, nudge)
      const { logits, loss, values, ...rest } = await program.run(inputOf(c), c.labels())
      for (const t of [logits, loss, ...values]) t.dispose()
      await gradients(rest as typeof out)
    }
    await onOneSide(c, (nudge) => (nudge ? again(nudge) : gradients(out)))
    program.dispose()
  })

/** No rounding, no nudge: what is defined, rather than what a driver makes of it. */
test('golden network frrn_a_b8_train: in float64 the definition agrees as it stands', () => {
  const c = goldenCase('net.frrn_a_b8_train')
  const model = goldenModel(c)
  const variables = model.stateDict()
  const { seed, parameters } = c.network()
  const state = new Map(
    parameters.map((p) => {
      const { data } = toOurs(recipeValues(seed, p))
      return [variables.get(ourName(p.name))!, Float64Array.from(data)]
    }),
  )
  const [image, labels] = [inputOf(c), c.labels()]
  const { traced } = explain(
    (x, y) => {
      const loss = lossFor(c)(model.apply(x, { train: true }), y)
      return [loss, ...grad(loss, [x])]
    },
    [image, labels],
  ).stages
  const given = [Float64Array.from(image.data), Float64Array.from(labels.data)]
  const [loss, dImage] = interpret(traced, given, state)
  c.check('loss', loss, 1e-6)
  const dx = nchw(hostTensor(Float32Array.from(dImage), image.shape))
  c.check('d_input_sample_value', pick(dx, c.values('d_input_sample_index')), 1e-6)
})

test('golden network frrn_a_b8_train: the losses of four SGD steps', async () => {
  const c = goldenCase('net.frrn_a_b8_train')
  const device = await testDevice()
  const model = goldenModel(c)
  await place(c, model.stateDict())
  const { steps, lr, mom: momentum, wd: weightDecay } = c.attributes.trajectory
  const optimizer = new Sgd(model.parameters(), { momentum, weightDecay })
  const step = device.compile((image: Tensor, labels: Tensor, rate: Tensor) =>
    optimizer.minimize(lossFor(c)(model.apply(image, { train: true }), labels), rate),
  )
  const losses: number[] = []
  for (let t = 0; t <= steps; t++)
    losses.push(await (await step.run(inputOf(c), c.labels(), lr)).value())
  c.check('loss_trajectory', losses)
  step.dispose()
})

test('frrn: with the 1×1 convolutions to it at zero, the residual stream passes through unchanged', async () => {
  const device = await testDevice()
  const model = buildModel({ name: 'frrn-a', options: { classes: 3, base: 4, lanes: 3, seed: 5 } })
  for (const [name, v] of model.stateDict())
    if (name.includes('.residual.')) device.write(v, new Float32Array(v.initial().length))
  const program = device.compile((image: Tensor) => {
    const { values } = capture(model, ['splitBn', 'decoder.2.z'])(image, { train: true })
    return values
  })
  const image = hostTensor(
    Float32Array.from({ length: 16 * 32 * 3 }, (_, i) => Math.sin(i * i)),
    [1, 16, 32, 3],
  )
  const out = await program.run(image)
  assert.deepEqual(await out['decoder.2.z'].read(), await out['splitBn'].read())
  program.dispose()
})
