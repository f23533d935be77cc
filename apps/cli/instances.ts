// `instances`: the objects in pictures, each by itself, as overlays and as files that other tools read.

import { basename, extname, join } from 'node:path'
import { OptionError } from '../../engine/errors.ts'
import { makeFolder, writeAtomic } from '../../train/files.ts'
import { type FoundInstance, openFinder } from '../../train/instances/index.ts'
import { instanceLabels, instanceOverlay } from '../../train/instances/overlay.ts'
import { CocoWriter, cityscapesFiles, cityscapesIdsOf } from '../../train/instances/record.ts'
import { readPhoto, writeAnnotated, writeLabelsPng } from '../../train/pictures/images.ts'
import { comfortableScale, enlarge, type Picture } from '../../train/pictures/picture.ts'
import { isRun } from '../../train/runs/folder.ts'
import { usualTestTime } from '../../train/test-time.ts'
import { type Args, type Command, helpOption, jsonOption } from './command.ts'
import { netOptions, readNets, sayChosen } from './instance-nets.ts'
import { openSaying } from './open.ts'
import { refuseOverwriting } from './overwritten.ts'
import { listImages } from './predict.ts'
import { TerminalProgress } from './progress.ts'
import { counted } from './subject.ts'
import { testTimeOf } from './test-time.ts'
import { thresholdFile } from './threshold.ts'

/** From this confidence on instances are drawn. */
const SHOWN = 0.5
/** From this confidence on they are in files: the likeliest few classes of each pixel cast boxes, and of those that are next to
 * impossible there are dozens in a picture. */
const LEAST = 0.05

/** A picture, and the name of what is written of it: without the ending. */
interface Named {
  readonly file: string
  readonly name: string
}

async function run(args: Args): Promise<number> {
  const out = args.text('out')
  const usage =
    'usage: atrous instances IMAGE|FOLDER … --semantic RUN --localization RUN --out FOLDER'
  if (!args.positionals.length) throw new OptionError('IMAGE or FOLDER is missing', usage)
  if (out === undefined) throw new OptionError('--out is missing', usage)
  const [shown, least] = [shareOf(args, 'show') ?? SHOWN, shareOf(args, 'least') ?? LEAST]
  const files = (await listImages(args.positionals)).map(
    (file): Named => ({ file, name: basename(file, extname(file)) }),
  )
  const nets = await readNets(args)
  const json = join(out, 'instances.json')
  await checkOut(out, files, json, thresholdFile(nets.localization))
  const { semantic, classes, instances } = nets
  const ids = args.has('cityscapes') ? cityscapesIdsOf(classes) : undefined
  const full = args.has('full')
  const { resize, ...asIs } = usualTestTime(semantic.info)
  const test = await testTimeOf(args, full ? asIs : usualTestTime(semantic.info))
  const progress = new TerminalProgress()
  // All are decoded before anything is written: a damaged one must not leave half of the files.
  for (const { file } of files) await readPhoto(file)
  await makeFolder(out, 'choose another folder with --out')

  using device = await openSaying((line) => progress.say(line))
  const own = full && { resize: undefined }
  using finder = openFinder(device, nets, { instances, test, ...own })
  for (const line of sayChosen(nets)) progress.say(line)
  const coco = new CocoWriter(classes)
  let total = 0
  for (const [i, { file, name }] of files.entries()) {
    const picture = await readPhoto(file)
    const found = (await finder.find(picture)).filter(({ score }) => score >= least)
    total += found.length
    coco.add(basename(file), picture.height, picture.width, found)
    const drawn = found.filter(({ score }) => score >= shown)
    // Words need room.
    const scale = comfortableScale(picture.height)
    await writeAnnotated(
      join(out, `${name}.png`),
      enlarge(instanceOverlay(picture, drawn), scale),
      instanceLabels(picture, drawn, classes, scale),
    )
    if (ids) await writeCityscapes(join(out, 'cityscapes'), name, picture, found, ids)
    progress.passing(`${i + 1} of ${files.length}: ${file}`)
  }
  progress.clear()
  await writeAtomic(json, `${JSON.stringify(coco.file)}\n`)
  console.log(
    args.has('json')
      ? JSON.stringify({ images: files.length, instances: total, file: json }, null, 2)
      : `${counted(files.length, 'image')}, ${counted(total, 'instance')}: ${json}, and pictures of those of ${Math.round(100 * shown)} % or more in ${out}`,
  )
  return 0
}

async function writeCityscapes(
  folder: string,
  name: string,
  { height, width }: Picture,
  found: readonly FoundInstance[],
  ids: readonly (number | undefined)[],
): Promise<void> {
  const { text, masks } = cityscapesFiles(name, found, ids)
  await makeFolder(join(folder, `${name}_masks`), 'choose another folder with --out')
  for (const { file, mask } of masks) await writeLabelsPng(join(folder, file), mask, height, width)
  // The list last: what it names is there.
  await writeAtomic(join(folder, `${name}.txt`), text)
}

/** Throws OptionError where what is written would take the place of a picture, or of what a search has found. */
async function checkOut(
  out: string,
  files: readonly Named[],
  json: string,
  found: string,
): Promise<void> {
  const results = files.map(({ file, name }) => ({
    file: join(out, `${name}.png`),
    what: `the instances of ${file}`,
  }))
  await refuseOverwriting(
    [...files.map(({ file }) => file), found],
    [{ file: json, what: 'the list of all instances' }, ...results],
  )
  if (await isRun(out))
    throw new OptionError(
      `${out} is a run, where instances.json is what a search has found`,
      'choose another folder with --out',
    )
}

function shareOf(args: Args, name: string): number | undefined {
  const text = args.text(name)
  if (text === undefined) return undefined
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (value >= 0 && value <= 1) return value
  throw new OptionError(`--${name} cannot be '${text}'`, 'give a share from 0 to 1')
}

export const instancesCommand: Command = {
  name: 'instances',
  summary: 'find the objects in pictures, each by itself, from two networks',
  usage: 'IMAGE|FOLDER … --semantic RUN --localization RUN --out FOLDER [options]',
  options: {
    out: {
      value: 'FOLDER',
      help: 'where instances.json (masks as COCO has them) and NAME.png go; made if absent',
    },
    ...netOptions,
    show: { value: 'SHARE', help: 'draw instances of this confidence or more; default 0.5' },
    least: {
      value: 'SHARE',
      help: 'leave out what is less confident; default 0.05, and 0 keeps all, as scores want them',
    },
    full: { help: 'look at pictures at their own size; default that of training, if it had one' },
    cityscapes: { help: "files for Cityscapes' benchmark too, in FOLDER/cityscapes" },
    json: jsonOption,
    help: helpOption,
  },
  examples: [
    [
      'atrous instances photo.jpg --semantic runs/a --localization runs/b --out found',
      'one picture',
    ],
    [
      'atrous instances photos --semantic runs/a --localization runs/b --out found --flip',
      'a folder, the category net looking mirrored too',
    ],
  ],
  run,
}
