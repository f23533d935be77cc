// Segment over time: weights that are there at the next visit, broken files, a camera, and a device that goes away.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { frrnA } from '../../models/index.ts'
import { encodeShards, exportWeights } from '../../train/weights/index.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'
import { drawnState, place } from '../models/drawn.ts'
import { fitsItsWidth, webFolder, withApp } from './app.ts'
import {
  areasShown,
  drawnNetwork,
  drop,
  mask,
  NETWORK,
  named,
  PICTURES,
  patient,
  png,
  predicted,
  scene,
  shown,
  withSwiftshader,
} from './segment-app.ts'

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
