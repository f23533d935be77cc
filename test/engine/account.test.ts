// What a plan says of its memory: that it is all, that it is what the device allocates and the process holds, and what it is for.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { roomy, trainingStep } from '../../apps/cli/step.ts'
import { storageBytes, type TensorType } from '../../engine/dtype.ts'
import { defaultCaps } from '../../engine/explain.ts'
import {
  add,
  assign,
  conv2d,
  grad,
  mean,
  mul,
  scope,
  square,
  sub,
  type Tensor,
  tanh,
  Variable,
} from '../../engine/index.ts'
import { type Account, account } from '../../engine/plan/account.ts'
import { stages } from '../../engine/stages.ts'
import { buildModel, frrnA, usualForm } from '../../models/index.ts'
import { crossEntropy } from '../../nn/index.ts'
import { tallest } from '../../train/charts/memory.ts'
import { Adam, type Optimizer, Sgd } from '../../train/optimizers.ts'
import { f32 } from '../agree.ts'
import { withDevice } from '../checks.ts'
import { skip, test } from '../harness.ts'
import { batch, network } from '../models/small-network.ts'
import type { Resident } from './resident-child.ts'

const total = (types: Iterable<TensorType>) => [...types].reduce((n, t) => n + storageBytes(t), 0)

/** Asserts that the parts are the whole, and the timeline that of the plan. */
function checkSums(a: Account, live: readonly number[]): void {
  const parts = [
    ...[a.parameterBytes, a.optimizerBytes, a.stateBytes, a.inputBytes, a.outputBytes],
    ...[a.constantBytes, a.uniformBytes, a.arenaBytes],
  ]
  assert.equal(
    parts.reduce((n, part) => n + part),
    a.peakBytes,
  )
  const alive = a.timeline.map(
    (m) => m.activationBytes + m.gradientBytes + m.transientBytes + m.workspaceBytes,
  )
  assert.deepEqual(alive, live)
  const { peak } = a
  assert.ok(peak)
  assert.equal(Math.max(...live), peak.liveBytes)
  assert.equal(live[peak.step], peak.liveBytes)
  assert.equal(
    peak.values.reduce((n, { bytes }) => n + bytes, 0),
    peak.liveBytes,
  )
  assert.ok(peak.values.every((v, i, all) => !i || v.bytes <= all[i - 1].bytes))
}

function narrow(optimizerOf: (model: ReturnType<typeof frrnA>) => Optimizer) {
  const model = frrnA({ classes: 4, base: 4, lanes: 4 })
  const optimizer = optimizerOf(model)
  const step = (image: Tensor, labels: Tensor) =>
    optimizer.minimize(crossEntropy(model.apply(image, { train: true }), labels).loss, 0.01)
  return { model, optimizer, step }
}

test('account: the device allocates what the plan says in all, variables to uniforms', () =>
  withDevice({ alignment: 256 }, async (d) => {
    const { step, model, optimizer } = narrow((m) => new Adam(m.parameters()))
    using program = d.compile(step)
    const args = batch(32, 48)
    const loss = await program.run(...args)
    const a = account(program.stages(...args))
    assert.equal(d.stats().allocatedBytes, a.peakBytes)
    assert.equal(a.parameterBytes, total(model.parameters()))
    assert.equal(a.optimizerBytes, total(optimizer.stateDict().values()))
    assert.equal(a.stateBytes, total(model.buffers()))
    assert.equal(a.inputBytes, total(args))
    assert.equal(a.outputBytes, 16)
    loss.dispose()
  }))

test('account: the same with results given twice, constants, and weights in several shapes', () =>
  withDevice({ alignment: 256 }, async (d) => {
    const { step } = network()
    const args = batch(10, 14)
    using program = d.compile((image: Tensor, labels: Tensor) => {
      const [loss] = step(image, labels)
      return [loss, loss, mul(image, 2), labels]
    })
    const results = await program.run(...args)
    const a = account(program.stages(...args))
    assert.equal(d.stats().allocatedBytes, a.peakBytes)
    assert.equal(a.outputBytes, 2 * 16 + total(args))
    for (const r of results) r.dispose()
  }))

/** conv, tanh, conv, and the mean of squares; SGD with momentum on the first weight, without on the second. */
function chain() {
  const variable = (name: string, shape: number[]) =>
    new Variable({ dtype: 'f32', shape }, () => new Float32Array(9 * 64), name)
  const [one, two] = [variable('one', [3, 3, 8, 8]), variable('two', [3, 3, 8, 8])]
  const velocity = variable('velocity', [3, 3, 8, 8])
  const average = variable('average', [8])
  const x = f32(1, 32, 32, 8)
  const step = (image: Tensor) => {
    const y = scope('first', () => conv2d(image, one, { padding: 1 }))
    assign(average, add(mul(average, 0.9), mul(mean(y, [0, 1, 2]), 0.1)))
    const z = scope('second', () => conv2d(tanh(y), two, { padding: 1 }))
    const loss = mean(square(z))
    const [g, h] = grad(loss, [one, two])
    const v = assign(velocity, add(mul(velocity, 0.9), g))
    assign(one, sub(one, mul(v, 0.1)))
    assign(two, sub(two, mul(h, 0.1)))
    return loss
  }
  return { step, x, one, two, velocity, average }
}

test('account: what each value is for, by hand', () => {
  const { step, x, one, two, velocity, average } = chain()
  const made = stages(step, [x], defaultCaps)
  const a = account(made)
  checkSums(
    a,
    made.plan.steps.map((s) => s.live),
  )
  assert.equal(a.parameterBytes, total([one, two]))
  assert.equal(a.optimizerBytes, total([velocity]))
  assert.equal(a.stateBytes, total([average]))
  // In maps and, gradients, in weights; vectors of 8 are left out.
  const maps = (bytes: number) => Math.floor(bytes / storageBytes(x))
  assert.deepEqual(
    a.timeline.map((m) => [
      [m.kernel, m.path, m.pass].join(' '),
      [maps(m.activationBytes), m.gradientBytes / storageBytes(one), maps(m.transientBytes)],
    ]),
    [
      ['conv2d first forward', [0, 0, 1]],
      ['mean  forward', [0, 0, 1]],
      ['mul+mul+add+assign  forward', [0, 0, 1]],
      ['tanh second forward', [1, 0, 1]],
      ['conv2d second forward', [2, 0, 0]],
      ['square+mean  forward', [2, 0, 0]],
      ['mul+mul  backward', [2, 0, 1]],
      ['conv2dWeightGrad second backward', [1, 1, 1]],
      ['conv2dInputGrad+square+sub+mul second backward', [1, 1, 2]],
      ['conv2dWeightGrad first backward', [0, 2, 1]],
      ['mul+add+assign+3 more  update', [0, 2, 0]],
      ['mul+sub+assign  update', [0, 1, 0]],
    ],
  )
  const { peak } = a
  assert.deepEqual([peak?.step, peak?.path, peak?.pass], [7, 'second', 'backward'])
  assert.deepEqual(
    peak?.values.map((v) => [v.use, v.kernel]),
    [
      ['workspace', 'conv2dWeightGrad'],
      ['activations', 'tanh'],
      ['transient', 'mul+mul'],
      ['gradients', 'conv2dWeightGrad'],
    ],
  )
})

test('account: of a function that trains nothing, what it only reads are its parameters', () => {
  const model = frrnA({ classes: 4, base: 4, lanes: 4 })
  const apply = (x: Tensor) => model.apply(x, { train: false })
  const made = stages(apply, [f32(1, 32, 48, 3)], defaultCaps)
  const a = account(made)
  assert.equal(a.parameterBytes, total([...model.parameters(), ...model.buffers()]))
  assert.deepEqual(
    [a.optimizerBytes, a.stateBytes, a.activationBytes, a.gradientBytes],
    [0, 0, 0, 0],
  )
  assert.ok(a.timeline.every((m) => m.pass === 'forward'))
  const nothing = account(stages(() => [], [], defaultCaps))
  assert.deepEqual([nothing.peak, nothing.timeline, nothing.arenaBytes], [undefined, [], 0])
})

test('account: frozen weights and statistics are no parameters', () => {
  const { model, step } = narrow((m) => new Sgd(m.parameters().slice(-2), { momentum: 0.9 }))
  const a = account(stages(step, batch(32, 48), defaultCaps))
  const trained = total(model.parameters().slice(-2))
  assert.equal(a.parameterBytes, trained)
  assert.equal(a.optimizerBytes, trained)
  assert.equal(a.stateBytes, total([...model.parameters(), ...model.buffers()]) - trained)
})

test('account: what runs again is marked, and its multiply-adds are counted', () => {
  const of = (form: 'none' | 'paper', recompute: 'none' | 'cheap') => {
    const model = frrnA({ classes: 4, base: 8, lanes: 8, recompute: form })
    const { fn, types } = trainingStep(model, [1, 128, 192], 'adam')
    const made = stages(fn, types, defaultCaps, { recompute })
    const a = account(made)
    checkSums(
      a,
      made.plan.steps.map((s) => s.live),
    )
    const again = made.plan.steps.filter((_, step) => a.timeline[step].pass === 'again')
    const macs = again.reduce((n, { node }) => {
      return n + node.op.cost(node.inputs, node.types, node.attrs).macs
    }, 0)
    assert.equal(a.extraMacs, macs)
    return { ...a, again: again.length }
  }
  const [all, cheap, paper] = [of('none', 'none'), of('none', 'cheap'), of('paper', 'cheap')]
  assert.deepEqual([all.again, all.extraMacs, cheap.extraMacs], [0, 0, 0])
  assert.ok(cheap.again > 10)
  assert.ok(paper.extraMacs > 0.01 * all.macs && paper.extraMacs < all.macs / 3)
  assert.equal(paper.macs - paper.extraMacs, all.macs)
  assert.ok(paper.activationBytes < cheap.activationBytes)
  assert.ok(cheap.activationBytes < 0.75 * all.activationBytes)
  assert.ok(paper.peakBytes < cheap.peakBytes && cheap.peakBytes < all.peakBytes)
})

// `node dist/bench/memory.js --catalog` looks at all of them.
for (const name of ['resnet-50', 'fcrn-50', 'localization-18', 'frrn-a', 'gcn-50', 'model-f'])
  test(`account: the activation memory is within 5 % of what is alive at once, ${name}`, () => {
    const { input, options } = usualForm(name)
    const { fn, types } = trainingStep(buildModel({ name, options }), [1, ...input], 'sgd')
    const made = stages(fn, types, roomy)
    const a = account(made)
    checkSums(
      a,
      made.plan.steps.map((s) => s.live),
    )
    assert.equal(a.lowerBound, a.peak?.liveBytes)
    assert.ok(a.arenaBytes <= 1.05 * a.lowerBound, `${a.arenaBytes / a.lowerBound}`)
  })

test('account: a timeline drawn in few columns shows every peak', () => {
  const live = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5].map((bytes) => {
    return { activationBytes: bytes, gradientBytes: 0, transientBytes: 0, workspaceBytes: 0 }
  })
  assert.deepEqual(
    tallest(live, 4).map(({ from, to, live }) => [from, to, live.activationBytes]),
    [
      [0, 2, 3],
      [2, 5, 5],
      [5, 8, 9],
      [8, 11, 5],
    ],
  )
  assert.equal(tallest(live, 100).length, live.length)
})

// ---- the process

/** What the drivers and the program itself hold beside the plan: new kernels, and the arguments on their way. */
const ASIDE = 16e6

test('account: a process grows by what the plan says', async () => {
  if (!existsSync('/proc/self/clear_refs')) skip('no /proc to ask how much a process holds')
  const { adapter, peakBytes, grownBytes } = await resident()
  if (!/lavapipe|swiftshader/i.test(adapter)) skip(`the memory of ${adapter} is not the process's`)
  const off = `planned ${peakBytes}, grown by ${grownBytes}`
  assert.ok(grownBytes > 0.9 * peakBytes, off)
  assert.ok(grownBytes < 1.1 * peakBytes + ASIDE, off)
})

function resident(): Promise<Resident> {
  const child = join(dirname(fileURLToPath(import.meta.url)), 'resident-child.js')
  return new Promise((resolve, reject) => {
    const started = spawn(process.execPath, [child], { timeout: 100_000 })
    let [out, err] = ['', '']
    started.stdout.on('data', (text) => {
      out += text
    })
    started.stderr.on('data', (text) => {
      err += text
    })
    started.on('error', reject)
    started.on('close', (code) => {
      if (code) reject(new Error(`ended with ${code}: ${err}`))
      else resolve(JSON.parse(out.trim().split('\n').pop()!))
    })
  })
}
