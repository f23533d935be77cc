// `predict`: class masks and overlays for pictures.

import { readdir, rm, stat, writeFile } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { DataError, OptionError } from '../../engine/errors.ts'
import { checkpointModel, loadModel } from '../../train/checkpoint.ts'
import { readCheckpoint } from '../../train/checkpoint-files.ts'
import { fileError, makeFolder } from '../../train/files.ts'
import { readImage, resizeImage, writeLabelsPng, writePng } from '../../train/images.ts'
import { overlay, type Picture } from '../../train/picture.ts'
import { Predictor } from '../../train/predict.ts'
import { resizeLabels } from '../../train/resize-labels.ts'
import { type Args, type Command, helpOption, jsonOption } from './command.ts'
import { openSaying } from './open.ts'
import { TerminalProgress } from './progress.ts'

const EXTENSIONS = new Set(['.jpg', '.jpeg', '.png', '.webp', '.tif', '.tiff', '.gif'])

interface Job {
  readonly file: string
  readonly mask: string
  readonly overlay: string
}

async function run(args: Args): Promise<number> {
  const [path, ...inputs] = args.positionals
  const usage = 'usage: atrous predict RUN|CHECKPOINT IMAGE|FOLDER … --out FOLDER'
  if (path === undefined) throw new OptionError('RUN or CHECKPOINT is missing', usage)
  if (inputs.length === 0) throw new OptionError('IMAGE or FOLDER is missing', usage)
  const out = args.text('out')
  if (out === undefined) throw new OptionError('--out is missing', usage)
  const asked = args.text('size') === 'full' ? 'full' : args.size('size')
  const checkpoint = await readCheckpoint(path, 'best')
  const model = checkpointModel(checkpoint)
  const jobs = plan(await listImages(inputs), out)
  const progress = new TerminalProgress()
  // All are decoded before anything is written: a damaged one must not leave half of the masks.
  for (const [i, { file }] of jobs.entries()) {
    await readImage(file)
    progress.passing(`reading ${i + 1} of ${jobs.length} images`)
  }
  progress.clear()
  await mustBeWritable(out)

  using device = await openSaying((line) => progress.say(line))
  loadModel(device, model, checkpoint)
  using predictor = new Predictor(device, model)
  const size = asked === 'full' ? undefined : (asked ?? checkpoint.info.size)
  for (const [i, job] of jobs.entries()) {
    const picture = await readImage(job.file)
    const mask = await predictAt(predictor, picture, size)
    await writeLabelsPng(job.mask, mask, picture.height, picture.width)
    await writePng(job.overlay, overlay(picture, mask, checkpoint.info.classes))
    progress.passing(`${i + 1} of ${jobs.length}: ${job.file}`)
  }
  progress.clear()
  console.log(
    args.has('json')
      ? JSON.stringify(
          { checkpoint: checkpoint.file, classes: checkpoint.info.classes, files: jobs },
          null,
          2,
        )
      : `${jobs.length} image${jobs.length === 1 ? '' : 's'}: masks (values are class numbers) and overlays in ${out}`,
  )
  return 0
}

/** The mask at the picture's own size, predicted at about the scale that the network was trained at: `size` fixes the
 * height, and the width follows from the picture's shape. */
async function predictAt(
  predictor: Predictor,
  picture: Picture,
  size: readonly [height: number, width: number] | undefined,
): Promise<Uint8Array> {
  if (!size) return predictor.picture(picture)
  const height = size[0]
  const width = Math.max(1, Math.round((picture.width * height) / picture.height))
  const mask = await predictor.picture(await resizeImage(picture, height, width))
  return resizeLabels(mask, height, width, picture.height, picture.width)
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

function plan(files: readonly string[], out: string): Job[] {
  const taken = new Map<string, string>()
  return files.map((file) => {
    const name = basename(file, extname(file))
    const other = taken.get(name)
    if (other !== undefined)
      throw new OptionError(
        `${other} and ${file} would both be written as ${name}.png`,
        'predict them into two folders',
      )
    taken.set(name, file)
    return { file, mask: join(out, `${name}.png`), overlay: join(out, `${name}-overlay.png`) }
  })
}

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
  usage: 'RUN|CHECKPOINT IMAGE|FOLDER … --out FOLDER [options]',
  options: {
    out: { value: 'FOLDER', help: 'where NAME.png and NAME-overlay.png go; made if absent' },
    size: { value: 'HxW', help: "predict at this height, or 'full'; default that of training" },
    json: jsonOption,
    help: helpOption,
  },
  examples: [
    ['atrous predict runs/camvid-1 photo.jpg --out masks', 'one picture'],
    ['atrous predict runs/camvid-1 photos --out masks --size full', 'a folder, at full resolution'],
  ],
  run,
}
