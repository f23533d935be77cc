// What the tests of the Segment page share: networks and pictures to drop, what is expected, and what a person sees and saves.

import { readFile } from 'node:fs/promises'
import type { Device } from '../../engine/index.ts'
import { openDevice } from '../../engine/node.ts'
import { buildModel } from '../../models/index.ts'
import { encodeCheckpoint } from '../../train/checkpoint/checkpoint.ts'
import type { ClassInfo } from '../../train/dataset.ts'
import { encodePng } from '../../train/pictures/images.ts'
import type { Picture } from '../../train/pictures/picture.ts'
import { readPngLabels } from '../../train/pictures/png-labels.ts'
import { Predictor } from '../../train/predict.ts'
import { STREET_CLASSES, streetPainter } from '../../train/scenes/street.ts'
import type { TestTime } from '../../train/test-time.ts'
import { skip } from '../harness.ts'
import { drawnState, place } from '../models/drawn.ts'
import type { App } from './app.ts'

export const patient = { timeout: 100_000 }
export const NETWORK = 'Drop a checkpoint or a file of weights, or choose one'
export const PICTURES = 'Drop pictures, choose some, or paste one'
export const SIZE = [48, 64] as const

export const named = (name: string, bytes: Uint8Array) => ({
  ...{ name, mimeType: '', buffer: Buffer.from(bytes) },
})

export const drop = ({ page }: App, label: string, ...files: ReturnType<typeof named>[]) =>
  page.getByLabel(label).setInputFiles(files)

/** The same driver as the browser's. */
export async function withSwiftshader<T>(use: (device: Device) => Promise<T>): Promise<T> {
  using device = await openDevice({ adapter: 'swiftshader' }).catch((error) =>
    skip(`no SwiftShader: ${error.message}`),
  )
  return await use(device)
}

/** A network whose weights are drawn, and its checkpoint. */
export async function drawnNetwork(device: Device, classes: readonly ClassInfo[] = STREET_CLASSES) {
  const options = { base: 4, lanes: 4, classes: classes.length }
  const model = buildModel({ name: 'frrn-a', options })
  place(device, drawnState(model))
  const { bytes } = await encodeCheckpoint(device, model, undefined, {
    ...{ classes, recipe: {}, size: SIZE, progress: { step: 12, seconds: 3 } },
  })
  return { model, checkpoint: named(`street-${classes.length}.safetensors`, bytes) }
}

export function scene(height: number, width: number, index = 0): Picture {
  const { image } = streetPainter(height, width)(1, index)
  return { data: image, height, width }
}

export const png = async (name: string, picture: Picture) => named(name, await encodePng(picture))

/** Waits until a picture is shown. */
export const shown = ({ page }: App, name: string) =>
  page.getByRole('img', { name: `${name} with` }).waitFor(patient)

/** Presses a button and reads the file that it hands over. */
export async function saved({ page }: App, button: string) {
  const [file] = await Promise.all([
    page.waitForEvent('download', patient),
    page.getByRole('button', { name: button }).click(patient),
  ])
  return { name: file.suggestedFilename(), bytes: await readFile((await file.path())!) }
}

/** The mask that the page saves. */
export async function mask(app: App): Promise<Uint8Array> {
  const { bytes } = await saved(app, 'Mask, class numbers')
  return readPngLabels(bytes, 'mask').values as Uint8Array
}

export async function predicted(
  device: Device,
  model: ReturnType<typeof buildModel>,
  picture: Picture,
  how: TestTime,
) {
  using predictor = new Predictor(device, model, how)
  using probabilities = await predictor.refined(picture)
  using classes = await predictor.classesOf(probabilities)
  return {
    classes: (await classes.read()) as Uint8Array,
    probabilities: (await probabilities.read()) as Float32Array,
  }
}

export const areasOf = (labels: Uint8Array): number[] =>
  STREET_CLASSES.map((_, c) => labels.reduce((n, label) => n + +(label === c), 0))

/** Pixels of each class as the table has them. */
export async function areasShown({ page }: App): Promise<Map<string, number>> {
  const rows = await page.getByRole('table').getByRole('row').all()
  const cells = rows.slice(1).map(async (row): Promise<[string, number]> => {
    const name = await row.getByRole('rowheader').innerText()
    const count = await row.getByRole('cell').last().innerText()
    return [name.trim(), Number(count.replaceAll(',', ''))]
  })
  return new Map(await Promise.all(cells))
}
