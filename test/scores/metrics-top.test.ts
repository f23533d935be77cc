// Which images are hits among the k best classes.

import assert from 'node:assert/strict'
import { hostTensor } from '../../engine/ops/source.ts'
import { Random } from '../../train/random.ts'
import { topHits } from '../../train/scoring/top-hits.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'

async function hits(logits: readonly (readonly number[])[], own: readonly number[], k: number) {
  const device = await testDevice()
  const program = device.compile((x, c) => topHits(x, c, k))
  const x = hostTensor(Float32Array.from(logits.flat()), [logits.length, logits[0].length])
  const result = await program.run(x, hostTensor(Int32Array.from(own), [own.length]))
  const out = [...(await result.read())]
  result.dispose()
  program.dispose()
  return out
}

test('metrics: top-k hits are those of sorting', async () => {
  const random = new Random(4)
  const classes = 37
  // Few values, so that many are equal; of equal ones the lower class is first.
  const logits = Array.from({ length: 60 }, () =>
    Array.from({ length: classes }, () => Math.floor(random.uniform() * 12) / 4),
  )
  const own = logits.map(() => Math.floor(random.uniform() * classes))
  for (const k of [1, 5, 37, 40]) {
    const expected = logits.map((scores, i) => {
      const order = scores.map((_, c) => c).sort((a, b) => scores[b] - scores[a] || a - b)
      return Number(order.indexOf(own[i]) < k)
    })
    assert.deepEqual(await hits(logits, own, k), expected)
  }
})

test('metrics: no class, and a score that is NaN, are no hits', async () => {
  const row = [1, Number.NaN, 3]
  assert.deepEqual(await hits([row, row, row, row, row], [0, 1, 2, -1, 3], 2), [0, 0, 1, 0, 0])
  assert.deepEqual(await hits([[1, 2, 3]], [-1], 3), [0])
  await assert.rejects(() => hits([[1]], [0], 0), /topHits: k 0 is no whole number from 1/)
  await assert.rejects(() => hits([[1]], [0, 1], 1), /each image needs one category/)
})
