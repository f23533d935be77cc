// Batches through threads: the same bits as without them, a bound that holds, and nothing that hangs, whatever goes wrong.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { AtrousError, DataError, OptionError } from '../../engine/errors.ts'
import { Batch, batchBytes } from '../../train/loader/batch.ts'
import { DataLoader } from '../../train/loader/loader.ts'
import { defaultWorkers, type OpenLoaderOptions, openLoader } from '../../train/loader/open.ts'
import { LAST_BATCHES } from '../../train/loader/order.ts'
import { writeLabelsPng, writePng } from '../../train/pictures/images.ts'
import { Random } from '../../train/random.ts'
import { openSplit } from '../../train/sources.ts'
import { slowWanted, test } from '../harness.ts'
import { type DrawnOptions, openDataset } from './loader-data.ts'

const module = new URL('./loader-data.js', import.meta.url).href

async function opened(drawn: DrawnOptions, options: Partial<OpenLoaderOptions> = {}) {
  const dataset = await openDataset({ ...drawn, absent: false })
  const spec = { module, options: drawn }
  return openLoader(dataset, { count: 3, seed: 5, spec, workers: 2, ...options })
}

/** Resolves to the rejection, which must come within ten seconds. */
async function failure(promise: Promise<unknown>): Promise<Error> {
  const late = sleep(10_000, undefined, { ref: false }).then(() => new Error('it hangs'))
  const error = await Promise.race([
    promise.then(
      () => new Error('it resolved'),
      (e) => e,
    ),
    late,
  ])
  assert.ok(error instanceof Error)
  return error
}

const MANY = slowWanted ? 1000 : 400

test(`loader: ${MANY} batches are the same, resumed and prefetched, with 0, 1 and 3 threads`, async () => {
  const random = new Random(7)
  let compared = 0
  for (let i = 0; compared < MANY; i++) {
    const size = random.int(3, 30)
    const options = {
      count: random.int(1, Math.min(4, size)),
      seed: random.u32(),
      last: random.pick(LAST_BATCHES),
      multiple: random.pick([1, 4]),
      padding: random.pick(['reflection', [0.5, 0, 1]] as const),
      targets: random.pick([['labels'], ['labels', 'instances'], ['category']] as const),
      augmentation: [
        { name: 'translate', pixels: 2 },
        { name: 'gamma', range: 0.05 },
        { name: 'flip', chance: 0.5 },
      ],
    } as const
    const drawn = { size, height: random.int(2, 6), width: random.int(2, 6) }
    const from = random.int(0, 50)
    const steps = 200
    await using plain = await opened(drawn, { ...options, workers: 0 })
    const expected: Batch[] = []
    for await (const batch of plain.steps(from, from + steps)) expected.push(batch)
    for (const workers of [0, 1, 3]) {
      const prefetch = random.pick([undefined, 0, 2, 9])
      await using loader = await opened(drawn, { ...options, workers, prefetch })
      const start = random.int(0, steps - 1)
      for (let s = start; s < steps; s++)
        assert.deepEqual(await loader.batch(from + s), expected[s], `${i}, ${workers}, step ${s}`)
      compared += steps - start
    }
  }
})

test('loader: batches of what is asked for have its targets, and padding teaches nothing', async () => {
  await using loader = await opened(
    { size: 4, height: 3, width: 3 },
    { count: 2, multiple: 4, targets: ['labels', 'instances', 'category'] },
  )
  const { targets, labels, height, width } = await loader.batch(0)
  assert.deepEqual([height, width], [4, 4])
  assert.deepEqual(
    targets.map(({ shape }) => shape),
    [[2, 4, 4], [2, 4, 4], [2]],
  )
  assert.equal(labels, targets[0].data)
  for (let i = 0; i < 32; i++)
    if (i % 4 === 3 || i % 16 >= 12) assert.deepEqual([labels[i], targets[1].data[i]], [255, 0])
  assert.ok(targets[1].data.some((v) => v > 255))
  const { targets: second } = await (await opened({ size: 4 }, { targets: ['category'] })).batch(0)
  assert.throws(
    () =>
      new Batch({ image: new Float32Array(), targets: second, names: [], height: 1, width: 1 })
        .labels,
    OptionError,
  )
})

test('loader: a broken example is named by its batch alone, and the others come once each', async () => {
  for (const workers of [0, 2]) {
    await using loader = await opened({ size: 9, broken: 4 }, { workers, prefetch: 4 })
    const seen: string[] = []
    let errors = 0
    for (let step = 0; step < 9; step++) {
      const at = [...loader.indices(step)]
      if (at.includes(4)) {
        const error = await failure(loader.batch(step))
        assert.ok(error instanceof DataError)
        assert.equal(error.file, '4.png')
        assert.match(error.message, /^4\.png: cannot be decoded: it is torn\n {2}hint: mend it$/)
        errors++
      } else {
        const { names } = await loader.batch(step)
        assert.deepEqual(names, at.map(String))
        seen.push(...names)
      }
    }
    assert.deepEqual([errors, seen.length], [3, 18])
  }
})

test('loader: a file that vanishes in epoch 7 is named, and once it is back its batch is there', async () => {
  const root = mkdtempSync(join(tmpdir(), 'atrous-loader-'))
  try {
    writeFileSync(join(root, 'classes.txt'), 'a\nb\n')
    for (let i = 0; i < 6; i++) {
      const data = new Uint8Array(4 * 4 * 3).fill(40 * i)
      await writePng(join(root, `images/train/${i}.png`), { data, height: 4, width: 4 })
      await writeLabelsPng(
        join(root, `labels/train/${i}.png`),
        new Uint8Array(16).fill(i % 2),
        4,
        4,
      )
    }
    const source = { kind: 'folder', folder: root } as const
    const dataset = await openSplit(source, 'train')
    const spec = { source, split: 'train' } as const
    for (const workers of [0, 1]) {
      const options = { count: 2, seed: 1, spec, workers, cacheBytes: 0, prefetch: 1 }
      const plain = await openSplit(source, 'train', { cacheBytes: 0 })
      await using loader = openLoader(workers ? dataset : plain, options)
      for await (const batch of loader.steps(0, 7 * 3)) assert.equal(batch.names.length, 2)
      const file = join(root, 'images/train/3.png')
      const bytes = readFileSync(file)
      rmSync(file)
      let found = 0
      for (let step = 22; step < 25; step++) {
        if (!loader.indices(step).includes(3)) continue
        const error = await failure(loader.batch(step))
        assert.ok(error instanceof DataError && error.file === file, error.message)
        assert.match(error.message, /is named in images\/train, but does not exist/)
        found++
        writeFileSync(file, bytes)
        assert.equal((await loader.batch(step)).names.length, 2)
      }
      writeFileSync(file, bytes)
      assert.ok(found >= 1)
    }
  } finally {
    rmSync(root, { recursive: true })
  }
})

test('loader: a thread that dies is replaced, and no batch is lost or doubled', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'atrous-loader-'))
  try {
    const once = join(folder, 'once')
    writeFileSync(once, '')
    await using loader = await opened({ size: 12, deadly: 5, once, delay: 1 }, { prefetch: 3 })
    const names: string[] = []
    for await (const batch of loader.epoch(0)) names.push(...batch.names)
    assert.equal(new Set(names).size, 12)
    assert.equal(names.length, 12)
    assert.throws(() => readFileSync(once), 'it did die')
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('loader: an example that ends every thread that reads it is an error of its own, and the rest goes on', async () => {
  await using loader = await opened({ size: 6, deadly: 2 }, { count: 1 })
  let errors = 0
  for (let step = 0; step < 6; step++) {
    const [index] = loader.indices(step)
    if (index !== 2) {
      assert.deepEqual((await loader.batch(step)).names, [`${index}`])
      continue
    }
    errors++
    const error = await failure(loader.batch(step))
    assert.ok(error instanceof DataError)
    assert.match(
      error.message,
      /^example 2 of drawn: it ended the thread that read it, twice: it exited with 7/,
    )
  }
  assert.equal(errors, 1)
})

test('loader: a data set that threads cannot open says so at the first batch, in its own words', async () => {
  await using loader = await opened({ size: 6, absent: true })
  const error = await failure(loader.batch(0))
  assert.ok(error instanceof DataError && error.file === '/no/such/list.txt')
  await using missing = openLoader(await openDataset({ size: 3 }), {
    ...{ count: 1, seed: 0, workers: 1 },
    spec: { module: 'file:///no/such/module.js' },
  })
  assert.match((await failure(missing.batch(0))).message, /no\/such\/module/)
})

test('loader: closing in the middle ends it at once, and who waits is told', async () => {
  for (const workers of [0, 2]) {
    const loader = await opened({ size: 12, delay: 30_000 }, { workers })
    const waiting = failure(loader.batch(0))
    await sleep(50)
    const begun = performance.now()
    await loader.close()
    const error = await waiting
    assert.ok(error instanceof AtrousError, `${error}`)
    assert.match(error.message, /the data loader was closed/)
    assert.ok(performance.now() - begun < 5000)
    assert.match((await failure(loader.batch(0))).message, /the data loader was closed/)
    await loader.close()
  }
})

test('loader: a slow disk is waited for, while what is ahead is read, and no more than that', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'atrous-loader-'))
  try {
    const log = join(folder, 'log')
    const reads = () => readFileSync(log, 'utf8').length
    const drawn = { size: 40, delay: 100, log }
    await using loader = await opened(drawn, { count: 1, workers: 3, prefetch: 6 })
    await loader.batch(0)
    const begun = performance.now()
    while (reads() < 7 && performance.now() - begun < 60_000) await sleep(20)
    await sleep(500)
    assert.equal(reads(), 7, 'the first, and six ahead of it')
    for (let step = 1; step <= 4; step++)
      assert.deepEqual((await loader.batch(step)).names, [`${loader.indices(step)[0]}`])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('loader: never more than the bounds is ahead', async () => {
  const drawn = { size: 40, height: 16, width: 16 }
  const bytes = 3 * 16 * 16 * (12 + 1)
  for (const [prefetch, prefetchBytes, most] of [
    [8, 2.5 * bytes, 2],
    [3, 2 ** 30, 3],
    [5, 0, 1],
    [0, 2 ** 30, 0],
  ] as const)
    for (const workers of [0, 2]) {
      await using loader = await opened(drawn, { prefetch, prefetchBytes, workers })
      const isThere = () => loader.heldBytes >= most * bytes
      for (let step = 0; step < 6; step++) {
        assert.equal(batchBytes(await loader.batch(step)), bytes)
        // Threads are waited for; without any only what is asked for next is sure to be begun.
        const begun = performance.now()
        while (workers && !isThere() && performance.now() - begun < 20_000) await sleep(5)
        await sleep(20)
        assert.ok(loader.heldBytes <= most * bytes, `${loader.heldBytes / bytes} of ${most}`)
        if (workers) assert.ok(isThere(), `${loader.heldBytes / bytes} of ${most}`)
      }
    }
})

test('loader: jumping about gives what each step is, and nothing of what was begun stays', async () => {
  const drawn = { size: 30 }
  await using plain = await opened(drawn, { workers: 0, prefetch: 0 })
  await using loader = await opened(drawn, { prefetch: 4 })
  for (const step of [0, 20, 21, 3, 3, 500, 2])
    assert.deepEqual(await loader.batch(step), await plain.batch(step))
  const both = await Promise.all([loader.batch(7), loader.batch(90)])
  assert.deepEqual(both, [await plain.batch(7), await plain.batch(90)])
})

test('loader: threads keep what they have read in memory that all of them see, up to its bound', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'atrous-loader-'))
  try {
    const one = 6 * 7 * (3 + 1 + 2)
    for (const [kept, reads] of [
      [12, 12],
      [5, 12 + 2 * 7],
      [0, 36],
    ]) {
      const log = join(folder, `log-${kept}`)
      await using loader = await opened({ size: 12, log }, { cacheBytes: kept * one, prefetch: 0 })
      for await (const batch of loader.steps(0, 12)) assert.equal(batch.names.length, 3)
      assert.equal(readFileSync(log, 'utf8').length, reads)
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('loader: sizes that differ within a batch are refused by name, with threads too', async () => {
  for (const workers of [0, 2]) {
    await using loader = await opened({ size: 2, ragged: true }, { count: 2, workers })
    assert.match(
      (await failure(loader.batch(0))).message,
      /^\d: is 6×\d but \d in the same batch is/,
    )
  }
})

test('loader: a process ends though its loader was never closed', async () => {
  const child = spawn(process.execPath, [
    fileURLToPath(new URL('./loader-child.js', import.meta.url)),
  ])
  let out = ''
  child.stdout.on('data', (text) => {
    out += text
  })
  const code = await Promise.race([
    new Promise((resolve) => child.on('exit', resolve)),
    sleep(20_000, 'hangs', { ref: false }),
  ])
  child.kill()
  assert.deepEqual([code, out], [0, '2 batches\n'])
})

test('loader: options that do not fit are refused; the number of threads follows the cores', async () => {
  const dataset = await openDataset({ size: 4 })
  const options = { count: 1, seed: 0 }
  assert.throws(() => openLoader(dataset, { ...options, workers: 2 }), /not told how/)
  assert.throws(() => openLoader(dataset, { ...options, workers: -1 }), OptionError)
  assert.throws(() => new DataLoader(dataset, { ...options, prefetch: 0.5 }), OptionError)
  assert.throws(
    () => new DataLoader(dataset, { ...options, prefetchBytes: Number.NaN }),
    OptionError,
  )
  assert.deepEqual([1, 2, 4, 64].map(defaultWorkers), [0, 0, 3, 12])
})
