// `field`: which pixels a score really depends on, beside those that it could.

import { OptionError } from '../../engine/errors.ts'
import { type Measurement, measure } from '../../models/measure.ts'
import {
  type FieldOptions,
  type ValidField,
  validReceptiveField,
} from '../../train/analysis/receptive-field.ts'
import { toBatch } from '../../train/loader/batch.ts'
import { framed, heatMap } from '../../train/pictures/heat-map.ts'
import { writePng } from '../../train/pictures/images.ts'
import { comfortableScale, enlarge, type Picture } from '../../train/pictures/picture.ts'
import { type Args, aligned, type Command, helpOption, jsonOption } from './command.ts'
import { modelUsage } from './model.ts'
import { openSaying } from './open.ts'
import { TerminalProgress } from './progress.ts'
import { counted, openSubject, outFile, subjectOptions } from './subject.ts'

async function run(args: Args): Promise<number> {
  const at = placeOf(args)
  const channel = channelOf(args)
  const out = await outFile(args, ['.png'])
  const subject = await openSubject(args, args.whole('count') ?? 8, [256, 256])
  const { model, examples } = subject
  // One by one: the memory of a single image will do.
  const layout = { multiple: model.sizeMultiple, padding: model.padding }
  const batches = examples.map((example) => toBatch([example], layout))
  const { height, width } = batches[0]
  const theory = theoryOf(measure(model, [1, height, width]))

  const progress = new TerminalProgress()
  using device = await openSaying((line) => progress.say(line))
  subject.load(device)
  const onProgress = (done: number, of: number) => progress.passing(`image ${done} of ${of}`)
  const found = await validReceptiveField(device, model, batches, { at, channel, onProgress })
  progress.clear()
  const { field: _, ...numbers } = found
  console.log(
    args.has('json')
      ? JSON.stringify(
          { model: model.config, weights: subject.weights ?? null, channel, ...numbers, theory },
          null,
          2,
        )
      : [subject.title, ...asText(found, theory, channel)].join('\n'),
  )
  if (out) await writePng(out, pictureOf(found, theory))
  return 0
}

/** What a score could depend on, in pixels: the side of what a dilated classifier spans, and height and width of all that
 * has a way to the score; null where there is none or it is not known. */
interface Theory {
  readonly fieldOfView: number | null
  readonly receptiveField: readonly [h: number, w: number] | null
}

const theoryOf = ({ fieldOfView, receptiveField }: Measurement): Theory => ({
  fieldOfView: fieldOfView?.pixels ?? null,
  receptiveField: receptiveField ?? null,
})

function asText(
  { pixel, images, height, width, support, shares }: ValidField,
  { fieldOfView, receptiveField }: Theory,
  channel: FieldOptions['channel'],
): string[] {
  const what = typeof channel === 'number' ? `score of class ${channel}` : scoreNames[channel!]
  const row = (name: string, of: (share: ValidField['shares'][number]) => number | string) => [
    name,
    shares.map((share) => `${of(share)}`.padStart(7)).join(''),
  ]
  return [
    `field of the ${what} at pixel ${pixel.join(', ')}, mean of ${counted(images, 'image')} of ${height}x${width}`,
    ...aligned([
      row('share of it', ({ share }) => `${+(100 * share).toFixed(1)} %`),
      row('side of the square around the pixel', ({ side }) => side),
      row('pixels, the strongest first', ({ area }) => area),
    ]),
    `pixels with any gradient lie in ${support.join(' x ')}`,
    ...(receptiveField ? [`theoretical receptive field ${receptiveField.join(' x ')}`] : []),
    ...(fieldOfView ? [`field of view of the classifier ${fieldOfView} x ${fieldOfView}`] : []),
  ]
}

const scoreNames = { likeliest: 'largest score', sum: 'sum of all scores' }

/** The field by the square root of its strength, with a frame around the field of view, or else the receptive field. */
function pictureOf(
  { field, height, width, pixel }: ValidField,
  { fieldOfView, receptiveField }: Theory,
): Picture {
  const map = heatMap(field, height, width)
  const box = fieldOfView ? [fieldOfView, fieldOfView] : receptiveField
  const scale = comfortableScale(height)
  if (!box) return enlarge(map, scale)
  const first = [0, 1].map((i) => pixel[i] - ((box[i] - 1) >> 1))
  const last = [0, 1].map((i) => first[i] + box[i] - 1)
  return enlarge(framed(map, [first[0], first[1]], [last[0], last[1]]), scale)
}

function placeOf(args: Args): NonNullable<FieldOptions['at']> {
  const text = args.text('at') ?? 'centre'
  if (text === 'centre') return text
  const match = /^(\d+),(\d+)$/.exec(text)
  if (match) return [Number(match[1]), Number(match[2])]
  throw new OptionError(
    `--at cannot be '${text}'`,
    "give a row and a column, such as 3,5, or 'centre'",
  )
}

function channelOf(args: Args): NonNullable<FieldOptions['channel']> {
  const text = args.text('channel') ?? 'likeliest'
  if (text === 'likeliest' || text === 'sum') return text
  if (/^\d+$/.test(text)) return Number(text)
  throw new OptionError(
    `--channel cannot be '${text}'`,
    "give the number of a class, 'likeliest' or 'sum'",
  )
}

export const fieldCommand: Command = {
  name: 'field',
  summary: 'measure and draw which pixels a score depends on: its valid receptive field',
  usage: modelUsage,
  options: {
    ...subjectOptions,
    count: { value: 'N', help: 'images to average over; default 8' },
    input: { value: 'HxW', help: 'their size; default that of training, else 256x256' },
    at: { value: 'ROW,COLUMN', help: "of the score in the network's grid; default centre" },
    channel: { value: 'CLASS', help: "a class number, 'likeliest' (default) or the 'sum' of all" },
    out: {
      value: 'FILE.png',
      help: 'the picture, framed by the field in theory where that is known',
    },
    json: jsonOption,
    help: helpOption,
  },
  examples: [
    ['atrous field fcrn-50 --width 8 --out field.png', 'a narrow network as it starts'],
    ['atrous field --checkpoint runs/street-1 --at 12,20', 'a trained one, off the middle'],
  ],
  run,
}
