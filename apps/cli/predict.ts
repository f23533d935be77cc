// `predict`: class masks and overlays for pictures.

import { readdir, rm, stat, writeFile } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { DataError, OptionError } from '../../engine/errors.ts'
import { slice } from '../../engine/ops/shape.ts'
import type { Tensor } from '../../engine/tensor.ts'
import { suggest } from '../../nn/near.ts'
import { type Checkpoint, checkpointModel, loadModel } from '../../train/checkpoint/checkpoint.ts'
import { readCheckpoint } from '../../train/checkpoint/files.ts'
import type { ClassInfo } from '../../train/dataset.ts'
import { fileError, isThere, makeFolder } from '../../train/files.ts'
import { heatMap } from '../../train/pictures/heat-map.ts'
import { readPhoto, writeLabelsPng, writePng } from '../../train/pictures/images.ts'
import { overlay } from '../../train/pictures/picture.ts'
import { checkModels } from '../../train/predict/scorer.ts'
import { Predictor } from '../../train/predict.ts'
import { type TestTime, trainedOffset } from '../../train/test-time.ts'
import { type Args, type Command, helpOption, jsonOption } from './command.ts'
import { openSaying } from './open.ts'
import { refuseOverwriting } from './overwritten.ts'
import { TerminalProgress } from './progress.ts'
import { testOptions, testTimeOf } from './test-time.ts'

const EXTENSIONS = new Set(['.jpg', '.jpeg', '.png', '.webp', '.tif', '.tiff', '.gif'])

interface Job {
  readonly file: string
  readonly mask: string
  readonly overlay: string
  /** Of each class of `--scores`. */
  readonly scores: readonly string[]
}

async function run(args: Args): Promise<number> {
  const [path, ...inputs] = args.positionals
  const usage = 'usage: atrous predict RUN|CHECKPOINT IMAGE|FOLDER … --out FOLDER'
  if (path === undefined) throw new OptionError('RUN or CHECKPOINT is missing', usage)
  if (inputs.length === 0) throw new OptionError('IMAGE or FOLDER is missing', usage)
  const out = args.text('out')
  if (out === undefined) throw new OptionError('--out is missing', usage)
  const asked = args.text('size') === 'full' ? 'full' : args.size('size')
  const checkpoints = await readCheckpoints(path)
  const models = checkpoints.map(checkpointModel)
  const [{ file, info }] = checkpoints
  const testTime = await procedureOf(args, info, asked)
  checkModels(models, testTime)
  const shown = args.texts('scores').map((text) => classOf(info.classes, text))
  const names = shown.map((c) => info.classes[c].name.replace(/[^\p{L}\p{N}]+/gu, '-'))
  const jobs = plan(await listImages(inputs), out, names)
  await refuseOverwriting(
    jobs.map((job) => job.file),
    jobs.flatMap(({ file, mask, overlay, scores }) => [
      { file: mask, what: `the mask of ${file}` },
      { file: overlay, what: `the overlay of ${file}` },
      ...scores.map((map, k) => ({
        file: map,
        what: `the map of ${info.classes[shown[k]].name} of ${file}`,
      })),
    ]),
  )
  const progress = new TerminalProgress()
  // All are decoded before anything is written: a damaged one must not leave half of the masks.
  for (const [i, { file }] of jobs.entries()) {
    await readPhoto(file)
    progress.passing(`reading ${i + 1} of ${jobs.length} images`)
  }
  progress.clear()
  await mustBeWritable(out)

  using device = await openSaying((line) => progress.say(line))
  for (const [i, model] of models.entries()) loadModel(device, model, checkpoints[i])
  using predictor = new Predictor(device, models, testTime, {
    offset: checkpoints.map(({ info }) => trainedOffset(info)),
  })
  const probabilityOf = device.compile((p: Tensor, index: string) => {
    const [n, h, w] = p.shape
    return slice(p, [0, 0, 0, Number(index)], [n, h, w, Number(index) + 1])
  })
  for (const [i, job] of jobs.entries()) {
    const picture = await readPhoto(job.file)
    const { height, width } = picture
    const maps: Float32Array[] = []
    const classes = async () => {
      if (!shown.length) return predictor.example(picture)
      using refined = await predictor.refined(picture)
      for (const c of shown) {
        using map = await probabilityOf.run(refined, String(c))
        maps.push((await map.read()) as Float32Array)
      }
      return await predictor.classesOf(refined)
    }
    using found = await classes()
    const mask = (await found.read()) as Uint8Array
    await writeLabelsPng(job.mask, mask, height, width)
    await writePng(job.overlay, overlay(picture, mask, info.classes))
    for (const [k, map] of maps.entries())
      await writePng(job.scores[k], heatMap(map, height, width, 1, 1))
    progress.passing(`${i + 1} of ${jobs.length}: ${job.file}`)
  }
  progress.clear()
  const files = checkpoints.map((c) => c.file)
  const figures = {
    checkpoint: file,
    checkpoints: files,
    classes: info.classes,
    testTime,
    files: jobs,
  }
  console.log(
    args.has('json')
      ? JSON.stringify(figures, null, 2)
      : `${jobs.length} image${jobs.length === 1 ? '' : 's'}: masks (values are class numbers) and overlays in ${out}`,
  )
  return 0
}

/** One checkpoint or, of names with commas between them, several. Throws OptionError where they know different classes. */
async function readCheckpoints(text: string): Promise<Checkpoint[]> {
  const paths = (await isThere(text)) ? [text] : text.split(',')
  const all: Checkpoint[] = []
  for (const path of paths) all.push(await readCheckpoint(path, 'best'))
  const list = ({ info }: Checkpoint) => info.classes.map((c) => c.name).join(', ')
  const other = all.find((c) => list(c) !== list(all[0]))
  if (other)
    throw new OptionError(
      `${all[0].file} knows the classes ${list(all[0])}; ${other.file} knows ${list(other)}`,
      'probabilities are averaged of networks that know the same classes, in one order',
    )
  return all
}

/** How pictures are looked at: as the recipe says unless told. Where nobody says at which size, it is about the scale that the
 * network was trained at: the height of its images, and the width follows from the picture's shape. */
async function procedureOf(
  args: Args,
  { recipe, size }: Checkpoint['info'],
  asked: 'full' | readonly [height: number, width: number] | undefined,
): Promise<TestTime> {
  const usual = (recipe as { test?: TestTime } | undefined)?.test
  const { resize, ...rest } = await testTimeOf(args, usual)
  if (asked === 'full') return rest
  if (asked) return { ...rest, resize: { height: asked[0] } }
  if (resize) return { ...rest, resize }
  return args.has('test') || !size ? rest : { ...rest, resize: { height: size[0] } }
}

/** The number of a class that is named, or numbered. */
function classOf(classes: readonly ClassInfo[], text: string): number {
  const names = classes.map(({ name }) => name)
  const found = names.indexOf(text)
  if (found >= 0) return found
  if (/^\d+$/.test(text) && Number(text) < classes.length) return Number(text)
  throw new OptionError(`there is no class ${text}`, suggest(text, names))
}

/** The image files that files and folders name, in order. Throws DataError for what is not there or holds none. */
export async function listImages(inputs: readonly string[]): Promise<string[]> {
  const files: string[] = []
  for (const input of inputs) {
    const found = await stat(input).catch((error) => {
      throw fileError(input, 'cannot be opened', error, 'name an image or a folder of images')
    })
    if (!found.isDirectory()) {
      files.push(input)
      continue
    }
    const names = (await readdir(input)).filter((n) => EXTENSIONS.has(extname(n).toLowerCase()))
    if (names.length === 0)
      throw new DataError(input, 'holds no image', `images end in ${[...EXTENSIONS].join(', ')}`)
    files.push(...names.sort().map((name) => join(input, name)))
  }
  return files
}

const plan = (files: readonly string[], out: string, scores: readonly string[]): Job[] =>
  files.map((file) => {
    const name = basename(file, extname(file))
    return {
      file,
      mask: join(out, `${name}.png`),
      overlay: join(out, `${name}-overlay.png`),
      scores: scores.map((of) => join(out, `${name}-${of}.png`)),
    }
  })

async function mustBeWritable(folder: string): Promise<void> {
  const hint = 'choose another folder with --out'
  await makeFolder(folder, hint)
  const probe = join(folder, `.probe-${process.pid}`)
  try {
    await writeFile(probe, '')
    await rm(probe)
  } catch (error) {
    throw fileError(folder, 'cannot be written', error, hint)
  }
}

export const predictCommand: Command = {
  name: 'predict',
  summary: 'write class masks and overlays for pictures',
  usage: 'RUN|CHECKPOINT[,…] IMAGE|FOLDER … --out FOLDER [options]',
  options: {
    out: { value: 'FOLDER', help: 'where NAME.png and NAME-overlay.png go; made if absent' },
    size: { value: 'HxW', help: "predict at this height, or 'full'; default that of training" },
    ...testOptions,
    scores: {
      value: 'CLASS',
      many: true,
      help: 'NAME-CLASS.png too, its probability from black (0) to white (1); again for others',
    },
    json: jsonOption,
    help: helpOption,
  },
  examples: [
    ['atrous predict runs/camvid-1 photo.jpg --out masks', 'one picture'],
    ['atrous predict runs/camvid-1 photos --out masks --size full', 'a folder, at full resolution'],
    [
      'atrous predict runs/a,runs/b photos --out masks --flip --scales 0.75,1,1.25',
      'two networks, three sizes, mirrored too: the mean of 12 looks',
    ],
  ],
  run,
}
