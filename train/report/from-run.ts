// A run folder as the data of a report (Node), at any time: also of a run that goes on, that was stopped, or of an older version.

import { readdir } from 'node:fs/promises'
import { isAbsolute } from 'node:path'
import type { ClassInfo } from '../dataset.ts'
import { dataUri, readImage } from '../pictures/images.ts'
import { cutOut, type Picture } from '../pictures/picture.ts'
import type { MetricsRecord, RunFolder } from '../runs/folder.ts'
import {
  bestValidation,
  runInfo,
  seriesOf,
  type ValidationRecord,
  validationsOf,
} from '../runs/info.ts'
import type { Classification } from '../scoring/classify.ts'
import type { Scores } from '../scoring/metrics.ts'
import type { TestTime } from '../test-time.ts'
import type { ReportData, ReportExample, ReportResult, ReportSample } from './data.ts'
import { reportHtml } from './html.ts'

/** What scores.json holds; runs of older versions have neither confusion nor examples. */
export interface ScoresFile {
  readonly split: string
  readonly images: number
  readonly step: number
  /** The test-time procedure; runs of older versions, which looked once, do not say it. */
  readonly test?: TestTime
  readonly scores: Scores
  readonly baseline: Scores
  readonly confusion?: readonly number[]
  readonly examples?: readonly ScoredExample[]
}

/** The same of a run that classifies images as a whole. */
export interface ClassifiedFile extends Pick<ScoresFile, 'split' | 'images' | 'step'> {
  readonly classification: Classification
}

/** A panel in the run folder: input, truth, prediction and errors beside each other. */
export interface ScoredExample {
  readonly file: string
  readonly name: string
  readonly kind: ReportExample['kind']
  readonly score?: number
}

export interface FromRunOptions {
  /** The run's metrics, where they are known already. */
  readonly records?: readonly MetricsRecord[]
  /** The address of a sample, by its file in the run folder; without it, the picture itself. */
  readonly address?: (file: string) => string
}

/** Writes report.html into a run's folder; resolves to its path. */
export async function writeReport(run: RunFolder): Promise<string> {
  return run.write('report.html', reportHtml(await reportData(run)))
}

/** Throws DataError where the configuration or the metrics are damaged; pictures that cannot be read are left out. */
export async function reportData(
  run: RunFolder,
  options: FromRunOptions = {},
): Promise<ReportData> {
  const info = await runInfo(run)
  const records = options.records ?? (await run.readMetrics())
  const validations = validationsOf(records)
  const scored = await scoresOf(run)
  const classes = await classesOf(run)
  const { progress, config } = info
  return {
    ...{ name: info.name, network: info.network, data: info.data },
    ...{ state: info.state, stateNote: info.note },
    ...{ step: info.step, of: info.of, seconds: info.seconds },
    eta: progress?.eta,
    parameters: progress?.parameters,
    bytes: progress?.bytes ?? progress?.activationBytes,
    loss: seriesOf(records, 'loss'),
    rate: seriesOf(records, 'lr'),
    gradientNorm: seriesOf(records, 'gradientNorm'),
    speed: seriesOf(records, 'imagesPerSecond'),
    validations,
    scoreName: validations.at(-1)?.scoreName ?? info.scoreName,
    result: scored ? resultOf(scored, classes) : validated(validations, classes),
    examples: scored && 'scores' in scored ? await examplesOf(run, scored) : [],
    ...(await samplesOf(run, options.address)),
    config: withoutPaths(config.recipe ?? config),
    device: config.device,
    code: config.code,
    command: config.command?.replace(/(^|[\s='"])\/\S*\//g, '$1…/'),
  }
}

async function classesOf(run: RunFolder): Promise<readonly ClassInfo[]> {
  const info = (await run.readJson('checkpoint.json').catch(() => undefined)) as
    | { classes?: readonly ClassInfo[] }
    | undefined
  return info?.classes ?? []
}

/** Undefined where the test split is not scored, and where what stands there are no scores. */
async function scoresOf(run: RunFolder): Promise<ScoresFile | ClassifiedFile | undefined> {
  const file = (await run.readJson('scores.json').catch(() => undefined)) as
    | Partial<ScoresFile & ClassifiedFile>
    | undefined
  const whole = file?.classification ?? (file?.baseline && file.scores?.perClass)
  return whole ? (file as ScoresFile | ClassifiedFile) : undefined
}

function resultOf(file: ScoresFile | ClassifiedFile, classes: readonly ClassInfo[]): ReportResult {
  if ('classification' in file) {
    const { classification, ...about } = file
    const { top1, top5, baseline } = classification
    const figures = [['top-1', top1] as const, ['top-5', top5] as const]
    return { ...about, figures, baseline: baseline.top1, perClass: [] }
  }
  const { split, step, images, test, scores, baseline, confusion } = file
  const colours = new Map(classes.map(({ name, colour }) => [name, colour]))
  return {
    ...{ split, step, images, test, confusion },
    figures: [
      ['mean IoU', scores.meanIoU],
      ['pixel accuracy', scores.pixelAccuracy],
      ['mean accuracy', scores.meanAccuracy],
    ],
    baseline: baseline.meanIoU,
    perClass: scores.perClass.map(({ name, iou, accuracy, pixels }) => ({
      ...{ name, iou, accuracy, colour: colours.get(name) },
      share: pixels / Math.max(1, scores.labelledPixels),
    })),
  }
}

/** Until the test split is scored, the best validation stands for it. */
function validated(
  validations: readonly ValidationRecord[],
  classes: readonly ClassInfo[],
): ReportResult | undefined {
  const best = bestValidation(validations)
  if (!best) return undefined
  const colours = new Map(classes.map(({ name, colour }) => [name, colour]))
  const perClass = Object.entries(best.ious).map(([name, iou]) => ({
    ...{ name, iou, colour: colours.get(name) },
  }))
  return { split: 'validation', step: best.step, figures: [], perClass }
}

const CAPTIONS = ['input', 'truth', 'prediction', 'errors']
/** Between the parts of a panel. */
const GAP = 2

async function examplesOf(run: RunFolder, file: ScoresFile): Promise<ReportExample[]> {
  const listed = file.examples?.length ? file.examples : await olderPanels(run)
  const shown = listed.map(async ({ file, name, kind, score }) => {
    const panel = await readImage(run.path(file)).catch(() => undefined)
    if (!panel) return []
    const srcs = await Promise.all(
      partsOf(panel).map((part, i) => dataUri(part, i === 0 ? 'photo' : 'drawing')),
    )
    return [{ name, kind, score, parts: srcs.map((src, i) => ({ caption: CAPTIONS[i], src })) }]
  })
  return (await Promise.all(shown)).flat()
}

/** Runs of older versions name no panels, and a split of one image has neither best nor worst. */
async function olderPanels(run: RunFolder): Promise<ScoredExample[]> {
  const names = await readdir(run.path('overlays')).catch(() => [])
  return names
    .filter((name) => name.endsWith('.png'))
    .sort()
    .slice(0, 6)
    .map((name) => ({ file: `overlays/${name}`, name: name.slice(0, -4), kind: 'other' }))
}

function partsOf(panel: Picture): Picture[] {
  const width = Math.floor((panel.width - GAP * (CAPTIONS.length - 1)) / CAPTIONS.length)
  return CAPTIONS.map((_, i) => cutOut(panel, 0, i * (width + GAP), panel.height, width))
}

/** More rows than these say no more. */
const SAMPLES = 8

async function samplesOf(
  run: RunFolder,
  address: FromRunOptions['address'],
): Promise<{ samples: readonly ReportSample[]; truth: string | undefined }> {
  const names: string[] = await readdir(run.path('samples')).catch(() => [])
  const all = names
    .flatMap((name) => {
      const step = /^step-(\d+)\.png$/.exec(name)?.[1]
      return step === undefined ? [] : [{ step: Number(step), file: `samples/${name}` }]
    })
    .sort((a, b) => a.step - b.step)
  const src = async (file: string) => {
    if (address) return address(file)
    const picture = await readImage(run.path(file)).catch(() => undefined)
    return picture && dataUri(picture, 'photo', 1200)
  }
  const found = evenly(all, SAMPLES).map(async ({ step, file }) => {
    const found = await src(file)
    return found === undefined ? [] : [{ step, src: found }]
  })
  return {
    samples: (await Promise.all(found)).flat(),
    truth: names.includes('truth.png') ? await src('samples/truth.png') : undefined,
  }
}

/** At most so many of them, the first and the last among them. */
function evenly<T>(all: readonly T[], most: number): readonly T[] {
  if (all.length <= most) return all
  return Array.from(
    { length: most },
    (_, i) => all[Math.round((i * (all.length - 1)) / (most - 1))],
  )
}

/** Where files lie on a machine is nobody else's business: only their names are shown. */
function withoutPaths(value: unknown): unknown {
  if (typeof value === 'string')
    return isAbsolute(value) ? `…/${value.split(/[\\/]/).filter(Boolean).pop() ?? ''}` : value
  if (Array.isArray(value)) return value.map(withoutPaths)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, withoutPaths(v)]))
}
