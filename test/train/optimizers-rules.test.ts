// Rules for some of the parameters: which they fit, what they say of each, and what they leave out of the graph.

import assert from 'node:assert/strict'
import type { Caps } from '../../engine/adapters/adapter.ts'
import { OptionError } from '../../engine/errors.ts'
import { defaultCaps } from '../../engine/explain.ts'
import { mul, square } from '../../engine/ops/arithmetic.ts'
import { sum } from '../../engine/ops/reduce.ts'
import { stages } from '../../engine/stages.ts'
import { type Tensor, Variable } from '../../engine/tensor.ts'
import { resNet } from '../../models/index.ts'
import { crossEntropy } from '../../nn/losses.ts'
import { factorsOf } from '../../train/optimizers/rules.ts'
import { Adam, AdamW, type ParameterRule, Sgd } from '../../train/optimizers.ts'
import { testDevice } from '../device.ts'
import { close } from '../goldens/check.ts'
import { test } from '../harness.ts'

const parameterOf = (name: string) =>
  new Variable({ dtype: 'f32', shape: [2] }, () => Float32Array.of(1, -2), name)

const names = [
  'backbone.conv1.weight',
  'backbone.bn1.weight',
  'backbone.bn1.bias',
  'backbone.layer1.0.conv1.weight',
  'head.weight',
  'head.bias',
]
const parameters = () => names.map(parameterOf)

/** Names of the parameters that a pattern fits. */
const fitting = (match: string): string[] =>
  [...factorsOf(parameters(), [{ match, lr: 3 }])].flatMap(([p, { lr }]) =>
    lr === 3 ? [p.name] : [],
  )

test('rules: a name fits wherever it is, a path as it stands, * within a name and ** any number of them', () => {
  assert.deepEqual(fitting('bias'), ['backbone.bn1.bias', 'head.bias'])
  assert.deepEqual(fitting('backbone.**'), names.slice(0, 4))
  assert.deepEqual(fitting('backbone.*.weight'), names.slice(0, 2))
  assert.deepEqual(fitting('backbone.**.conv1.weight'), [names[0], names[3]])
  assert.deepEqual(fitting('**.bn*.*'), names.slice(1, 3))
  assert.deepEqual(fitting('head.weight'), ['head.weight'])
  assert.deepEqual(fitting('**'), names)
  assert.deepEqual(
    fitting('we*t'),
    names.filter((name) => name.endsWith('weight')),
  )
})

test('rules: of two that say the same of a parameter the last counts; they add to each other otherwise', () => {
  const factors = factorsOf(parameters(), [
    { match: 'backbone.**', lr: 0.1 },
    { match: 'bias', lr: 2, weightDecay: 0 },
    { match: '**.bn1.*', weightDecay: 0.5 },
    { match: 'head.**', frozen: true },
    { match: 'head.bias', frozen: false },
  ])
  assert.deepEqual(Object.fromEntries([...factors].map(([p, f]) => [p.name, f])), {
    'backbone.conv1.weight': { lr: 0.1, weightDecay: 1, frozen: false },
    'backbone.bn1.weight': { lr: 0.1, weightDecay: 0.5, frozen: false },
    'backbone.bn1.bias': { lr: 2, weightDecay: 0.5, frozen: false },
    'backbone.layer1.0.conv1.weight': { lr: 0.1, weightDecay: 1, frozen: false },
    'head.weight': { lr: 1, weightDecay: 1, frozen: true },
    'head.bias': { lr: 2, weightDecay: 0, frozen: false },
  })
})

test('rules: what fits nothing, says nothing or is none is refused in words', () => {
  const refused: readonly (readonly [unknown, RegExp])[] = [
    [[{ match: 'bais', lr: 2 }], /no parameter fits 'bais'\n {2}hint: did you mean bias/],
    [[{ match: 'bakbone.**', lr: 2 }], /hint: did you mean backbone\.\*\*/],
    [[{ match: 'backbone', lr: 2 }], /it is a module: its parameters are 'backbone\.\*\*'/],
    [[{ match: 'backbone.bn1', lr: 2 }], /it is a module/],
    [[{ match: 'head.wieght', lr: 2 }], /did you mean head\.weight/],
    [[{ match: 'bias' }], /the rule for 'bias' says nothing/],
    [[{ match: 'bias', lr: 0 }], /lr 0 of 'bias' is no factor\n.*frozen: true/],
    [[{ match: 'bias', lr: '2' }], /lr '2' of 'bias'/],
    [[{ match: 'bias', weightDecay: -1 }], /weightDecay -1 of 'bias'/],
    [[{ match: 'bias', frozen: 1 }], /frozen 1 of 'bias'/],
    [[{ match: '', lr: 1 }], /match '' is no path/],
    [[{ math: 'bias', lr: 1 }], /there is no option math/],
    [[{ match: '**', frozen: true }], /all parameters are frozen/],
    [{ match: 'bias', lr: 2 }, /they are a list/],
  ]
  for (const [rules, message] of refused)
    assert.throws(
      () => new Sgd(parameters(), { rules: rules as ParameterRule[] }),
      (e: Error) => e instanceof OptionError && message.test(e.message),
      JSON.stringify(rules),
    )
  const strange = { weight_decay: 1 } as object
  assert.throws(() => new Adam(parameters(), strange), /Adam: there is no option weight_decay/)
  assert.throws(() => new Sgd(parameters(), { momentum: 1 }), /momentum 1 is out of range/)
  assert.throws(() => new AdamW(parameters(), { betas: [0.9, 1] }), OptionError)
})

test('rules: a frozen parameter keeps its bits and has no moments', async () => {
  const device = await testDevice()
  const ps = parameters()
  const optimizer = new Adam(ps, { rules: [{ match: 'backbone.**', frozen: true }] })
  assert.deepEqual(optimizer.parameters, ps.slice(4))
  assert.equal(optimizer.stateDict().size, 2 + 2 * 2)
  const lossOf = () => sum(ps.map((p) => square(p)).reduce((a, b) => mul(a, b)))
  const program = device.compile((lr: Tensor) => optimizer.minimize(lossOf(), lr))
  for (let i = 0; i < 3; i++) (await program.run(0.1)).dispose()
  for (const [i, p] of ps.entries()) {
    const now = [...(await device.read(p))]
    if (i < 4) assert.deepEqual(now, [1, -2])
    else close(now, [0.7, -1.7], 0.02, p.name)
  }
  program.dispose()
})

test('rules: no gradient of what is frozen is computed, and none goes back behind it', () => {
  const caps: Caps = { ...defaultCaps, maxBindingBytes: 2 ** 40, maxBufferBytes: 2 ** 40 }
  const count = (rules: ParameterRule[]) => {
    const model = resNet(18)
    const optimizer = new Sgd(model.parameters(), { rules })
    const { simplified } = stages(
      (x, y) => optimizer.minimize(crossEntropy(model.apply(x, { train: true }), y).loss, 0.1),
      [
        { dtype: 'f32', shape: [2, 32, 32, 3] },
        { dtype: 'i32', shape: [2] },
      ],
      caps,
    )
    const ops = simplified.nodes.map(({ op }) => op.name)
    return ['conv2dWeightGrad', 'conv2dInputGrad'].map(
      (name) => ops.filter((op) => op === name).length,
    )
  }
  assert.deepEqual(count([]), [20, 19])
  assert.deepEqual(count([{ match: 'backbone.**', frozen: true }]), [0, 0])
  const last = [
    { match: 'backbone.**', frozen: true },
    { match: 'backbone.layer4.1.**', frozen: false },
  ]
  assert.deepEqual(count(last), [2, 1])
  // Convolutions behind which something is trained still hand the gradient on.
  assert.deepEqual(count([{ match: 'backbone.layer4.**', frozen: true }]), [15, 19])
})
