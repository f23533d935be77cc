// The norm of all gradients before it is bounded: told of each step where `clip` knows it, and nothing of a run changes by that.

import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mul } from '../../engine/ops/arithmetic.ts'
import { sum } from '../../engine/ops/reduce.ts'
import { hostTensor } from '../../engine/ops/source.ts'
import { type Tensor, Variable } from '../../engine/tensor.ts'
import type { Point } from '../../train/charts/chart.ts'
import { comparedSvg } from '../../train/charts/compare.ts'
import type { TrainEvent } from '../../train/events.ts'
import { accumulated } from '../../train/loop/accumulate.ts'
import { Adam, type OptimizerOptions, Sgd } from '../../train/optimizers.ts'
import { reportData } from '../../train/report/from-run.ts'
import { reportHtml } from '../../train/report/html.ts'
import { createRun } from '../../train/runs/folder.ts'
import { RunWriter } from '../../train/runs/writer.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'
import { eventsOf, lossesOf, smallRun, Thumb } from './small-runs.ts'

const normsOf = (events: readonly TrainEvent[]): Point[] =>
  events.flatMap((e) => (e.kind === 'step' ? (e.gradientNorms ?? []) : []))

test('gradient norm: it is that of all gradients, of a batch in parts and without the loss scale', async () => {
  const device = await testDevice()
  const given = Float32Array.of(3, -4, 12)
  for (const [options, parts] of [
    [{ clip: 1 }, 1],
    [{ clip: { norm: 1e6 } }, 1],
    [{ clip: 1 }, 3],
    [{ clip: 2, lossScale: { initScale: 1024 } }, 2],
  ] as const satisfies readonly (readonly [OptimizerOptions, number])[]) {
    const p = new Variable({ dtype: 'f32', shape: [3] }, () => new Float32Array(3), 'p')
    const optimizer = new Sgd([p], options)
    const program = device.compile((g: Tensor) =>
      accumulated(optimizer, parts, () => sum(mul(p, g)), 0.1, { reduction: 'sum' }),
    )
    const normAfter = async (values: Float32Array) => {
      ;(await program.run(hostTensor(values))).dispose()
      return (await device.read(optimizer.gradientNorm!))[0]
    }
    const norm = 13 * parts
    assert.ok(Math.abs((await normAfter(given)) / norm - 1) < 1e-6)
    if ('lossScale' in options)
      assert.ok(Math.abs((await normAfter(Float32Array.of(1, Number.NaN, 0))) / norm - 1) < 1e-6)
    assert.ok(![...optimizer.stateDict().values()].includes(optimizer.gradientNorm!))
    program.dispose()
  }
  for (const options of [{}, { clip: { value: 1 } }])
    assert.equal(new Sgd([], options).gradientNorm, undefined)
})

test('gradient norm: each step tells it, however the losses are read; losses keep their bits', async () => {
  const device = await testDevice()
  const run = async (options: OptimizerOptions, readEvery: number) => {
    const model = new Thumb()
    const optimizer = new Adam(model.parameters(), options)
    return eventsOf(smallRun(device, { model, optimizer, steps: 40, readEvery }))
  }
  const plain = await run({}, 0)
  assert.deepEqual(normsOf(plain), [])
  const loose = await run({ clip: 1e9 }, 0)
  assert.deepEqual(lossesOf(loose), lossesOf(plain))
  const norms = normsOf(loose)
  assert.deepEqual(
    norms.map(({ step }) => step),
    Array.from({ length: 40 }, (_, i) => i + 1),
  )
  assert.ok(norms.every(({ value }) => value > 0 && value < 100))
  assert.ok(new Set(norms.map(({ value }) => value)).size > 30)
  assert.deepEqual(normsOf(await run({ clip: 1e9 }, 1e9)), norms)
  const tight = await run({ clip: 0.5 * norms[0].value }, 0)
  assert.ok(Math.abs(normsOf(tight)[0].value / norms[0].value - 1) < 1e-6, 'it is not bounded yet')
})

const step = (from: number, norms: readonly Point[] | undefined): TrainEvent => ({
  ...{ kind: 'step', step: from + 2, of: 4, progress: 0.5, loss: 1, lr: 0.01, ms: 10 },
  losses: [1, 2].map((i) => ({ step: from + i, value: 1 })),
  ...{ imagesPerSecond: 1, bytes: 1, eta: 1, outOfRange: 0 },
  ...(norms && { gradientNorms: norms }),
})

test('gradient norm: metrics, TensorBoard, the report and compared runs have it where it is known', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'atrous-norm-'))
  try {
    for (const known of [true, false]) {
      const run = await createRun('norms', { out: join(folder, `${known}`) })
      await run.writeConfig({})
      const writer = new RunWriter(run)
      writer.on(step(0, known ? [{ step: 1, value: 0.25 }] : undefined))
      writer.on(
        step(
          2,
          known
            ? [
                { step: 3, value: 0.5 },
                { step: 4, value: 7 },
              ]
            : undefined,
        ),
      )
      await writer.close()
      const records = await run.readMetrics()
      // Of step 2, which was skipped, nothing is known.
      const wanted = known ? [0.25, undefined, 0.5, 7] : new Array(4).fill(undefined)
      assert.deepEqual(
        records.map(({ gradientNorm }) => gradientNorm),
        wanted,
      )
      const [events] = readdirSync(run.folder).filter((name) => name.startsWith('events.'))
      assert.equal(readFileSync(run.path(events), 'latin1').includes('gradientNorm'), known)
      const data = await reportData(run)
      assert.equal(data.gradientNorm.length, known ? 3 : 0)
      assert.equal(reportHtml(data).includes('Gradient norm'), known)
      const { name, loss, gradientNorm } = data
      const svg = comparedSvg([{ name, loss, score: [], gradientNorm }], 'score')
      assert.equal(svg.includes('gradient norm'), known)
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
})
