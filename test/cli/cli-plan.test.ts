// `plan` as a person meets it: figures, picture, budget and price, all without a device.

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readImage } from '../../train/pictures/images.ts'
import { test } from '../harness.ts'
import { ran, refused, scratch } from './cli.ts'

const narrow = ['--width', '8', '--option', 'depthMultiplier=0.5', '--input', '384x512']
const shallow = ['frrn-a', '--base', '8', '--lanes', '8', '--option', 'depthMultiplier=0.5']

async function planned(...args: string[]) {
  const { code, out, err } = await ran(['plan', ...args, '--json'])
  assert.equal(code, 0, err)
  return JSON.parse(out)
}

test('cli: plan prints the totals, the peak, and a picture of the step', async () => {
  const file = join(scratch(), 'new/memory.svg')
  const { code, out, err } = await ran(['plan', 'fcrn-50', '--batch', '4', '--out', file])
  assert.equal(code, 0, err)
  assert.match(out, /^fcrn-50, training step with SGD and momentum, \[4,504,504,3\]\n/)
  assert.match(out, /\nrecompute auto: 1\.\d+ T multiply-adds, 0 of them again\n/)
  assert.match(out, /\nparameters +98\.\d MB\noptimizer state +98\.\d MB\nother state +2\d\d kB\n/)
  assert.match(
    out,
    /\nactivation memory +[\d.]+ GB +0\.\d % above the most that is alive at once\n/,
  )
  assert.match(out, /\nall that is allocated +[\d.]+ GB\n/)
  assert.match(
    out,
    /\npeak at kernel \d+ of \d+, backward: .* of \w.*\nalive there:\n {2}backbone\./,
  )
  const picture = out.split('\n').filter((line) => line.includes('┤'))
  assert.equal(picture.length, 12)
  assert.match(picture[11], /┤░{72}$/)
  assert.match(picture[5], /█.*▒/)
  assert.ok(picture.every((line) => line.length <= 100))
  assert.match(out, /\n {10}forward +backward and updates\n/)
  assert.match(readFileSync(file, 'utf8'), /^<svg .*\n(?:.*\n)*.*allocated: [\d.]+ GB/)
})

test('cli: plan --json has the parts that make the whole, and a timeline', async () => {
  const args = [...shallow, '--input', '96x128', '--batch', '2']
  const [cheap, none, sgd, forward, paper] = await Promise.all([
    planned(...args, '--recompute', 'cheap'),
    planned(...args, '--recompute', 'none'),
    planned(...args, '--optimizer', 'sgd'),
    planned(...args, '--optimizer', 'none'),
    planned(...args, '--option', 'recompute=paper'),
  ])
  for (const p of [cheap, none, sgd, forward, paper]) {
    const parts = ['parameter', 'optimizer', 'state', 'input', 'output', 'constant', 'uniform']
    const sum = [...parts, 'arena'].reduce((n, part) => n + p[`${part}Bytes`], 0)
    assert.equal(sum, p.peakBytes)
    assert.deepEqual(p.input, [2, 96, 128, 3])
    assert.ok(p.timeline.length > 50)
    const at = p.timeline[p.peak.step]
    const kinds = ['activation', 'gradient', 'transient', 'workspace']
    assert.equal(
      kinds.reduce((n, kind) => n + at[`${kind}Bytes`], 0),
      p.peak.liveBytes,
    )
    assert.equal(
      p.peak.modules.reduce((n: number, m: { bytes: number }) => n + m.bytes, 0),
      p.peak.liveBytes,
    )
    assert.ok(p.profile.flopsPerSecond > 1e9)
  }
  assert.deepEqual([cheap.optimizer, cheap.recompute], ['adam', 'cheap'])
  assert.equal(cheap.optimizerBytes, 2 * cheap.parameterBytes + 2 * 16)
  assert.equal(sgd.optimizerBytes, sgd.parameterBytes)
  assert.deepEqual([forward.optimizerBytes, forward.activationBytes], [0, 0])
  assert.ok(cheap.peakBytes < none.peakBytes)
  assert.ok(cheap.extraMacs === 0 && paper.extraMacs > 0)
  const again = (p: typeof none) => p.timeline.some((at: { pass: string }) => at.pass === 'again')
  assert.ok(!again(none))
  // Little waits here: by default nothing but checkpoints is made again.
  assert.deepEqual([sgd.recompute, again(sgd), again(paper)], ['auto', false, true])
})

test('cli: plan counts a batch in parts, and predicts for the machine that it is told', async () => {
  const args = [...shallow, '--input', '96x128', '--optimizer', 'sgd']
  const [one, parts, whole, slow] = await Promise.all([
    planned(...args),
    planned(...args, '--accumulate', '4'),
    planned(...args, '--batch', '4'),
    planned(...args, '--profile', 'swiftshader'),
  ])
  assert.deepEqual([parts.input, parts.accumulate, one.accumulate], [[4, 96, 128, 3], 4, 1])
  assert.ok(parts.arenaBytes < 1.05 * one.arenaBytes && whole.arenaBytes > 2 * one.arenaBytes)
  assert.ok(parts.optimizerBytes > 1.9 * one.optimizerBytes)
  assert.equal(parts.macs, whole.macs)
  assert.match(slow.profile.name, /^SwiftShader/)
  assert.match(one.profile.name, /unknown/)
  await Promise.all([
    refused(['plan', ...args, '--batch', '3', '--accumulate', '2'], /3 images does not fall/),
    refused(['plan', ...args, '--profile', 'abacus'], /--profile cannot be 'abacus'/),
  ])
})

test('cli: plan keeps to a budget, and a smaller one never takes more', async () => {
  const args = ['fcrn-34', ...narrow, '--classes', '8', '--batch', '8']
  const free = await planned(...args)
  const shares = [0.9, 0.8, 0.7]
  const plans = await Promise.all(
    shares.map((share) => planned(...args, '--budget', `${Math.round(share * free.peakBytes)}`)),
  )
  plans.forEach((p, i) => {
    assert.ok(p.peakBytes <= Math.round(shares[i] * free.peakBytes))
    assert.ok(p.peakBytes <= (plans[i - 1] ?? free).peakBytes)
    assert.ok(p.extraMacs > 0)
  })
  await Promise.all([
    refused(['plan', ...args, '--budget', '5MB'], /budget of 5\.0 MB.*\n.*the smallest .* is /),
    refused(['plan', ...args, '--budget', 'much'], /'much'|"much"/),
  ])
})

test('cli: plan --sweep prints what less memory costs, and draws it', async () => {
  const file = join(scratch(), 'memory.png')
  const args = ['frrn-a', '--base', '8', '--lanes', '8', '--input', '192x256', '--sweep']
  const [text, json] = await Promise.all([ran(['plan', ...args, '--out', file]), planned(...args)])
  assert.equal(text.code, 0, text.err)
  assert.match(text.out, /\nmemory against time, .*\n +all memory +activation memory .*\n/)
  assert.match(
    text.out,
    /\neverything kept .* \+0\.0 % +\+0\.0 %\ncheap values again .*\n\d parts? again /,
  )
  const { height, width } = await readImage(file)
  assert.deepEqual([height, width], [840, 860])
  const { sweep } = json
  assert.ok(sweep.length >= 4)
  for (let i = 1; i < sweep.length; i++) assert.ok(sweep[i].peakBytes < sweep[i - 1].peakBytes)
  assert.equal(sweep[1].peakBytes, json.peakBytes)
  assert.equal(sweep[1].arenaBytes, json.arenaBytes)
  const { peakBytes } = sweep[2]
  const within = await planned(...args.slice(0, -1), '--budget', `${peakBytes}`)
  assert.ok(within.peakBytes <= peakBytes && within.extraMacs > 0)
  assert.ok(sweep[sweep.length - 1].extraArithmetic > 0.02)
})

test('cli: what plan cannot do is refused', async () => {
  const none = join(scratch(), 'none.gif')
  await Promise.all([
    refused(['plan'], /MODEL is missing/),
    refused(['plan', 'fcrm-50'], /no model 'fcrm-50'\n.*fcrn-50/),
    refused(['plan', 'frrn-a', '--input', '100x128'], /multiple/),
    refused(['plan', 'fcrn-18', '--optimizer', 'lion'], /--optimizer cannot be 'lion'/),
    refused(['plan', 'fcrn-18', '--out', none], /--out cannot be .*\n.*\.svg or \.png/),
    refused(['plan', 'fcrn-18', '--optimizer', 'none', '--sweep'], /--sweep needs a step/),
    refused(
      ['plan', 'fcrn-18', '--budget', '1GB', '--recompute', 'none'],
      /--budget and --recompute exclude each other/,
    ),
  ])
  assert.ok(!existsSync(none))
})
