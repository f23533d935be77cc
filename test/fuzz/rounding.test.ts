// Which choices rounding may change, as the checks of random programs see them.

import * as assert from 'uvu/assert'
import { countNonzero, equal, mul, notEqual, sub, type Tensor } from '../../engine/index.ts'
import { disturbed } from '../../engine/reference/rounding.ts'
import { f32 } from '../agree.ts'
import { traceOf } from '../checks.ts'
import { test } from '../harness.ts'

const asked: Record<string, (product: Tensor, y: Tensor) => Tensor> = {
  equal,
  notEqual,
  nonzero: (product, y) => countNonzero(sub(product, y)),
}

for (const [name, question] of Object.entries(asked))
  test(`rounding: what ${name} says is sure unless rounding may carry one number to the other`, () => {
    const graph = traceOf((x, y) => [question(mul(x, 1 / 3), y)], [f32(2), f32(2)])
    const isUnsure = (...y: number[]) =>
      disturbed(graph, [Float64Array.of(1, 2), Float64Array.of(...y)]).unsure.has(graph.outputs[0])
    assert.not(isUnsure(0.3, 0.7))
    // Unlike a third in float64, and perhaps like it in f32.
    assert.ok(isUnsure(0.3, Math.fround(2 / 3)))
    assert.not(isUnsure(0.3, 2 / 3 + 1e-5))
  })
