// The bench itself: what it takes for right, what it calls a move, and the page that it writes.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text as all } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import {
  choice,
  flag,
  named,
  parsed,
  positive,
  sizes,
  text,
  whole,
  writable,
} from '../bench/options.ts'
import { type Case, kernelCases } from '../bench/suite/cases.ts'
import { errorOf, TOLERANCE } from '../bench/suite/check.ts'
import { pageOf } from '../bench/suite/page.ts'
import { moved, movedLines, type Run } from '../bench/suite/report.ts'
import { defaultCaps } from '../engine/explain.ts'
import { interpret } from '../engine/reference/index.ts'
import { stages } from '../engine/stages.ts'
import { scratch } from './cli/cli.ts'
import { test } from './harness.ts'

const tracedOf = (c: Case) => stages((...x) => c.fn(...x), c.args(), defaultCaps).traced

test('bench: its own loops give what the reference interpreter gives, and tell a wrong element', () => {
  const convs = kernelCases(1 / 16, false).filter(({ conv }) => conv)
  const parts = new Set(convs.map(({ conv }) => conv!.part))
  assert.equal(parts.size, 3)
  // Strides, dilations and kernels of 15×1 among them.
  const few = convs.filter(({ args }) => args()[1].data.length < 2 ** 17)
  assert.ok(few.length > 12)
  for (const c of few) {
    const args = c.args()
    const traced = tracedOf(c)
    const [right] = interpret(traced, args)
    assert.ok(errorOf(traced, args, [right], c.conv) < 1e-6, c.name)
    const wrong = right.map((v) => v * 1.01)
    assert.ok(errorOf(traced, args, [wrong], c.conv) > TOLERANCE, c.name)
    const missing = right.map(() => Number.NaN)
    assert.equal(errorOf(traced, args, [missing], c.conv), Number.POSITIVE_INFINITY)
  }
})

const runOf = (...times: [ms: number, variation: number][]): Run => ({
  adapter: 'abacus',
  share: 1,
  ceilings: { flopsPerSecond: 1e12, bytesPerSecond: 1e11 },
  host: [{ name: 'plan', ms: 3, variation: 0.1, rounds: 9 }],
  results: [
    ...times.map(([ms, variation], i) => ({
      ...{ name: `case <${i}>`, family: `f${i}`, ms, variation, rounds: 5, kernels: 1 },
      ...{ clock: 'timestamps' as const, repeat: 1, schedule: 'conv direct' },
      ...{ flops: 10 ** (6 + i), bytes: 1e6, share: 0.5, error: 1e-7 },
    })),
    { name: 'lost', family: 'f', problem: 'wrong: 0.1 off' },
  ],
})

test('bench: what moved is beyond the noise of both runs', () => {
  const old = runOf([1, 0.01], [1, 0.2], [1, 0.001], [2, 0.01])
  const now = runOf([1.3, 0.01], [1.3, 0.01], [1.03, 0.001], [1, 0.02])
  assert.deepEqual(
    moved(old, now).map(({ name }) => name),
    ['case <0>', 'case <3>'],
  )
  assert.match(movedLines(old, now).join('\n'), /2 of 5 .*\ncase <0> .*×1\.30\ncase <3> .*×0\.50$/)
  assert.match(movedLines(old, old).join('\n'), /^of 5 in both runs none moved/)
})

test('bench: the page has a point and a row for each case, and needs nothing else', () => {
  const page = pageOf(runOf([1, 0.01], [20, 0.1], [0.003, 0.2]))
  assert.equal(page.match(/<circle [^>]*><title>/g)?.length, 3)
  assert.equal(page.match(/<tr>/g)?.length, 1 + 3 + 1)
  assert.match(page, /FAILED lost: wrong/)
  assert.doesNotMatch(page, /NaN|Infinity|<0>|src=|href=|url\(/)
})

test('bench: options are what they say, and what means nothing is refused by name', () => {
  const options = {
    runs: whole(9),
    seconds: positive(0.5),
    size: sizes('NxHxW', [1, 2, 3]),
    way: choice(['adam', 'sgd'], 'sgd'),
    only: text(undefined),
    quick: flag,
  }
  const usual = {
    runs: 9,
    seconds: 0.5,
    size: [1, 2, 3],
    way: 'sgd',
    only: undefined,
    quick: false,
  }
  const of = (line: string) => parsed(options, ['MODEL'], line.split(' ').filter(Boolean))
  assert.deepEqual(of(''), { values: usual, positionals: [] })
  assert.deepEqual(of('--runs 3 a --size=4x5x6 --way adam --seconds .25 --only 3 --quick'), {
    values: { runs: 3, seconds: 0.25, size: [4, 5, 6], way: 'adam', only: '3', quick: true },
    positionals: ['a'],
  })
  for (const [line, says] of [
    ['--runs 0', /--runs cannot be '0'\n.*a whole number from 1$/],
    ['--runs 1.5', /--runs cannot be '1.5'/],
    ['--runs', /--runs needs a value/],
    ['--seconds -1', /--seconds cannot be '-1'/],
    ['--seconds=0', /--seconds cannot be '0'\n.*above 0$/],
    ['--size 4x64', /--size cannot be '4x64'\n.*from 1 as NxHxW$/],
    ['--size 4x0x1', /--size cannot be/],
    ['--way Adam', /--way cannot be 'Adam'\n.*did you mean adam/],
    ['--quick=yes', /--quick takes no value/],
    ['--quik', /there is no option --quik\n.*did you mean --quick\?/],
    ['--runs 1 --runs 2', /--runs is given twice/],
    ['a b', /'b' is one argument too many\n.*MODEL/],
  ] as const)
    assert.throws(() => of(line), says, line)
  assert.deepEqual(
    named(['ab', 'bc', 'c'], 'b', (name) => name),
    ['ab', 'bc'],
  )
  assert.throws(() => named(['ab'], 'x', (name) => name), /no case has a name with 'x'/)
})

test('bench: a program says in a sentence what it does not do, before it opens a device', async () => {
  const folder = fileURLToPath(new URL('../bench', import.meta.url))
  for (const [program, argv, says] of [
    ['kernels', ['--optimizer', 'Adam'], /--optimizer cannot be 'Adam'/],
    ['kernels', ['resnet-19'], /resnet-19/],
    ['recompute', ['--only', 'gcn-152'], /no case has a name with 'gcn-152'/],
    ['memory', ['--catalogue'], /no option --catalogue\n.*--catalog/],
    ['conv-kernels', ['tme'], /'tme' cannot be done/],
    ['main', ['--compare', 'nowhere.json'], /nowhere.json is not what an earlier --json wrote/],
    ['peers', ['--json', '/dev/null/x.json'], /cannot be made/],
  ] as const) {
    const child = spawn(process.execPath, [join(folder, `${program}.js`), ...argv])
    const ended = new Promise((resolve) => child.on('close', resolve))
    const [out, error, code] = await Promise.all([all(child.stdout), all(child.stderr), ended])
    assert.equal(code, 2, `${program}: ${out}${error}`)
    assert.match(error, says)
    assert.match(error, /^error: [^\n]*\n( {2}hint: [^\n]*\n)?$/)
    assert.equal(out, '')
  }
})

test('bench: that a file can be written is known before, and leaves it as it was', async () => {
  const folder = scratch()
  const file = join(folder, 'new/run.json')
  await writable(file)
  assert.ok(existsSync(join(folder, 'new')) && !existsSync(file))
  writeFileSync(file, 'old')
  await writable(file)
  assert.equal(readFileSync(file, 'utf8'), 'old')
  await assert.rejects(writable(join(file, 'below.json')), /cannot be made/)
  await assert.rejects(writable(folder), /cannot be written: is a folder/)
})
