// The Segment page as a person uses it: a network and pictures are dropped, looked at, read and saved; what is shown and saved is
// what the library's Predictor gives on the same kind of adapter.

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { sentences } from '../../apps/web/segment/how.ts'
import type { Device } from '../../engine/index.ts'
import { openDevice } from '../../engine/node.ts'
import { buildModel, frrnA } from '../../models/index.ts'
import { encodeCheckpoint } from '../../train/checkpoint/checkpoint.ts'
import type { ClassInfo } from '../../train/dataset.ts'
import { decodeImage, encodePng } from '../../train/pictures/images.ts'
import type { Picture } from '../../train/pictures/picture.ts'
import { readPngLabels } from '../../train/pictures/png-labels.ts'
import { fittedPredictor } from '../../train/predict/fitted.ts'
import { Predictor } from '../../train/predict.ts'
import { STREET_CLASSES, streetPainter } from '../../train/scenes/street.ts'
import type { TestTime } from '../../train/test-time.ts'
import { encodeShards, exportWeights } from '../../train/weights/index.ts'
import { testDevice } from '../device.ts'
import { drawnState, place } from '../drawn.ts'
import { skip, test } from '../harness.ts'
import { type App, fitsItsWidth, webFolder, withApp } from './app.ts'

const patient = { timeout: 100_000 }
const NETWORK = 'Drop a checkpoint or a file of weights, or choose one'
const PICTURES = 'Drop pictures, choose some, or paste one'
const SIZE = [48, 64] as const

const named = (name: string, bytes: Uint8Array) => ({
  ...{ name, mimeType: '', buffer: Buffer.from(bytes) },
})

const drop = ({ page }: App, label: string, ...files: ReturnType<typeof named>[]) =>
  page.getByLabel(label).setInputFiles(files)

/** The same driver as the browser's. */
async function withSwiftshader<T>(use: (device: Device) => Promise<T>): Promise<T> {
  using device = await openDevice({ adapter: 'swiftshader' }).catch((error) =>
    skip(`no SwiftShader: ${error.message}`),
  )
  return await use(device)
}

/** A network whose weights are drawn, and its checkpoint. */
async function drawnNetwork(device: Device, classes: readonly ClassInfo[] = STREET_CLASSES) {
  const options = { base: 4, lanes: 4, classes: classes.length }
  const model = buildModel({ name: 'frrn-a', options })
  place(device, drawnState(model))
  const { bytes } = await encodeCheckpoint(device, model, undefined, {
    ...{ classes, recipe: {}, size: SIZE, progress: { step: 12, seconds: 3 } },
  })
  return { model, checkpoint: named(`street-${classes.length}.safetensors`, bytes) }
}

function scene(height: number, width: number, index = 0): Picture {
  const { image } = streetPainter(height, width)(1, index)
  return { data: image, height, width }
}

const png = async (name: string, picture: Picture) => named(name, await encodePng(picture))

/** Waits until a picture is shown. */
const shown = ({ page }: App, name: string) =>
  page.getByRole('img', { name: `${name} with` }).waitFor(patient)

/** Presses a button and reads the file that it hands over. */
async function saved({ page }: App, button: string) {
  const [file] = await Promise.all([
    page.waitForEvent('download', patient),
    page.getByRole('button', { name: button }).click(patient),
  ])
  return { name: file.suggestedFilename(), bytes: await readFile((await file.path())!) }
}

/** The mask that the page saves. */
async function mask(app: App): Promise<Uint8Array> {
  const { bytes } = await saved(app, 'Mask, class numbers')
  return readPngLabels(bytes, 'mask').values as Uint8Array
}

async function predicted(
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

const areasOf = (labels: Uint8Array): number[] =>
  STREET_CLASSES.map((_, c) => labels.reduce((n, label) => n + +(label === c), 0))

/** Pixels of each class as the table has them. */
async function areasShown({ page }: App): Promise<Map<string, number>> {
  const rows = await page.getByRole('table').getByRole('row').all()
  const cells = rows.slice(1).map(async (row): Promise<[string, number]> => {
    const name = await row.getByRole('rowheader').innerText()
    const count = await row.getByRole('cell').last().innerText()
    return [name.trim(), Number(count.replaceAll(',', ''))]
  })
  return new Map(await Promise.all(cells))
}

test(
  'web segment: a dropped network says of a dropped picture what Predictor says, shown, read, measured and saved; a larger one in windows',
  () =>
    withSwiftshader(async (device) => {
      const { model, checkpoint } = await drawnNetwork(device)
      const picture = scene(60, 80)
      const expected = await predicted(device, model, picture, { resize: { height: SIZE[0] } })
      await withApp('segment', async (app) => {
        const { page } = app
        await drop(app, NETWORK, checkpoint)
        await page.getByText('frrn-a, step 12').waitFor(patient)
        await drop(app, PICTURES, await png('scene.png', picture))
        await shown(app, 'scene.png')
        await page.getByText('Looked at in 48 × 64 pixels.').waitFor()
        assert.equal([...(await mask(app))], [...expected.classes])
        const areas = areasOf(expected.classes)
        const table = await areasShown(app)
        for (const [c, { name }] of STREET_CLASSES.entries())
          assert.is(table.get(name), areas[c], name)

        const colours = await saved(app, 'Mask, colours')
        assert.is(colours.name, 'scene-colours.png')
        const { data } = await decodeImage(colours.bytes, 'colours')
        const coloured = [...expected.classes].flatMap((c) => STREET_CLASSES[c].colour)
        assert.equal([...data], coloured)

        await page.getByRole('slider', { name: 'Blend' }).fill('0')
        assert.equal([...(await shownPixels(app)).data], [...picture.data])
        await page.getByRole('slider', { name: 'Blend' }).fill('100')
        assert.equal([...(await shownPixels(app)).data], coloured)
        await page.getByRole('slider', { name: 'Blend' }).fill('40')
        await readsPixels(app, expected.probabilities)

        await page.getByRole('combobox', { name: 'Show' }).selectOption('probability of road')
        await page.getByRole('img', { name: 'the probability of road' }).waitFor()
        await page.getByRole('slider', { name: 'Blend' }).fill('100')
        await isHeatOf(app, expected.probabilities, 1)
        await page.emulateMedia({ colorScheme: 'dark' })
        await page.evaluate('scrollTo(0, 0)')
        await app.shot('segment-scores-dark')
        await page.emulateMedia({ colorScheme: 'light' })
        await page.getByRole('button', { name: 'road' }).click()
        await page.getByRole('slider', { name: 'Blend' }).fill('50')
        await page.getByRole('checkbox', { name: 'Mirrored too' }).check()
        await page
          .getByText('Looked at in 48 × 64 pixels, mirrored too: the mean of 2 looks.')
          .waitFor(patient)
        const both = { resize: { height: SIZE[0] }, flip: true }
        const mirrored = await predicted(device, model, picture, both)
        assert.equal([...(await mask(app))], [...mirrored.classes])
        await page.getByRole('checkbox', { name: 'Mirrored too' }).uncheck()

        const large = scene(112, 160, 3)
        const window = { height: 64, width: 64 }
        const tiled = await predicted(device, model, large, { window })
        await page.getByRole('combobox', { name: 'Height' }).selectOption("the picture's own")
        await page.getByRole('combobox', { name: /^Windows/ }).selectOption('64 × 64 pixels')
        await drop(app, PICTURES, await png('large.png', large))
        await shown(app, 'large.png')
        await page.getByText('In 12 overlapping windows of 64 × 64.').waitFor()
        assert.equal([...(await mask(app))], [...tiled.classes])
        await page.evaluate('scrollTo(0, 0)')
        await app.shot('segment-windows')

        // Another network need not have the class whose probability is shown.
        const { name: last } = STREET_CLASSES.at(-1)!
        await page.getByRole('combobox', { name: 'Show' }).selectOption(`probability of ${last}`)
        await page.getByRole('img', { name: `the probability of ${last}` }).waitFor(patient)
        const fewer = await drawnNetwork(device, STREET_CLASSES.slice(0, 3))
        await page.getByText('Another network').click(patient)
        await drop(app, NETWORK, fewer.checkpoint)
        await page.getByRole('img', { name: 'large.png with its classes' }).waitFor(patient)
        assert.is((await areasShown(app)).size, 3)
      })
    }),
  { timeout: 300 },
)

test(
  'web segment: a picture that is larger than a texture may be is looked at in full; it is shown smaller, and saved as it is',
  () =>
    withSwiftshader(async (device) => {
      const { model, checkpoint } = await drawnNetwork(device)
      const side = device.caps.maxTextureSide
      const picture = scene(16, side + 40)
      const window = { height: 128, width: 128 }
      const expected = await predicted(device, model, picture, { window })
      await withApp('segment', async (app) => {
        const { page } = app
        await drop(app, NETWORK, checkpoint)
        await page.getByText('frrn-a, step 12').waitFor(patient)
        await page.getByRole('combobox', { name: 'Height' }).selectOption("the picture's own")
        await page.getByRole('combobox', { name: /^Windows/ }).selectOption('128 × 128 pixels')
        await drop(app, PICTURES, await png('wide.png', picture))
        await shown(app, 'wide.png')
        await page.getByText(`Shown smaller, in 15 × ${side} pixels`).waitFor(patient)
        assert.equal(await mask(app), expected.classes)
        const colours = await decodeImage((await saved(app, 'Mask, colours')).bytes, 'colours')
        assert.equal([colours.height, colours.width], [16, side + 40])
        const at = 16 * side
        const { colour } = STREET_CLASSES[expected.classes[at]]
        assert.equal([...colours.data.subarray(3 * at, 3 * at + 3)], [...colour])
        const what = await shownPixels(app)
        assert.equal([what.height, what.width], [15, side])
        await page.getByRole('application').focus()
        await page.keyboard.press('Shift+ArrowLeft')
        await page.getByText(`Row 8, column ${side / 2 + 10}: `).waitFor(patient)
        await app.shot('segment-wide')
      })
    }),
  { timeout: 300 },
)

async function shownPixels(app: App): Promise<Picture> {
  return decodeImage((await saved(app, 'What is shown')).bytes, 'shown')
}

/** By the arrow keys and by the pointer. */
async function readsPixels({ page }: App, probabilities: Float32Array): Promise<void> {
  const count = STREET_CLASSES.length
  const told = (y: number, x: number) => {
    const at = (y * 80 + x) * count
    const all = [...probabilities.subarray(at, at + count)].map((p, c) => [p, c])
    const [[p, c]] = all.sort((a, b) => b[0] - a[0])
    return `Row ${y}, column ${x}: ${STREET_CLASSES[c].name} ${(100 * p).toFixed(1)} %`
  }
  const stage = page.getByRole('application')
  await stage.focus()
  await page.keyboard.press('Shift+ArrowLeft')
  await page.keyboard.press('ArrowUp')
  await page.getByText(told(29, 30)).waitFor()
  const { width, height } = (await stage.boundingBox())!
  await stage.hover({ position: { x: (70.5 / 80) * width, y: (12.5 / 60) * height } })
  await page.getByText(told(12, 70)).waitFor()
}

/** Darker where less probable. */
async function isHeatOf(app: App, probabilities: Float32Array, kind: number): Promise<void> {
  const { data } = await shownPixels(app)
  const pixels = data.length / 3
  const all = Array.from({ length: pixels }, (_, i) => ({
    p: probabilities[i * STREET_CLASSES.length + kind],
    light: data[3 * i] + data[3 * i + 1] + data[3 * i + 2],
  })).sort((a, b) => a.p - b.p)
  // Along the ramp no colour but a rounding is darker than the one before.
  for (const [i, { light }] of all.entries())
    assert.ok(i === 0 || light >= all[i - 1].light - 40, `${i}`)
  assert.ok(all[pixels - 1].light > all[0].light)
}

/** In the page. */
async function keepCheckpoint(base64: string): Promise<void> {
  const root = await navigator.storage.getDirectory()
  const folder = await root.getDirectoryHandle('checkpoints', { create: true })
  const file = await folder.getFileHandle('mine.safetensors', { create: true })
  const stream = await file.createWritable()
  await stream.write(Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)))
  await stream.close()
}

test(
  'web segment: weights of others by an address, and their network named, are there again at the next visit',
  () =>
    withSwiftshader(async (device) => {
      const model = frrnA({ base: 4, lanes: 4, classes: 11 })
      place(device, drawnState(model))
      const { tensors } = await exportWeights(device, model, { keys: 'torch' })
      const [file] = [...encodeShards(tensors, { name: 'other' })]
      await writeFile(join(await webFolder(), 'other.safetensors'), file.bytes)
      const picture = scene(32, 48)
      const expected = await predicted(device, model, picture, {})
      await withApp('segment', async (app) => {
        const { page } = app
        await page.getByRole('textbox', { name: 'From an address' }).fill('nothing.safetensors')
        await page.getByRole('button', { name: 'Fetch' }).click()
        await page.getByRole('alert').getByText('404').waitFor(patient)
        await page.getByRole('textbox', { name: 'From an address' }).fill('other.safetensors')
        await page.getByRole('button', { name: 'Fetch' }).click()
        await page.getByText('does not say of which network').waitFor(patient)
        await page.getByRole('combobox', { name: 'Network' }).fill('frrn-a')
        await page.getByRole('textbox', { name: 'Its options' }).fill('base=4\nlanes=4\nclasses=12')
        await page.getByRole('combobox', { name: 'Names' }).selectOption('camvid (11)')
        await page.getByRole('button', { name: 'Load the weights' }).click()
        await page
          .getByText('camvid has 11 classes, and the network tells 12 apart')
          .waitFor(patient)
        await page.getByRole('textbox', { name: 'Its options' }).fill('base=4, lanes=4, classes=11')
        await app.shot('segment-naming')
        await page.getByRole('button', { name: 'Load the weights' }).click()
        await page.getByText('What the file gave').waitFor(patient)
        await drop(app, PICTURES, await png('a.png', picture))
        await shown(app, 'a.png')
        assert.equal([...(await mask(app))], [...expected.classes])
        await page.getByRole('rowheader', { name: 'Bicyclist' }).waitFor()
        await page.reload()
        await page.getByText('What the file gave').waitFor(patient)
        await page.getByRole('rowheader', { name: 'Bicyclist' }).waitFor()
        // As the Train page keeps them.
        const { checkpoint } = await drawnNetwork(device)
        await page.evaluate(keepCheckpoint, checkpoint.buffer.toString('base64'))
        await page.reload()
        await page.getByText('Another network').click(patient)
        const kept = page.getByRole('combobox', { name: 'Trained here' })
        await kept.selectOption('mine: frrn-a, 8 classes, step 12', patient)
        await page.getByText('frrn-a, step 12', { exact: true }).waitFor(patient)
      })
    }),
  { timeout: 300 },
)

const BUFFERS = 'atrous.device.then((device) => device.stats().buffersMade)'

/** A camera whose picture is a drawing that changes. In the page `drawn` has those who wait for its permission, each to be called,
 * the tracks that were opened, and how many frames were taken. */
function drawnCamera(): void {
  const canvas = document.createElement('canvas')
  Object.assign(canvas, { width: 64, height: 48 })
  const context = canvas.getContext('2d')!
  let hue = 0
  setInterval(() => {
    context.fillStyle = `hsl(${hue++ * 20} 80% 50%)`
    context.fillRect(0, 0, 64, 48)
  }, 50)
  const drawn = { waiting: [] as (() => void)[], tracks: [] as MediaStreamTrack[], frames: 0 }
  navigator.mediaDevices.getUserMedia = async () => {
    await new Promise<void>((resolve) => drawn.waiting.push(resolve))
    const stream = canvas.captureStream()
    drawn.tracks.push(...stream.getTracks())
    return stream
  }
  const frameOf = createImageBitmap
  const counted = (image: ImageBitmapSource) => {
    drawn.frames++
    return frameOf(image)
  }
  Object.assign(globalThis, { drawn, createImageBitmap: counted })
}

test('web segment: what was done with a picture is said, and why', async () => {
  const device = await testDevice()
  const model = frrnA({ base: 8, lanes: 4, classes: 3 })
  const picture = [128, 192] as const
  const told = (bytes: number, test: TestTime, hasScores = true) => {
    const fitted = fittedPredictor(device, model, test, picture, { bytes })
    fitted.predictor.dispose()
    const { bytes: whole } = fitted.whole
    const shown = hasScores ? picture : ([64, 96] as const)
    return { whole, said: sentences({ picture, fitted, memory: bytes, hasScores, shown }) }
  }
  const { whole, said } = told(2 ** 30, {})
  assert.equal(said, [])
  const looks = told(2 ** 30, { resize: { height: 64 }, scales: [1, 0.5], flip: true })
  assert.equal(looks.said, [
    'Looked at in 64 × 96 and 32 × 48 pixels, mirrored too: the mean of 4 looks.',
  ])
  const [windows, kept, smaller] = told(0.7 * whole, {}, false).said
  assert.match(windows, /^In \d+ overlapping windows of \d+ × \d+: at once it would take /)
  assert.match(kept, /^Its classes are kept and not its probabilities/)
  assert.match(smaller, /^Shown smaller, in 64 × 96 pixels, .* masks are saved in its own size\.$/)
})

/** Files that hold no network, and what is said of them. */
const broken: readonly (readonly [file: ReturnType<typeof named>, says: RegExp])[] = [
  [named('notes.safetensors', Buffer.from('dear diary, today')), /no weight file/],
  [named('page.pth', Buffer.from('<!doctype html><title>x')), /is a web page, not a weight file/],
  [named('empty.pt', Buffer.from('')), /is empty/],
]

test(
  'web segment: broken files, a refused camera and a lost device are told and gone on from, on a phone in the dark',
  () =>
    withApp(
      'segment',
      async (app) => {
        const { page } = app
        await page.emulateMedia({ colorScheme: 'dark' })
        await fitsItsWidth(app)
        const alert = page.getByRole('alert')
        for (const [file, says] of broken) {
          await drop(app, NETWORK, file)
          await alert.getByText(says).waitFor(patient)
          await page.getByRole('button', { name: 'Close this message' }).click()
        }
        const { checkpoint } = await drawnNetwork(await testDevice())
        await drop(app, NETWORK, named('half.safetensors', checkpoint.buffer.subarray(0, 9000)))
        await alert.getByText(/half.safetensors: /).waitFor(patient)
        await app.shot('segment-broken')
        // Weights are weights wherever they are dropped.
        await drop(app, PICTURES, checkpoint)
        await page.getByText('frrn-a, step 12').waitFor(patient)
        assert.is(await alert.count(), 0)
        await page.getByRole('button', { name: 'Draw a street' }).click()
        await shown(app, 'street-1.png')
        await fitsItsWidth(app)
        await page.evaluate('scrollTo(0, 0)')
        await app.shot('segment-phone-dark')
        const before = await areasShown(app)

        await drop(app, PICTURES, named('bad.png', Buffer.from('not a picture')))
        await alert.getByText(/bad.png: /).waitFor(patient)
        await page.getByText('bad.png was not looked at.').waitFor(patient)
        await page.getByRole('button', { name: 'Close this message' }).click()
        await page.getByRole('button', { name: 'Look again' }).click()
        await alert.getByText(/bad.png: /).waitFor(patient)

        const [worker] = page.workers()
        await worker.evaluate('atrous.device.then((device) => device.gpu.destroy())')
        await alert.getByText('The device was lost').waitFor(patient)
        await alert.getByText('It was opened again').waitFor(patient)
        await page.getByRole('button', { name: 'Draw a street' }).click()
        await shown(app, 'street-2.png')
        await page.getByRole('button', { name: 'street-1.png' }).click()
        await shown(app, 'street-1.png')
        assert.equal(await areasShown(app), before)

        await page.getByRole('button', { name: 'Camera' }).click()
        await alert.getByText(/camera/).waitFor(patient)
        await page.evaluate(drawnCamera)
        const camera = page.getByRole('button', { name: 'Camera', exact: true })
        // Impatience, while the permission is asked for, is one camera and not two.
        await camera.click()
        await camera.click()
        await page.waitForFunction('drawn.waiting.length === 2', undefined, patient)
        await page.evaluate('drawn.waiting.forEach((allow) => allow())')
        await shown(app, 'camera')
        await page.getByText(/frames a second/).waitFor(patient)
        const made: number[] = []
        for (let round = 0; round < 4; round++) {
          const taken = await page.evaluate<number>('drawn.frames')
          // When the second is taken the first has been looked at.
          await page.waitForFunction(`drawn.frames >= ${taken + 2}`, undefined, patient)
          made.push(await worker.evaluate<number>(BUFFERS))
        }
        assert.is(made[3], made[1], `buffers made after each frame: ${made}`)
        await page.getByRole('button', { name: 'Stop the camera' }).click()
        await camera.waitFor(patient)
        const isOff = (count: number) =>
          page.waitForFunction(
            `drawn.tracks.length === ${count} && drawn.tracks.every((t) => t.readyState === 'ended')`,
            ...([undefined, patient] as const),
          )
        await isOff(2)
        // A permission that is given when the page has been left opens nothing.
        await camera.click()
        await page.waitForFunction('drawn.waiting.length === 3', undefined, patient)
        await page.getByRole('link', { name: 'atrous, start' }).click()
        await camera.waitFor({ state: 'detached', ...patient })
        await page.evaluate('drawn.waiting.forEach((allow) => allow())')
        await isOff(3)
      },
      { width: 375, height: 800 },
    ),
  { timeout: 300 },
)
