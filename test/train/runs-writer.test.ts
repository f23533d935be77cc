// A run's writer: what a session's events leave in its folder, and that training outlives files it can do without.

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fixedOf } from '../../train/dataset.ts'
import type { TrainEvent } from '../../train/events.ts'
import { readImage } from '../../train/pictures/images.ts'
import { createRun } from '../../train/runs/folder.ts'
import { Samples } from '../../train/runs/samples.ts'
import { RunWriter } from '../../train/runs/writer.ts'
import { test } from '../harness.ts'

const losses = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => ({ step: from + i + 1, value: 2 / (from + i + 1) }))

const stepEvent = (from: number, to: number): TrainEvent => ({
  kind: 'step',
  step: to,
  of: 20,
  progress: to / 20,
  loss: 1,
  losses: losses(from, to),
  lr: 0.01,
  ms: 10,
  imagesPerSecond: 123.456,
  bytes: 1000,
  eta: 1,
  outOfRange: 0,
})

const session: TrainEvent[] = [
  {
    kind: 'start',
    step: 0,
    parameters: 7,
    activationBytes: 9,
    pipelines: 3,
    seconds: 1,
  },
  stepEvent(0, 5),
  stepEvent(5, 10),
  {
    kind: 'validation',
    step: 10,
    score: 0.25,
    scoreName: 'mean IoU',
    figures: { meanIoU: 0.25, pixelAccuracy: 0.5 },
    perClass: [
      { name: 'sky', iou: 0.5 },
      { name: 'tree', iou: 0 },
    ],
    best: true,
    seconds: 2,
  },
  { kind: 'checkpoint', step: 10, which: 'last' },
  {
    kind: 'end',
    step: 10,
    reason: 'stopped',
    seconds: 33,
    best: { step: 10, score: 0.25 },
  },
]

const newRun = () => createRun('a', { root: mkdtempSync(join(tmpdir(), 'atrous-test-')) })

test('runs: events become metrics, a state, samples and a TensorBoard file', async () => {
  const run = await newRun()
  const writer = new RunWriter(run)
  for (const event of session) writer.on(event)
  const picture = { data: Uint8Array.from({ length: 3 * 2 * 4 }, (_, i) => i), height: 2, width: 4 }
  writer.samples(10, { answers: picture, truth: { ...picture, data: new Uint8Array(24) } })
  await writer.close()
  const records = await run.readMetrics()
  assert.equal(records.length, 11)
  assert.deepEqual(records[4], { step: 5, loss: 0.4, lr: 0.01, imagesPerSecond: 123.5 })
  assert.deepEqual(records[10], {
    step: 10,
    validation: {
      score: 0.25,
      scoreName: 'mean IoU',
      meanIoU: 0.25,
      pixelAccuracy: 0.5,
      seconds: 2,
      ious: { sky: 0.5, tree: 0 },
    },
  })
  assert.deepEqual(await run.readState(), {
    state: 'stopped',
    step: 10,
    seconds: 33,
    eta: 0,
    parameters: 7,
    activationBytes: 9,
    best: { step: 10, score: 0.25 },
    scoreName: 'mean IoU',
    checkpoint: 10,
    of: 20,
    bytes: 1000,
    imagesPerSecond: 123.5,
  })
  const sample = await readImage(run.path('samples/step-000010.png'))
  assert.deepEqual([...sample.data], [...picture.data])
  const truth = await readImage(run.path('samples/truth.png'))
  assert.deepEqual([...truth.data], new Array(24).fill(0))
  const [events] = readdirSync(run.folder).filter((name) => name.includes('tfevents'))
  const file = readFileSync(run.path(events), 'latin1')
  for (const tag of ['loss', 'validation/meanIoU', 'class IoU/tree', 'samples', 'brain.Event:2'])
    assert.ok(file.includes(tag), tag)
})

test('runs: a file that training can do without is missed once, aloud; metrics that cannot be written end it', async () => {
  const run = await newRun()
  const said: string[] = []
  // A file where a folder is needed, and a folder where a file is.
  writeFileSync(run.path('samples'), '')
  const writer = new RunWriter(run, { say: (line) => said.push(line) })
  for (const event of session) writer.on(event)
  const pixel = { data: new Uint8Array(3), height: 1, width: 1 }
  for (const step of [10, 20]) writer.samples(step, { answers: pixel, truth: pixel })
  await writer.close()
  assert.equal(said.length, 1)
  for (const line of said) assert.match(line, /^note: .*samples.*; training goes on without it$/)
  assert.equal((await run.readMetrics()).length, 11)

  const other = await newRun()
  mkdirSync(other.path('metrics.jsonl'))
  const failing = new RunWriter(other)
  assert.throws(() => failing.on(session[1]), /metrics.jsonl: cannot be written: /)
  failing.fail(new Error('the loss of step 7 is NaN\n  hint: lower it'))
  await failing.close()
  const { state, message } = (await other.readState())!
  assert.deepEqual([state, message], ['failed', 'the loss of step 7 is NaN'])
  rmSync(other.folder, { recursive: true })
  assert.throws(
    () => other.appendMetrics({ step: 1 }),
    /does not exist\n {2}hint: leave a run where/,
  )
})

test('runs: a session that goes on counts the seconds before it', async () => {
  const run = await newRun()
  const writer = new RunWriter(run, { from: { step: 10, seconds: 100 } })
  writer.on(stepEvent(10, 12))
  writer.fail('killed')
  await writer.close()
  const { seconds, step } = (await run.readState())!
  assert.ok(seconds >= 100 && seconds < 160, `${seconds}`)
  assert.equal(step, 12)
})

test('runs: a clock that is set back does not go back in the files', async () => {
  const run = await newRun()
  const now = Date.now
  const writer = new RunWriter(run)
  try {
    for (const event of session) {
      writer.on(event)
      Date.now = () => now() - 3_600_000
    }
  } finally {
    Date.now = now
  }
  await writer.close()
  const [events] = readdirSync(run.folder).filter((name) => name.includes('tfevents'))
  const file = readFileSync(run.path(events))
  const times: number[] = []
  for (let at = 0; at < file.length; at += 16 + Number(file.readBigUInt64LE(at)))
    // After the frame's length and its sum, the key of the first field: the wall time.
    times.push(file.readDoubleLE(at + 13))
  assert.ok(times.length > 10)
  assert.deepEqual(times, times.toSorted())
  assert.ok(Math.abs(times[0] - now() / 1000) < 600)
})

test('samples: the images of a split that are looked at are spread over it, of few all', () => {
  for (const [size, chosen] of [
    [1, [0]],
    [2, [0, 1]],
    [3, [0, 1, 2]],
    [40, [5, 15, 25, 35]],
  ] as const) {
    const { options } = new Samples({ size, classes: [] })
    const all = Array.from({ length: size }, (_, i) => i)
    assert.deepEqual(all.filter(options.examples), chosen)
    assert.deepEqual(fixedOf(size), chosen)
  }
})
