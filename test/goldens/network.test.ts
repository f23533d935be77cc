// Network cases in the runner: every number of one is looked at, by itself; what it says of a network must be true of ours; and
// a gradient on another side of a tie is told from a wrong one.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Device } from '../../engine/device.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'
import { type Draft, draftOf, nudge, writeFolder } from './drafts.ts'
import { GoldenCase, readIndex } from './format.ts'
import { readCase } from './network.ts'
import { type Comparisons, compareNetwork } from './network-check.ts'
import { DeviceRun, type Experiment, type Start } from './network-run.ts'
import { most, onOneSide } from './network-sides.ts'
import { runCase } from './runner.ts'
import { goldenCase } from './shared.ts'
import { Trial } from './trial.ts'

const small = () => draftOf(goldenCase('net.model_a_d32_classify_eval'))
const noDevice = undefined as unknown as Device

/** A draft as the runner finds it. */
function written(draft: Draft) {
  const folder = writeFolder([draft])
  const [entry] = readIndex(folder).entries
  return { folder, entry }
}

async function resultOf(draft: Draft) {
  const { folder, entry } = written(draft)
  return runCase(folder, entry, await testDevice())
}

/** What is wrong with a case before anything is computed. */
function refusal(change: (draft: Draft) => void): string {
  const draft = small()
  change(draft)
  const { folder, entry } = written(draft)
  try {
    readCase(new Trial(new GoldenCase(folder, entry), noDevice))
    return ''
  } catch (error) {
    return (error as Error).message
  }
}

test('golden networks: a number that is off by twice its bar is found, and the layer or parameter named', async () => {
  const original = goldenCase('net.gcn50_w8_k5_train')
  const list = original.network()
  const { experiment } = readCase(new Trial(original, noDevice))
  const run = new DeviceRun(await testDevice(), experiment)
  const outcome = await run.from(experiment.start)
  run.dispose()
  const { folder, entry } = written(draftOf(original))
  const golden = new GoldenCase(folder, entry)
  /** What is said when a value of the case is moved by so much. */
  const moved = (name: string, at: number, by: number): string => {
    const data = golden.tensors.get(name)!.data as Float32Array
    const before = data[at]
    data[at] += by
    const { problem = '' } = compareNetwork(golden, list, outcome).get(name)!
    data[at] = before
    return problem
  }
  const problems = [...compareNetwork(golden, list, outcome)].filter(([, c]) => c.problem)
  assert.deepEqual(problems, [])

  // Rows: each by its own bar, whatever the sizes of the others.
  const lost = golden.values('grad_float32_error')
  for (const [kind, names, sizes, bars] of [
    [
      'act',
      list.activations.map((a) => a.name),
      outcome.activations.map((a) => a.data.length),
      list.activations.map(() => golden.tolerance('act_norm')),
    ],
    [
      'grad',
      list.gradient_order,
      outcome.gradients.map((g) => g.data.length),
      lost.map((e) => Math.max(1e-3, 20 * e)),
    ],
  ] as const) {
    const norms = golden.values(`${kind}_norm`)
    const samples = golden.values(`${kind}_sample_value`)
    const each = samples.length / names.length
    for (const [i, name] of names.entries()) {
      // Of the many gradients, every fifth.
      if (kind === 'grad' && i % 5) continue
      const said = moved(`${kind}_norm`, i, 2 * bars[i] * norms[i])
      assert.ok(said.includes(`: ${name} by`), `${kind}_norm of ${name}: ${said}`)
      const row = samples.slice(each * i, each * i + each)
      const size = Math.max(Math.hypot(...row), norms[i] * Math.sqrt(each / sizes[i]))
      const at = each * i + (i % each)
      const also = moved(`${kind}_sample_value`, at, 2 * bars[i] * size)
      assert.ok(also.includes(`: ${name} by`), `${kind}_sample_value of ${name}: ${also}`)
      if (kind === 'act') continue
      const third = moved('grad_sum', i, 2 * bars[i] * norms[i] * Math.sqrt(sizes[i]))
      assert.ok(third.includes(`: ${name} by`), `grad_sum of ${name}: ${third}`)
    }
  }
  // The others: as a whole.
  const whole = ['logits_sample_value', 'logits_sum', 'logits_norm', 'loss', 'd_input_norm']
  for (const name of [...whole, 'd_input_sample_value', 'buffer_norm_after', 'loss_trajectory']) {
    const values = golden.values(name)
    const by = 2 * golden.tolerance(name) * Math.hypot(...values)
    for (const at of [0, values.length >> 1, values.length - 1])
      assert.match(moved(name, at, by), /is off|far off/, `${name} ${at}`)
  }
})

test('golden networks: what a case says of a network must be true of ours', () => {
  assert.equal(
    refusal(() => {}),
    '',
  )
  const settings: [name: string, value: unknown, problem: RegExp][] = [
    ['topology', 'vgg', /its attribute topology is "vgg"; known is "resnet" or/],
    ['arch', 'resnet', /its attribute arch is "resnet"; known is "model_a"/],
    ['mode', 'test', /its attribute mode is "test"/],
    ['seed', 241, /its attribute seed is 241; known is 240/],
    ['parameter_count', 1, /its attribute parameter_count is 1; known is 105396/],
    ['dropout', 0.3, /its attribute dropout is 0.3; known is 0/],
    ['divide', 16, /its stem\.weight is \[3,3,3,2\] in our order, and ours is \[3,3,3,4\]/],
    ['units', [3, 3, 6, 3, 1, 2], /it has no .*levels\.6\.1.* which ours has/],
    ['units', [3, 3, 6, 3, 1], /model-a: units cannot be/],
    ['head', '1conv', /it has no .*head\.classifier.* which ours has/],
    ['downsample', 'average', /its attribute downsample is "average"/],
    ['output_stride', 64, /its attribute output_stride is 64/],
    ['classes', 11, /its fc\.weight is \[128,10\] in our order, and ours is \[128,11\]/],
    ['loss', 'focal', /its attribute loss is "focal"/],
    ['loss_at', 'the 1/16 grid, labels sampled at offset 8', /its grid is 1\/16/],
    ['input_shape', [2, 3, 64, 65], /its input is not what its input_recipe gives/],
    ['attention', 1, /it has an attribute that is not known here: attention = 1/],
    ['K', 100, /it has an attribute that is not known here: K = 100/],
  ]
  for (const [name, value, problem] of settings)
    assert.match(
      refusal((d) => (d.entry['attributes'][name] = value)),
      problem,
      name,
    )
  const recipe = (d: Draft) => d.entry['attributes'].input_recipe
  assert.match(
    refusal((d) => (recipe(d).power = 2)),
    /not known here: power = 2/,
  )
  assert.match(
    refusal((d) => (recipe(d).scale = 1)),
    /its input is not what/,
  )
  assert.match(
    refusal((d) => nudge(d, 'input', 1e-6)),
    /its input is not what/,
  )
})

test('golden networks: a list of parameters that is not one of this network fails its case', () => {
  const gamma = (d: Draft) => d.network.parameters[1]
  const changes: [change: (d: Draft) => unknown, problem: RegExp][] = [
    [(d) => d.network.parameters.pop(), /its gradient_order does not name what is trained/],
    [(d) => d.network.gradient_order.reverse().pop(), /its gradient_order does not name/],
    [(d) => d.network.buffers.push(d.network.buffers[0]), /its buffers does not name/],
    [(d) => (gamma(d).kind = 'buffer'), /its gradient_order does not name what is trained/],
    [(d) => (gamma(d).shape = ['two']), /its list of parameters is not understood/],
    [(d) => delete d.network.seed, /its list of parameters is not understood/],
    [(d) => (d.network.activations = [null]), /its list of parameters is not understood/],
    [
      (d) => {
        gamma(d).kind = 'buffer'
        d.network.gradient_order = d.network.gradient_order.filter(
          (n: string) => n !== gamma(d).name,
        )
        d.network.buffers.push(gamma(d).name)
        delete d.entry['attributes'].parameter_count
      },
      /its l2\.u1\.bn1\.gamma is a buffer, and ours is not/,
    ],
    [
      (d) => {
        d.network.gradient_order[0] = d.network.parameters[0].name = 'stems.weight'
      },
      /it has no conv1\.weight, which ours has/,
    ],
  ]
  for (const [change, problem] of changes) assert.match(refusal(change), problem, `${change}`)
  const { folder, entry } = written({ ...small(), network: undefined })
  const read = () => new GoldenCase(folder, entry).network()
  assert.throws(read, /its list of parameters .* is not there/)
  writeFileSync(join(folder, `${entry.id}.params.json`), '{"seed":')
  assert.throws(read, /its list of parameters cannot be read as JSON/)
})

test('golden networks: other labels, another statistic or an unknown activation fail the case they are in', async () => {
  const labels = small()
  ;(labels.tensors.get('labels')!.data as Int32Array)[0] ^= 1
  const { problems } = await resultOf(labels)
  assert.ok(
    problems.some((p) => p.startsWith('loss is off')),
    problems.join('\n'),
  )
  assert.ok(!problems.some((p) => /^(act|logits)_/.test(p)), problems.join('\n'))

  const eps = small()
  eps.entry['attributes'].bn_eps = 1e-2
  const [first] = (await resultOf(eps)).problems
  assert.match(first, /^act_norm is off.*first from the input on: l2 by/)

  const unknown = small()
  unknown.network.activations[0].name = 'l9'
  assert.match((await resultOf(unknown)).problems.join(), /capture: no module levels\.8/)

  const shape = small()
  shape.network.activations[1].shape = [2, 4, 32, 33]
  assert.match(
    (await resultOf(shape)).problems.join(),
    /its activation l2 has the shape \[2,4,33,32\]/,
  )
})

test('golden networks: a wrong gradient in training is wrong on every side of every tie', async () => {
  const draft = draftOf(goldenCase('net.model_a_d16_2conv_train'))
  nudge(draft, 'grad_sample_value', 0.01)
  const { problems, remarks } = await resultOf(draft)
  assert.equal(problems.length, 1)
  assert.match(problems[0], /^grad_sample_value is off/)
  assert.match(remarks.join(), new RegExp(`none of ${most} starts near it agrees`))
})

test('golden networks: sides of ties are tried in training alone, for gradients alone, and all must agree', async () => {
  const { experiment } = readCase(new Trial(goldenCase('net.model_a_d16_2conv_train'), noDevice))
  const problem = { error: 1, share: 3, problem: 'is off' }
  const fine = { error: 0, share: 0.1 }
  const starts: Start[] = []
  /** Runs in which, from one attempt to the next, these tensors are off. */
  const outcome = async (off: string[][], e: Experiment = experiment) => {
    starts.length = 0
    const attempt = async (start: Start): Promise<Comparisons> => {
      const wrong = off[Math.min(starts.length, off.length - 1)]
      starts.push(start)
      return new Map(
        ['act_norm', 'loss', 'd_input_norm', 'grad_norm'].map((name) => [
          name,
          wrong.includes(name) ? problem : fine,
        ]),
      )
    }
    const { comparisons, remark } = await onOneSide(e, attempt)
    return { passed: ![...comparisons.values()].some((c) => c.problem), remark }
  }

  assert.deepEqual(await outcome([[]]), { passed: true, remark: undefined })
  assert.equal(starts.length, 1)
  const eval_ = { ...experiment, train: false }
  assert.equal((await outcome([['grad_norm'], []], eval_)).passed, false)
  assert.equal(starts.length, 1)
  assert.equal((await outcome([['grad_norm', 'loss'], []])).passed, false)
  assert.equal(starts.length, 1)
  assert.equal((await outcome([['grad_norm']])).passed, false)
  assert.equal(starts.length, 1 + most)
  const third = await outcome([['grad_norm'], ['d_input_norm'], ['act_norm'], []])
  assert.equal(third.passed, true)
  assert.match(third.remark!, /start 3 of .*grad_norm 3\.0e\+0$/)
  assert.equal(starts.length, 4)

  // Near: parameters alone, none by more than to a neighbouring number, and other ones each time.
  const trained = new Set(experiment.parameters)
  const [given, ...near] = starts
  for (const start of near) {
    let changed = 0
    for (const [variable, data] of start) {
      const before = given.get(variable)!
      if (!trained.has(variable)) assert.equal(data, before)
      const [a, b] = [data, before].map((d) => new Int32Array(d.slice().buffer))
      a.forEach((bits, i) => {
        assert.ok(Math.abs(bits - b[i]) <= 1)
        changed += Number(bits !== b[i])
      })
    }
    assert.ok(changed > 1000)
  }
  const [p] = experiment.parameters
  assert.notDeepEqual(near[0].get(p), near[1].get(p))
})
