// The comparison with other engines: only what agrees with ours counts, and what cannot be done is said. (The engines here
// are stand-ins; the real ones are downloaded for `npm run bench:peers` alone.)

import assert from 'node:assert/strict'
import { compareRow, isMeasured } from '../bench/peers/compare.ts'
import { axes, permuted, type Values } from '../bench/peers/engine.ts'
import { interpolation } from '../bench/peers/linear.ts'
import { flopsOf } from '../bench/peers/network.ts'
import { onnxModel } from '../bench/peers/onnx.ts'
import type { EngineProcess } from '../bench/peers/process.ts'
import { rows } from '../bench/peers/rows.ts'
import { line } from '../bench/peers/table.ts'
import type { Task } from '../bench/peers/worker.ts'
import { resizeBilinear } from '../engine/index.ts'
import { constant } from '../engine/ops/source.ts'
import { interpret } from '../engine/reference/index.ts'
import { close } from './checks.ts'
import { test } from './harness.ts'

/** An engine that gives `results` and takes `ms` for a run, or fails at the task `fails`. */
function standIn(engine: string, results: Values[], ms: number, fails?: Task['do']): EngineProcess {
  const ask = async (task: Task): Promise<unknown> => {
    if (task.do === fails) throw new Error(`cannot ${fails}`)
    if (task.do === 'time') return { device: ms, wall: 2 * ms }
    return { results, first: 1, second: 1, dispatches: 1, pipelines: 1 }
  }
  return { settings: { engine }, ask } as unknown as EngineProcess
}

const limits = { rounds: 3, seconds: 1 }
const ours = Float32Array.of(1, -2, 4)

test('a peer counts only if it gives what we give, and does not fail', async () => {
  const near = ours.map((v) => v * (1 + 1e-6))
  const result = await compareRow(
    rows[0],
    [
      standIn('atrous', [ours], 2),
      standIn('tfjs', [near], 10),
      standIn('jax', [Float32Array.of(1, -2, 4.01)], 1),
      standIn('ort', [Float32Array.of(1, Number.NaN, 4)], 1),
      standIn('short', [ours.subarray(1)], 1),
      standIn('none', [ours], 1, 'prepare'),
      standIn('late', [ours], 1, 'time'),
    ],
    limits,
  )
  const measured = result.engines.filter(isMeasured).map((m) => m.engine)
  assert.deepEqual(measured, ['atrous', 'tfjs'])
  assert.deepEqual(result.ratio, { peer: 'tfjs', device: 0.2, wall: 0.2 })
  const text = line(result)
  for (const said of ['jax: wrong: 0.0025 off', 'ort: wrong: Infinity off', 'none: cannot prepare'])
    assert.ok(text.includes(said), text)
  assert.ok(text.includes('late: cannot time') && text.includes('short: wrong'), text)
})

test('nothing is compared with our own failure', async () => {
  const engines = [standIn('atrous', [ours], 1, 'prepare'), standIn('tfjs', [ours], 1)]
  await assert.rejects(compareRow(rows[0], engines, limits), /ours failed: cannot prepare/)
})

test('orders of axes go back and forth', () => {
  const shape = [2, 3, 4, 5]
  const values = Float32Array.from({ length: 120 }, (_, i) => i)
  for (const [to, from] of [
    [axes.toPlanes, axes.fromPlanes],
    [axes.weightToPlanes, axes.weightFromPlanes],
  ]) {
    const there = permuted(values, shape, to)
    assert.notDeepEqual(there, values)
    const back = to.map((a) => shape[a])
    assert.deepEqual(permuted(there, back, from), values)
  }
  // Element (0, 1, 2, 3) of [n, h, w, c] is (0, 3, 1, 2) of [n, c, h, w].
  assert.equal(permuted(values, shape, axes.toPlanes)[3 * 12 + 1 * 4 + 2], 1 * 20 + 2 * 5 + 3)
})

test('interpolation as a matrix is our bilinear resizing', () => {
  const matrix = interpolation(5, 3)
  const x = constant(Float32Array.of(1, -2, 3, 5, -8), [1, 5, 1, 1])
  const [expected] = interpret([resizeBilinear(x, [15, 1])])
  const got = Array.from(expected, (_, o) =>
    [1, -2, 3, 5, -8].reduce((sum, v, i) => sum + v * matrix[o * 5 + i], 0),
  )
  close(got, expected, 1e-6, 'rows of the matrix')
})

test('the networks have the arithmetic of the published ones', () => {
  // He et al. 2016, table 1: 1.8 and 3.8 (3×3 strides: 4.1) thousand million multiply-adds.
  assert.equal((flopsOf(18, [1, 224, 224, 3], 1000) / 2e9).toFixed(2), '1.81')
  assert.equal((flopsOf(50, [1, 224, 224, 3], 1000) / 2e9).toFixed(2), '4.09')
})

test('an ONNX model is written as protobuf has it', () => {
  const model = onnxModel({
    inputs: [{ name: 'x', shape: [300] }],
    outputs: [{ name: 'y', shape: [300] }],
    nodes: [{ op: 'Relu', inputs: ['x'], outputs: ['y'] }],
  })
  const bytes = [...model]
  // ir_version 8, then the graph: field 7, its length, its first node: x, y, the name and the operator.
  assert.deepEqual(bytes.slice(0, 3), [8, 8, 58])
  const node = [10, 1, 120, 18, 1, 121, 26, 1, 121, 34, 4, ...new TextEncoder().encode('Relu')]
  assert.deepEqual(bytes.slice(4, 6 + node.length), [10, node.length, ...node])
  // The dimension 300 takes two bytes, and the set of operators comes last.
  assert.ok(bytes.join().includes([10, 3, 8, 172, 2].join()))
  assert.deepEqual(bytes.slice(-4), [66, 2, 16, 17])
})
