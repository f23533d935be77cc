// The bench itself: what it takes for right, what it calls a move, and the page that it writes.

import assert from 'node:assert/strict'
import { type Case, kernelCases } from '../bench/suite/cases.ts'
import { errorOf, TOLERANCE } from '../bench/suite/check.ts'
import { pageOf } from '../bench/suite/page.ts'
import { moved, movedLines, type Run } from '../bench/suite/report.ts'
import { defaultCaps } from '../engine/explain.ts'
import { interpret } from '../engine/reference/index.ts'
import { stages } from '../engine/stages.ts'
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
