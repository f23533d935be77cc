// Random programs on two processes, and what finds and shows their failures: the shrinker, on an op that is wrong on
// purpose, and the pass that runs kernels again. `--slow` checks as many programs as CI does; `npm run fuzz` checks any.

import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { ops } from '../engine/index.ts'
import type { Op } from '../engine/op.ts'
import { pointwise } from '../engine/ops/pointwise.ts'
import { testDevice } from './device.ts'
import { check } from './fuzz/check.ts'
import { playable } from './fuzz/op-moves.ts'
import { randomProgram } from './fuzz/program.ts'
import { fuzz, type Summary, showSummary } from './fuzz/runner.ts'
import { printCase, shrink } from './fuzz/shrink.ts'
import { slowWanted, test } from './harness.ts'

const programs = slowWanted ? 2000 : 60
let summary: Summary | undefined

test(
  `fuzz: ${programs} random programs agree with the interpreter, however they are compiled`,
  async () => {
    await testDevice()
    summary = await fuzz({ from: 1, to: programs })
    console.log(`\n${showSummary(summary)}`)
    assert.is(summary.failed.map((f) => `seed ${f.seed}: ${f.text}`).join('\n'), '')
    assert.is(summary.graphs, programs)
  },
  { timeout: 900 },
)

test('fuzz: few results lie on jumps or are decided by rounding', () => {
  const { results, unsure, loose } = summary!
  assert.ok(unsure < 0.02 * results, `${unsure} of ${results} on jumps`)
  assert.ok(loose < 0.01 * results, `${loose} of ${results} decided by rounding`)
})

test('fuzz: every op occurs in as many programs as there are ops', () => {
  const seen = new Set<Op>()
  for (let seed = 1; seed <= ops.length; seed++)
    for (const { op } of randomProgram(seed, ops).graph.nodes) seen.add(op)
  const missing = ops.filter((op) => playable(op) && !seen.has(op))
  assert.equal(
    missing.map((op) => op.name),
    [],
  )
})

/** x + 1, but on the device 1 more where x is above a half. */
const wrongOp = pointwise('wrong', {
  wgsl: ([x]) => `(${x} + select(vec4f(1.0), vec4f(2.0), ${x} > vec4f(0.5)))`,
  reference: ([x]) => x + 1,
  vjp: (_, [dy]) => [dy],
  samples: [{ inputs: [{ dtype: 'f32', shape: [2, 3, 5] }], attrs: {} }],
}) as Op

test('fuzz: a process that crashes is a failure with its seed, and the others go on', async () => {
  const worker = fileURLToPath(new URL('fuzz/crashing-worker.js', import.meta.url))
  const { graphs, failed } = await fuzz({ from: 1, to: 6, workers: 1, worker })
  assert.is(graphs, 5)
  assert.equal(failed, [{ seed: 3, text: 'the process ended: SIGSEGV' }])
})

test('fuzz: of a program with a wrong op the smallest failing part is left', async () => {
  const d = await testDevice()
  const list = [...ops.filter((op) => op.kind === 'pointwise'), wrongOp]
  const turn = list.filter(playable).indexOf(wrongOp)
  let found = 0
  for (let seed = turn; found < 3; seed += list.filter(playable).length) {
    const p = randomProgram(seed, list)
    const { failure } = await check(d, p, seed)
    if (failure?.kind !== 'unfused') continue
    found++
    const least = await shrink(
      p,
      async (c) => (await check(d, c, seed)).failure?.kind === 'unfused',
    )
    assert.equal(
      least.graph.nodes.map((n) => n.op.name),
      ['input', 'wrong'],
    )
    assert.is(least.args[0].data.length, 1, printCase(least))
    assert.match(printCase(least), /%1 +wrong +f32.*\nargument 0: /s)
    assert.match((await check(d, least, seed)).failure!.message, /element \d+ is .* and should be/)
  }
})
