// What `paths` and `field` measure: a network, as it starts or as a run has trained it, and the images to measure it on.

import { dirname, extname, resolve } from 'node:path'
import type { Device } from '../../engine/device.ts'
import { OptionError } from '../../engine/errors.ts'
import { buildModel, type Network } from '../../models/index.ts'
import { type Checkpoint, checkpointModel, loadModel } from '../../train/checkpoint/checkpoint.ts'
import { readCheckpoint } from '../../train/checkpoint/files.ts'
import { formatOf } from '../../train/data/formats.ts'
import { type Example, VOID } from '../../train/dataset.ts'
import { makeFolder } from '../../train/files.ts'
import { readImage, resizeImage } from '../../train/pictures/images.ts'
import type { DataSource, Recipe } from '../../train/recipes/recipe.ts'
import { openSplits } from '../../train/sources.ts'
import { readWeights } from '../../train/weights/files.ts'
import { loadWeights } from '../../train/weights/load.ts'
import type { Args, Options } from './command.ts'
import { chosenModel, classesOption, modelOptions } from './model.ts'
import { listImages } from './predict.ts'

/** Options of what is measured; the rest are the command's. */
export const subjectOptions = {
  checkpoint: {
    value: 'RUN',
    help: 'trained weights, of a run or a checkpoint of ours; MODEL may be left out',
  },
  weights: {
    value: 'FILE',
    help: 'or of a file that MODEL can read: safetensors, PyTorch, npz, MXNet, Caffe',
  },
  ...modelOptions,
  classes: classesOption,
  images: { value: 'FOLDER', help: 'measure on these pictures: a file or a folder' },
  data: {
    value: 'FOLDER',
    help: "or on a data set's folder, or 'street' (default): drawn scenes of 8 classes",
  },
} as const satisfies Options

export interface Subject {
  readonly model: Network
  /** Its name and where its weights come from, for people. */
  readonly title: string
  /** The file of its weights; undefined where it has starting values. */
  readonly weights: string | undefined
  /** Of one size. */
  readonly examples: readonly Example[]
  /** Whether the labels of the examples are classes that the model scores. */
  readonly labelled: boolean
  /** Gives the model its weights. */
  load(device: Device): void
}

/** The network and `count` images of it. Their size is `--input`, else that which a checkpoint was trained at, else
 * `size`. Throws OptionError and DataError; needs no device. */
export async function openSubject(
  args: Args,
  count: number,
  size: readonly [height: number, width: number],
): Promise<Subject> {
  const path = args.text('checkpoint')
  if (path !== undefined && args.has('weights'))
    throw new OptionError('--checkpoint and --weights exclude each other', 'give one of them')
  const checkpoint = path === undefined ? undefined : await readCheckpoint(path, 'best')
  const chosen = checkpoint ? trained(args, checkpoint) : await untrained(args)
  const [height, width] = args.size('input') ?? checkpoint?.info.size ?? size
  const { examples, classes } = await openExamples(args, checkpoint, count, height, width)
  const { model } = chosen
  const maps = model.predicts === 'scores' && model.scoreStride > 0
  return { ...chosen, examples, labelled: maps && classes === model.classes }
}

type Chosen = Omit<Subject, 'examples' | 'labelled'>

async function untrained(args: Args): Promise<Chosen> {
  const chosen = chosenModel(args, args.expect('MODEL')[0])
  const options = Object.entries(chosen.options).map(([key, value]) => `${key} ${value}`)
  const name = options.length ? `${chosen.name} (${options.join(', ')})` : chosen.name
  const model = buildModel(chosen)
  const file = args.text('weights')
  if (file === undefined)
    return {
      model,
      title: `${name}, starting values: not trained`,
      weights: undefined,
      load: () => {},
    }
  const weights = await readWeights(file)
  const load = (device: Device) => {
    loadWeights(device, model, weights)
  }
  return { model, title: `${name}, weights of ${file}`, weights: file, load }
}

function trained(args: Args, checkpoint: Checkpoint): Chosen {
  const { file, info } = checkpoint
  const { name } = info.model
  if (args.positionals.length && args.expect('MODEL')[0] !== name)
    throw new OptionError(
      `${file} is a checkpoint of ${name}, not of ${args.positionals[0]}`,
      'leave MODEL out',
    )
  const fixed = ['classes', ...Object.keys(modelOptions)].find((option) => args.has(option))
  if (fixed !== undefined)
    throw new OptionError(`--${fixed} cannot change a trained network`, 'leave it out')
  const model = checkpointModel(checkpoint)
  return {
    model,
    title: `${name}, weights of ${file} after step ${info.progress.step}`,
    weights: file,
    load: (device) => loadModel(device, model, checkpoint),
  }
}

interface Examples {
  readonly examples: readonly Example[]
  /** How many classes their labels tell apart; 0 without labels. */
  readonly classes: number
}

async function openExamples(
  args: Args,
  checkpoint: Checkpoint | undefined,
  count: number,
  height: number,
  width: number,
): Promise<Examples> {
  const [images, data] = [args.text('images'), args.text('data')]
  if (images !== undefined && data !== undefined)
    throw new OptionError('--images and --data exclude each other', 'give one of them')
  if (images !== undefined) {
    const files = (await listImages([images])).slice(0, count)
    return {
      examples: await Promise.all(files.map((file) => openPicture(file, height, width))),
      classes: 0,
    }
  }
  const trainedOn = (checkpoint?.info.recipe as Recipe | undefined)?.data
  const source =
    data === undefined && trainedOn
      ? { ...trainedOn, height, width }
      : await sourceOf(data, height, width)
  const { val } = await openSplits(source)
  const taken = Math.min(count, val.size)
  return {
    examples: await Promise.all(Array.from({ length: taken }, (_, i) => val.get(i))),
    classes: val.classes.length,
  }
}

async function sourceOf(data = 'street', height: number, width: number): Promise<DataSource> {
  if (data === 'street') return { kind: 'street', seed: 1, height, width }
  return { kind: await formatOf(data), folder: resolve(data), height, width }
}

async function openPicture(file: string, height: number, width: number): Promise<Example> {
  const { data } = await resizeImage(await readImage(file), height, width)
  const labels = new Uint8Array(height * width).fill(VOID)
  return { name: file, image: data, labels, height, width }
}

/** The file of `--out`, whose folder is there when this resolves. Throws OptionError for another ending than these. */
export async function outFile(args: Args, endings: readonly string[]): Promise<string | undefined> {
  const file = args.text('out')
  if (file === undefined) return undefined
  if (!endings.includes(extname(file).toLowerCase()))
    throw new OptionError(
      `--out cannot be '${file}'`,
      `its name must end in ${endings.join(' or ')}`,
    )
  await makeFolder(dirname(file), 'choose another folder with --out')
  return file
}

/** `1 image`, `2 images`. */
export const counted = (n: number, thing: string): string => `${n} ${thing}${n === 1 ? '' : 's'}`
