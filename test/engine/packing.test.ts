// Where values lie: found with few looks, and the same as by looking at everything; and how often a step is placed.

import * as assert from 'uvu/assert'
import { defaultCaps } from '../../engine/explain.ts'
import { jointOf } from '../../engine/passes/fused.ts'
import { type Lifetime, liveBytes, type Packing, pack } from '../../engine/plan/memory.ts'
import { randomFrom } from '../../engine/reference/index.ts'
import { stages } from '../../engine/stages.ts'
import { witness } from '../../engine/witness.ts'
import { test } from '../harness.ts'
import { network, types } from '../models/small-network.ts'

const span = ({ from, to }: Lifetime) => to - from + 1
const orders: ((a: Lifetime, b: Lifetime) => number)[] = [
  (a, b) => b.bytes - a.bytes || a.from - b.from,
  (a, b) => b.bytes * span(b) - a.bytes * span(a),
  (a, b) => span(b) - span(a) || b.bytes - a.bytes,
  (a, b) => a.from - b.from || b.bytes - a.bytes,
]

/** The lowest place for each value, among the ends of all others and the beginnings of slabs. */
function packedPlainly(values: readonly Lifetime[], slabBytes: number): Packing {
  const steps = Math.max(...values.map(({ to }) => to)) + 1
  const bound = Math.max(...liveBytes(values, steps))
  let best: Packing = { offsets: [], bytes: Number.POSITIVE_INFINITY }
  for (const order of orders) {
    const placed = new Map<Lifetime, number>()
    for (const v of [...values].sort(order)) {
      const near = [...placed].filter(([o]) => o.from <= v.to && v.from <= o.to)
      const ends = [0, ...near.map(([o, at]) => at + o.bytes)]
      const places = ends.flatMap((end) => [end, Math.ceil(end / slabBytes) * slabBytes])
      const isFree = (at: number) =>
        Math.floor(at / slabBytes) === Math.floor((at + v.bytes - 1) / slabBytes) &&
        near.every(([o, from]) => from + o.bytes <= at || at + v.bytes <= from)
      placed.set(v, Math.min(...places.filter(isFree)))
    }
    const offsets = values.map((v) => placed.get(v)!)
    const bytes = Math.max(...values.map((v, i) => offsets[i] + v.bytes))
    if (bytes < best.bytes) best = { offsets, bytes }
    if (best.bytes === bound) break
  }
  return best
}

test('pack: each value at the lowest place that is free, in whatever step it lives and for however long', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = randomFrom(seed)
    const below = (n: number) => Math.floor(random() * n)
    const steps = 1 + below(400)
    const values = Array.from({ length: 60 }, (): Lifetime => {
      const from = below(steps)
      const most = random() < 0.7 ? 6 : steps
      return { bytes: 16 * (1 + below(40)), from, to: Math.min(steps - 1, from + below(most)) }
    })
    const slabBytes = seed % 2 ? 2 ** 20 : 1024
    assert.equal(pack(values, slabBytes), packedPlainly(values, slabBytes), `seed ${seed}`)
  }
})

test('plan: a step whose updates run together is placed once', () => {
  const { plan: before } = witness
  let plans = 0
  witness.plan = (plan, caps) => {
    plans++
    before?.(plan, caps)
  }
  try {
    const { plan } = stages(network().step, types(16, 16), defaultCaps)
    assert.ok(plan.steps.some(({ node }) => jointOf(node)))
    assert.is(plans, 1)
  } finally {
    witness.plan = before
  }
})
