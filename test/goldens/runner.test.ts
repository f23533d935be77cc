// The runner of golden cases itself: what is wrong in a case fails it, by name, and stops no other.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { SafeTensor } from '../../train/weights/safetensors.ts'
import { testDevice } from '../device.ts'
import { needShared, test } from '../harness.ts'
import { compareFloats, compareIntegers } from './check.ts'
import { type Draft, damage, draftOf, nudge, ownDraft, writeFolder, writeIndex } from './drafts.ts'
import { GoldenCase, readIndex } from './format.ts'
import { runCase, runCases } from './runner.ts'
import { goldenCase } from './shared.ts'

/** What the runner says of a draft. */
async function problemsOf(draft: Draft): Promise<string> {
  const index = readIndex(writeFolder([draft]))
  const [{ problems }] = await runCases(index, await testDevice())
  return problems.join('\n')
}

/** Changes a draft and expects what the runner says of it then. */
async function expectProblem(draft: Draft, change: (d: Draft) => void, problem: RegExp) {
  change(draft)
  const said = await problemsOf(draft)
  assert.match(said, problem, `${draft.entry['id']}: ${change}`)
}

const integers = (t: SafeTensor): SafeTensor => ({
  ...t,
  dtype: 'I32',
  data: Int32Array.from(t.data as Float32Array),
})
const line = (d: Draft, name: string) =>
  d.entry['tensors'].find((t: { name: string }) => t.name === name)

test('goldens: what is as it should be passes', async () => {
  assert.equal(await problemsOf(ownDraft()), '')
})

test('goldens: one wrong value fails its case', async () => {
  for (const name of ['y', 'd_a', 'd_b'])
    await expectProblem(
      ownDraft(),
      (d) => nudge(d, name, 1e-3),
      new RegExp(`^${name} is off: relative`),
    )
  await expectProblem(ownDraft(), (d) => nudge(d, 'b', 1e-3), /^y is off[\s\S]*\nd_a is off/)
  await expectProblem(ownDraft(), (d) => nudge(d, 'gy', 1e-3), /^d_a is off[\s\S]*\nd_b is off/)
})

test('goldens: a file that is not what the index says fails its case', async () => {
  const changes: [(d: Draft) => void, RegExp][] = [
    [(d) => d.tensors.delete('gy'), /^tensor gy is in the index and not in own\.mul/],
    [(d) => d.entry['tensors'].pop(), /^tensor d_b is in own\.mul.* and not in the index/],
    [
      (d) => d.tensors.set('y', integers(d.tensors.get('y')!)),
      /^tensor y is I32\[2,3\] in .* and F32\[2,3\] in the index/,
    ],
    [(d) => (line(d, 'y').shape = [3, 2]), /^tensor y is F32\[2,3\] .* and F32\[3,2\]/],
    [(d) => (line(d, 'y').shape = 6), /^tensor y has no shape/],
    [(d) => (line(d, 'y').dtype = 'F64'), /^tensor y has the unknown dtype "F64"/],
    [(d) => (line(d, 'y').role = 'result'), /^tensor y has the unknown role "result"/],
    [(d) => (d.entry['file'] = 'elsewhere'), /^the file elsewhere is not there/],
    [(d) => (d.entry['file'] = 1), /no text "file"/],
    [(d) => (d.entry['tensors'] = {}), /no list "tensors"/],
    [(d) => delete d.entry['attributes'], /no "attributes"/],
    [(d) => (d.entry['tolerance'] = { default: -1 }), /"tolerance" is not understood/],
    [(d) => (d.entry['tolerance'].metric = 'max'), /"tolerance" is not understood/],
  ]
  for (const [change, problem] of changes) await expectProblem(ownDraft(), change, problem)

  const folder = writeFolder([ownDraft()])
  truncateSync(join(folder, 'own.mul.safetensors'), 100)
  const { entries } = readIndex(folder)
  const { problems } = await runCase(folder, entries[0], await testDevice())
  assert.match(problems.join(), /own\.mul\.safetensors: is truncated/)
})

test('goldens: what nobody knows, uses or compares fails its case', async () => {
  const extra = (role: string) => (d: Draft) => {
    d.tensors.set('extra', d.tensors.get('b')!)
    d.entry['tensors'].push({ ...line(d, 'b'), name: 'extra', role })
  }
  const wrongDtype = (d: Draft) => {
    d.tensors.set('y', integers(d.tensors.get('y')!))
    line(d, 'y').dtype = 'I32'
  }
  const wrongInput = (d: Draft) => {
    d.tensors.set('b', integers(d.tensors.get('b')!))
    line(d, 'b').dtype = 'I32'
  }
  const missing = (d: Draft) => {
    d.tensors.delete('gy')
    d.entry['tensors'] = d.entry['tensors'].filter((t: { name: string }) => t.name !== 'gy')
  }
  await expectProblem(ownDraft(), extra('expected'), /^nobody compared its tensor extra/)
  await expectProblem(ownDraft(), extra('grad'), /^extra is a gradient of no input/)
  await expectProblem(ownDraft(), extra('upstream'), /^nobody used its tensor extra/)
  await expectProblem(ownDraft(), wrongDtype, /^y is f32 and I32 was expected/)
  await expectProblem(ownDraft(), wrongInput, /^mul: /)
  await expectProblem(ownDraft(), missing, /^it wants d_a,d_b and has no gy/)
  const own: [key: string, value: unknown, problem: RegExp][] = [
    ['op', 'multiply', /^its operator multiply is not known here/],
    ['layout', 'CHW', /^its layout "CHW" is not known here/],
    ['attributes', { mode: 1 }, /^it has an attribute that is not known here: mode = 1/],
  ]
  for (const [key, value, problem] of own)
    await expectProblem(ownDraft(), (d) => (d.entry[key] = value), problem)
  const draft = ownDraft()
  extra('info')(draft)
  assert.equal(await problemsOf(draft), '')
})

test('goldens: a rule in other words is remarked upon, and the numbers decide', async () => {
  const changes = [
    ['max_pool2d.ties_k2s2', 'tie_rule', 'the first one'],
    ['elementwise.maximum_ties', 'gradient_on_tie', 'half each'],
    ['elementwise.add_same', 'of_which_nobody_knows', 'a sentence'],
  ] as const
  const device = await testDevice()
  for (const [id, name, value] of changes) {
    const draft = draftOf(goldenCase(id))
    draft.entry['attributes'][name] = value
    const folder = writeFolder([draft])
    const { problems, remarks } = await runCase(folder, readIndex(folder).entries[0], device)
    assert.deepEqual(problems, [], id)
    assert.equal(remarks.length, 1)
    assert.ok(remarks[0].includes(name) && remarks[0].includes(value), remarks[0])
  }
})

test('goldens: a setting of the case that is not followed here fails it', async () => {
  const changes: [id: string, name: string, value: unknown][] = [
    ['elementwise.relu_zeros', 'gradient_at_zero', 1],
    ['conv2d.1x1', 'groups', 5],
    ['conv2d.anisotropic', 'padding_order', 'left,right,top,bottom'],
    ['pad.reflect_0', 'mode', 'circular'],
    ['optim.sgd_m0p9', 'steps', '5'],
  ]
  for (const [id, name, value] of changes)
    await expectProblem(
      draftOf(goldenCase(id)),
      (d) => (d.entry['attributes'][name] = value),
      new RegExp(`its attribute ${name} is .*; known is`),
    )
})

test('goldens: every tensor of every operator is compared', async () => {
  const index = readIndex(needShared('goldens'))
  const device = await testDevice()
  for (const op of new Set(index.entries.map((e) => e.op))) {
    // Networks have tests of their own: in one of their tensors many are compared.
    if (op === 'network') continue
    const cases = index.entries.filter((e) => e.op === op)
    const c = cases
      .map((e) => new GoldenCase(index.folder, e))
      .reduce((a, b) => (b.names('compared').length > a.names('compared').length ? b : a))
    const draft = draftOf(c)
    // Which of several equals topk takes is free there: its indices are checked against the input.
    const names = c.names('compared').filter((n) => !(c.attributes['tie_rule'] && n === 'indices'))
    for (const name of names) damage(draft, name)
    const folder = writeFolder([draft])
    const [entry] = readIndex(folder).entries
    const { problems } = await runCase(folder, entry, device)
    for (const name of names)
      assert.ok(
        problems.some((p) => p.startsWith(`${name} `)),
        `${c.id}: a wrong ${name} is not noticed: ${problems}`,
      )
  }
})

test('goldens: floats by relative L2 error and worst value, zeros by 1e-6, exact ones by their bits', () => {
  const share = (got: number[], want: number[], tolerance: number) =>
    compareFloats(Float32Array.from(got), Float32Array.from(want), { tolerance }).share
  assert.ok(share([3, 4.0000047], [3, 4], 1e-6) < 1)
  assert.ok(share([3, 4.0000057], [3, 4], 1e-6) > 1)
  assert.ok(share([9e-7, 0], [0, 0], 1e-9) <= 1)
  assert.ok(share([0, -2e-6], [0, 0], 1) > 1)
  // One value of 40,000 is off by 110 tolerances of the largest, the relative error being half the tolerance.
  const many = new Array(40_000).fill(1)
  assert.ok(share([1 + 110 * 1e-4, ...many.slice(1)], many, 1e-4) > 1)
  assert.ok(share([1 + 90 * 1e-4, ...many.slice(1)], many, 1e-4) < 1)
  assert.equal(share([1, 2], [1, 2], 0), 0)
  assert.ok(share([-0], [0], 0) > 1)
  assert.ok(share([1 + 2 ** -23], [1], 0) > 1)
  assert.ok(share([Number.NaN], [1], 1e-5) > 1)
  assert.ok(share([1], [Number.NaN], 1e-5) > 1)
  assert.ok(share([1, 1], [1], 1e-5) > 1)
  assert.equal(share([Number.NEGATIVE_INFINITY, 1], [Number.NEGATIVE_INFINITY, 1], 1e-5), 0)
  assert.match(compareIntegers([1, 2, 4], [1, 2, 3]).problem!, /1 of 3 differ: value 2 is 4 for 3/)
  assert.ok(compareFloats([1.001, 1], [1, 1], { tolerance: 1e-5, floor: 0.01 }).share <= 1)
})

test('goldens: the command prints a table, writes JSON and says in its exit code how it went', async () => {
  await testDevice()
  const bad = ownDraft('own.bad')
  nudge(bad, 'd_b', 1e-3)
  const folder = writeFolder([ownDraft(), bad])

  const all = goldens([folder, '--json', join(folder, 'report.json')])
  assert.equal(all.status, 1, all.stderr)
  const lines = all.stdout.trimEnd().split('\n')
  assert.equal(lines.at(-1), '1 passed, 1 failed')
  assert.match(all.stdout, /^mul +2 +1 +\S+ +\S+ % +own\.bad d_b$/m)
  assert.match(all.stdout, /^FAILED own\.bad\n {2}d_b is off: /m)
  const report = JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8'))
  assert.deepEqual([report.passed, report.failed], [1, 1])
  assert.deepEqual(report.failures[0].id, 'own.bad')
  assert.deepEqual(report.operators[0].worst.case, 'own.bad')

  const good = goldens([folder, '--only', 'own.mul'])
  assert.equal(good.status, 0, good.stderr)
  assert.match(good.stdout, /\n1 passed, 0 failed\n$/)
})

test('goldens: what cannot be run is one sentence and exit code 2', () => {
  const folder = writeFolder([ownDraft()])
  const refused = (args: string[], message: RegExp) => {
    const { status, stderr } = goldens(args)
    assert.equal(status, 2, stderr)
    assert.match(stderr, message)
    assert.doesNotMatch(stderr, /\n./)
  }
  refused([folder, '--only', 'conv'], /no case has conv in its id or operator/)
  refused([folder, '--fast'], /--fast/)
  refused([folder, folder], /one folder at a time/)
  refused([join(folder, 'none')], /none.index\.json: is not there/)
  for (const [index, message] of [
    [[], /has no list "cases"/],
    [{ cases: [] }, /lists no cases/],
    [{ cases: [{ op: 'mul' }] }, /has a case without a text id and op \(case 0\)/],
  ] as const) {
    writeIndex(folder, index)
    refused([folder], message)
  }
  writeFileSync(join(folder, 'index.json'), '{"cases":')
  refused([folder], /index\.json: cannot be read as JSON/)
})

function goldens(args: readonly string[]) {
  const program = join(dirname(fileURLToPath(import.meta.url)), 'main.js')
  return spawnSync(process.execPath, [program, ...args], { encoding: 'utf8' })
}
