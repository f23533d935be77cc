import * as assert from 'uvu/assert'
import '../engine/node.ts'
import { test } from './harness.ts'
import { tiny } from './tiny.ts'

test('tiny: a network learns, predicts and reads back, in planned memory', async () => {
  const t = await tiny()
  assert.ok(t.losses.every(Number.isFinite), String(t.losses))
  assert.ok(t.losses[5] < 0.9 * t.losses[0], `losses fall: ${t.losses}`)
  assert.ok(t.highest > 0 && t.highest < 8)
  // d/dv Σ(2(v − c))² = 8(v − c), whose mean is 0 here.
  assert.is(t.lazy, 1)
  assert.ok(t.draws.every((u) => u >= 0 && u < 1) && new Set(t.draws).size === 4)
  assert.is(t.arenaBytes, t.plannedBytes)
  assert.is(t.madeLater, 0)
})
