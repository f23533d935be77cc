// Data sets that are read ahead: the same examples and scores whoever reads them, a bound that holds, and errors in their place.

import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { AtrousError, DataError, OptionError } from '../../engine/errors.ts'
import { type Dataset, exampleBytes } from '../../train/dataset.ts'
import { evaluate } from '../../train/evaluate.ts'
import { type OpenAheadOptions, openAhead, openLoader } from '../../train/loader/open.ts'
import { Predictor } from '../../train/predict.ts'
import { Random } from '../../train/random.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'
import { RedNetwork } from '../scores/eval-network.ts'
import { type DrawnOptions, openDataset } from './loader-data.ts'

const module = new URL('./loader-data.js', import.meta.url).href

const opened = async (drawn: DrawnOptions, options: Partial<OpenAheadOptions> = {}) =>
  openAhead(await openDataset(drawn), { spec: { module, options: drawn }, ...options })

/** `use` gets the path of a log of reads, and what counts them. */
async function logged(use: (log: string, reads: () => number) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'atrous-ahead-'))
  const log = join(folder, 'log')
  try {
    await use(log, () => (existsSync(log) ? readFileSync(log, 'utf8').length : 0))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('ahead: examples are the same in every order, with 0, 1 and 3 threads, own ones or a loader’s', async () => {
  const drawn = { size: 23, ragged: true }
  const plain = await openDataset(drawn)
  const random = new Random(3)
  const orders = [
    Array.from({ length: 23 }, (_, i) => i),
    Array.from({ length: 40 }, () => random.int(0, 22)),
    [0, 1, 2, 9, 3, 4, 0, 1, 22, 2, 2],
  ]
  const options = { count: 2, seed: 1, spec: { module, options: { size: 6 } }, workers: 2 }
  await using loader = openLoader(await openDataset({ size: 6 }), options)
  for (const more of [{ workers: 0 }, { workers: 1 }, { workers: 3 }, { loader }]) {
    await using ahead = await opened(drawn, more)
    assert.equal(ahead.size, 23)
    for (const order of orders) {
      const wanted = await Promise.all(order.map((i) => plain.get(i)))
      assert.deepEqual(await Promise.all(order.map((i) => ahead.get(i))), wanted)
      for (const [k, i] of order.entries()) assert.deepEqual(await ahead.get(i), wanted[k])
    }
    if ('loader' in more) assert.equal((await loader.batch(0)).names.length, 2)
  }
})

test('ahead: what a thread hands over is its own, also of images that share a buffer', async () => {
  const drawn = { size: 3, pooled: true }
  await using ahead = await opened(drawn, { workers: 1 })
  for (let i = 0; i < 3; i++) {
    const { image } = await ahead.get(i)
    assert.deepEqual(
      new Uint8Array(image),
      (await openDataset({ size: 3 }).then((d) => d.get(i))).image,
    )
    assert.equal(image.buffer.byteLength, image.length)
  }
})

test('ahead: an evaluation has the same scores with 0, 1 and 3 threads, in batches and one by one', async () => {
  const device = await testDevice()
  const drawn = { size: 21, ragged: true }
  for (const procedure of [{}, { flip: true }]) {
    using predictor = new Predictor(device, new RedNetwork(5, 4), procedure)
    const scored = async (dataset: Dataset) => {
      const names: string[] = []
      const { seconds: _, ...found } = await evaluate(predictor, dataset, {
        perImage: true,
        onExample: ({ name }) => names.push(name),
      })
      return { ...found, names, counts: [...found.confusion.counts] }
    }
    const plain = await scored(await openDataset(drawn))
    assert.ok(plain.scores.pixelAccuracy > 0 && plain.images === 21)
    for (const workers of [0, 1, 3]) {
      await using ahead = await opened(drawn, { workers })
      assert.deepEqual(await scored(ahead), plain)
      assert.deepEqual(await scored(ahead), plain)
    }
  }
})

test('ahead: no more than the bounds is read before it is asked for, and nothing of another order', async () => {
  const one = exampleBytes(await (await openDataset({ size: 1 })).get(0))
  for (const workers of [0, 2])
    for (const [examples, bytes, most] of [
      [5, 2 ** 29, 5],
      [8, 3.5 * one, 3],
      [8, 0, 1],
      [0, 2 ** 29, 0],
    ] as const)
      await logged(async (log, reads) => {
        await using ahead = await opened({ size: 40, log }, { workers, examples, bytes })
        for (const index of [0, 20, 0]) await ahead.get(index)
        await sleep(20)
        const before = reads()
        assert.ok(before <= 3, 'of what is asked for alone nothing follows')
        for (let i = 1; i < 6; i++) await ahead.get(i)
        const begun = performance.now()
        while (reads() < before + 5 + most && performance.now() - begun < 20_000) await sleep(5)
        await sleep(50)
        assert.equal(reads(), before + 5 + most)
      })
})

test('ahead: what threads have read stays in memory up to its bound', async () => {
  const one = exampleBytes(await (await openDataset({ size: 1 })).get(0))
  for (const [kept, expected] of [
    [12, 12],
    [5, 12 + 7],
  ])
    await logged(async (log, reads) => {
      const options = { workers: 1, cacheBytes: kept * one, examples: 2 }
      await using ahead = await opened({ size: 12, log }, options)
      for (let pass = 0; pass < 2; pass++)
        for (let i = 0; i < 12; i++) assert.equal((await ahead.get(i)).name, `${i}`)
      assert.equal(reads(), expected)
    })
})

test('ahead: an example that cannot be read rejects in its turn, by name, and the others are there', async () => {
  for (const workers of [0, 2]) {
    await using ahead = await opened({ size: 9, broken: 4 }, { workers })
    for (let i = 0; i < 9; i++)
      if (i !== 4) assert.equal((await ahead.get(i)).name, `${i}`)
      else
        for (const _ of [1, 2])
          await assert.rejects(ahead.get(4), (error: Error) => {
            assert.ok(error instanceof DataError && error.file === '4.png')
            return true
          })
  }
  await using deadly = await opened({ size: 6, deadly: 2 }, { workers: 1 })
  await assert.rejects(deadly.get(2), /example 2 of drawn: it ended the thread that read it, twice/)
  assert.equal((await deadly.get(3)).name, '3')
})

test('ahead: who waits when threads are ended is told; options that do not fit are refused', async () => {
  const ahead = await opened({ size: 4, delay: 30_000 }, { workers: 1 })
  const waiting = assert.rejects(ahead.get(0), AtrousError)
  await sleep(20)
  await ahead[Symbol.asyncDispose]()
  await waiting
  const dataset = await openDataset({ size: 4 })
  assert.throws(() => openAhead(dataset, { workers: 0.5 }), OptionError)
})
