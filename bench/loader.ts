// How fast batches come from files: images a second and core time an image, with so many threads, and where that time goes.
//
//   node dist/bench/loader.js [--data FOLDER|none] [--size 512x1024] [--batch 3] [--workers 0,1,2] [--seconds 5] [--kept] [--scoring]
//
// Images are those of a Cityscapes folder's train split (the sample beside the repository, if it is there), again and again; without
// one, street scenes of 1024×2048 drawn into a temporary folder, as PNG and as JPEG. Nothing stays in memory between uses unless
// --kept says so. Core time is that of all threads of the process; what 16 cores would do is an estimate from it, as if nothing but
// cores were shared. With --scoring it is how long a validation waits for its images instead, while a device is at work elsewhere.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import sharp from 'sharp'
import { OptionError } from '../engine/errors.ts'
import { augment } from '../train/augment/index.ts'
import { type Dataset, firstOf } from '../train/dataset.ts'
import { isThere } from '../train/files.ts'
import { toBatch } from '../train/loader/batch.ts'
import { evalBatches } from '../train/loader/eval.ts'
import { openAhead, openLoader } from '../train/loader/open.ts'
import {
  readImage,
  readLabels,
  resizeImage,
  writeLabelsPng,
  writePng,
} from '../train/pictures/images.ts'
import { resizeLabels } from '../train/pictures/resize-labels.ts'
import type { DataSource } from '../train/recipes/recipe.ts'
import { STREET_CLASSES, streetPainter } from '../train/scenes/street.ts'
import { openSplit } from '../train/sources.ts'
import { flag, given, type Option, positive, sizes, text, whole } from './options.ts'
import { openDataset } from './repeated.ts'

const SAMPLE = '../shared/data/cityscapes-sample'

const threads: Option<readonly number[]> = {
  usual: [0, 1, 2],
  read: (text) => (/^\d+(,\d+)*$/.test(text) ? text.split(',').map(Number) : undefined),
  hint: () => 'give numbers of threads with commas between, such as 0,1,2',
}

const { values } = given({
  data: text(undefined),
  size: sizes('HxW', [512, 1024]),
  batch: whole(3),
  workers: threads,
  seconds: positive(5),
  kept: flag,
  scoring: flag,
})
const {
  batch: count,
  size: [height, width],
} = values
const temporary: string[] = []

/** FRRN's step: 30 ms for 3 images on the GPU that it is meant for. */
const STEP_MS = 30
const CORES = 16
/** What a device on its own takes for a batch, which costs this host no core. */
const ELSEWHERE_MS = 100
const SCORED = 48

const augmentation = [
  { name: 'translate', pixels: Math.round((120 / 2048) * width) },
  { name: 'gamma', range: 0.05 },
] as const

try {
  const all = await sources()
  console.log(
    `${availableParallelism()} cores, Node ${process.version}; batches of ${count} at ${height}×${width}`,
  )
  for (const source of all) {
    const sized = { ...source, height, width } as DataSource
    console.log(`\n${nameOf(source)}\n`)
    if (values.scoring) {
      await scoring(sized)
      continue
    }
    await parts(sized)
    console.log('\nthreads   images/s   core ms/image   16 cores: ms/batch')
    for (const workers of values.workers) await measure(sized, workers)
  }
} finally {
  for (const folder of temporary) rmSync(folder, { recursive: true })
}

async function measure(source: DataSource, workers: number): Promise<void> {
  const spec = { module: new URL('./repeated.js', import.meta.url).href, options: { source } }
  const dataset = await openDataset(spec.options)
  await using loader = openLoader(dataset, {
    ...{ count, seed: 1, augmentation, workers, spec, cacheBytes: values.kept ? 2 ** 30 : 0 },
  })
  let step = 0
  // Threads start, code is compiled.
  for (; step < 2 * (workers + 1); step++) await loader.batch(step)
  const [begun, used, first] = [performance.now(), process.cpuUsage(), step]
  while (performance.now() - begun < 1000 * values.seconds) await loader.batch(step++)
  const seconds = (performance.now() - begun) / 1000
  const { user, system } = process.cpuUsage(used)
  const images = count * (step - first)
  const core = (user + system) / 1000 / images
  const batch = (core * count) / CORES
  console.log(
    [
      `${workers}`.padStart(7),
      (images / seconds).toFixed(1).padStart(10),
      core.toFixed(1).padStart(15),
      `${batch.toFixed(1)} (estimate; ${batch <= STEP_MS ? 'keeps up with' : 'too slow for'} ${STEP_MS})`.padStart(
        21,
      ),
    ].join(' '),
  )
}

/** How long a pass over images in order waits for them: read when they are asked for, and read ahead. The median of three, one after
 * the other in turn. */
async function scoring(source: DataSource): Promise<void> {
  const spec = { module: new URL('./repeated.js', import.meta.url).href, options: { source } }
  const dataset = firstOf(await openDataset(spec.options), SCORED)
  const ways = new Map<string, () => Dataset & Partial<AsyncDisposable>>([
    ['as they are asked for', () => dataset],
    ...values.workers.map((workers): [string, () => Dataset & AsyncDisposable] => {
      const options = { spec, workers, cacheBytes: 0 }
      return [`read ahead, ${workers} threads`, () => openAhead(dataset, options)]
    }),
  ])
  const waits = new Map([...ways.keys()].map((name) => [name, [] as number[]]))
  for (let round = 0; round < 3; round++)
    for (const [name, open] of ways) {
      const opened = open()
      waits.get(name)!.push(await waitOf(opened))
      await opened[Symbol.asyncDispose]?.()
    }
  console.log(
    `${SCORED} images in batches of ${count}, ${ELSEWHERE_MS} ms elsewhere for each batch`,
  )
  for (const [name, [...all]] of waits) {
    const median = all.sort((a, b) => a - b)[1] / SCORED
    console.log(`${name.padEnd(32)} ${median.toFixed(1).padStart(6)} ms/image waited`)
  }
}

async function waitOf(dataset: Dataset): Promise<number> {
  let waited = 0
  let asked = performance.now()
  for await (const _ of evalBatches(dataset, count)) {
    waited += performance.now() - asked
    await sleep(ELSEWHERE_MS)
    asked = performance.now()
  }
  return waited
}

/** Core milliseconds of each part of an image's way, one after the other in this thread, the median of several. */
async function parts(source: DataSource): Promise<void> {
  const { pairs } = (await openSplit(
    { ...source, height: undefined, width: undefined } as DataSource,
    'train',
  )) as unknown as {
    readonly pairs: readonly { readonly image: string; readonly label: string }[]
  }
  const [{ image, label }] = pairs
  const picture = await readImage(image)
  const stored = await readLabels(label)
  const example = await (await openSplit(source, 'train')).get(0)
  const keys = [1, 2]
  const augmented = augment(example, augmentation, keys)
  const at = [picture.height, picture.width, height, width] as const
  const labels = Uint8Array.from(stored.values)
  for (const [name, work] of [
    [`decode the image of ${picture.height}×${picture.width}`, () => readImage(image)],
    ['Lanczos to size', () => resizeImage(picture, height, width)],
    ['decode the labels', () => readLabels(label)],
    ['labels to size', () => resizeLabels(labels, ...at)],
    ['augment', () => augment(example, augmentation, keys)],
    ['assemble', () => toBatch([augmented])],
  ] as const) {
    const times: number[] = []
    for (let i = 0; i < 9; i++) {
      const used = process.cpuUsage()
      await work()
      const { user, system } = process.cpuUsage(used)
      times.push((user + system) / 1000)
    }
    console.log(
      `${name.padEnd(32)} ${times
        .sort((a, b) => a - b)[4]
        .toFixed(1)
        .padStart(6)} core ms`,
    )
  }
}

function nameOf(source: DataSource): string {
  if (source.kind !== 'folder') return source.kind
  return source.folder.replace(/^.*-(\w+)-\w+$/, 'drawn street scenes, $1')
}

async function sources(): Promise<DataSource[]> {
  const { data: folder = SAMPLE } = values
  if (await isThere(join(folder, 'leftImg8bit'))) return [{ kind: 'cityscapes', folder }]
  if (values.data !== undefined && values.data !== 'none')
    throw new OptionError(
      `${folder} holds no leftImg8bit`,
      "name a folder of Cityscapes, or 'none' for drawn scenes",
    )
  return [await drawn('png'), await drawn('jpeg')]
}

async function drawn(kind: 'png' | 'jpeg'): Promise<DataSource> {
  const folder = mkdtempSync(join(tmpdir(), `atrous-${kind}-`))
  temporary.push(folder)
  const draw = streetPainter(1024, 2048)
  for (let i = 0; i < 4; i++) {
    const { image, labels } = draw(1, i)
    const name = join(folder, `images/train/${i}.${kind}`)
    await writePng(name.replace(/jpeg$/, 'png'), { data: image, height: 1024, width: 2048 })
    if (kind === 'jpeg') {
      const bytes = await sharp(name.replace(/jpeg$/, 'png')).jpeg({ quality: 95 }).toBuffer()
      writeFileSync(name, bytes)
      rmSync(name.replace(/jpeg$/, 'png'))
    }
    await writeLabelsPng(join(folder, `labels/train/${i}.png`), labels, 1024, 2048)
  }
  writeFileSync(join(folder, 'classes.txt'), STREET_CLASSES.map(({ name }) => name).join('\n'))
  return { kind: 'folder', folder }
}
