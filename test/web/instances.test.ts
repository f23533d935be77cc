// The Instances page as a person uses it, with two networks whose answer is known: what it finds and saves is what Node finds.

import { readFile } from 'node:fs/promises'
import type { Locator, Worker } from 'playwright-core'
import * as assert from 'uvu/assert'
import { decodeCheckpoint } from '../../train/checkpoint/checkpoint.ts'
import {
  type CocoFile,
  CocoWriter,
  type InstanceOptions,
  instanceNets,
  instanceSettings,
  openFinder,
} from '../../train/instances/index.ts'
import { decodeImage, encodePng } from '../../train/pictures/images.ts'
import type { Picture } from '../../train/pictures/picture.ts'
import { CROWD_CLASSES, crowdScenes } from '../../train/scenes/crowd.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'
import { type App, fitsItsWidth, withApp } from './app.ts'
import { boxesNet, categoryNet, SCENE } from './two-nets.ts'

const patience = 100_000
const patient = { timeout: patience }

const named = (name: string, buffer: Buffer) => ({ name, mimeType: '', buffer })
const NETS = 'Drop both checkpoints, or choose them'
const PICTURES = 'Drop pictures, or choose them'

const drop = ({ page }: App, label: string, ...files: ReturnType<typeof named>[]) =>
  page.getByLabel(label).setInputFiles(files)

const drawScene = ({ page }: App) =>
  page.getByRole('button', { name: 'Draw a crowded scene' }).click()

const slider = ({ page }: App) => page.getByRole('slider', { name: 'Least confidence' })

/** Presses a button and reads the file that it hands over. */
async function saved({ page }: App, button: string | RegExp) {
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: button }).click(),
  ])
  return { name: file.suggestedFilename(), bytes: await readFile((await file.path())!) }
}

/** What Node finds with the same networks. */
async function inNode(
  nets: readonly Buffer[],
  pictures: readonly (Picture & { name: string })[],
  instances: InstanceOptions = {},
) {
  const [semantic, localization] = nets.map((bytes) => decodeCheckpoint(bytes, 'net'))
  using finder = openFinder(await testDevice(), instanceNets(semantic, localization), { instances })
  const coco = new CocoWriter(CROWD_CLASSES)
  for (const picture of pictures) {
    const found = await finder.find(picture)
    coco.add(picture.name, picture.height, picture.width, found)
  }
  return coco.file
}

/** Scores agree to what exponentials of two adapters do; all else is equal. */
function agree(mine: CocoFile, its: CocoFile): void {
  const plain = ({ annotations, ...rest }: CocoFile) => ({
    ...rest,
    annotations: annotations.map((one) => ({ ...one, score: Math.round(one.score * 1e4) })),
  })
  assert.equal(plain(mine), plain(its))
}

test('web instances: the overlap that a search found is what the networks begin with', () =>
  withApp('instances', async (app) => {
    const { page } = app
    page.setDefaultTimeout(patience)
    const alert = page.getByRole('alert')
    await drop(app, NETS, named('instances.json', Buffer.from('{"images":[]}')))
    await alert.getByText('instances.json: is damaged, or no record of a search').waitFor(patient)
    const record = (step: number, threshold: number) =>
      named(
        'instances.json',
        Buffer.from(JSON.stringify({ threshold, split: 'val', localization: { step } })),
      )
    await drop(
      app,
      NETS,
      record(7, 0.2),
      named('a.safetensors', await categoryNet()),
      named('b.safetensors', await boxesNet()),
    )
    await page.getByText('Overlap of boxes 0.2, as a search on the val split found.').waitFor()
    assert.is(await alert.count(), 0)
    await page.getByText('How boxes become objects').click()
    const overlap = page.getByRole('slider', { name: 'Overlap of boxes' })
    assert.is(await overlap.inputValue(), '0.2')
    await drawScene(app)
    await page.getByRole('img', { name: /^crowd-1.png, \d+ objects/ }).waitFor(patient)
    const [height, width] = SCENE
    const { image } = await crowdScenes({ split: 'test', height, width }).get(0)
    const scene = { name: 'crowd-1.png', data: image, height, width }
    const nets = [await categoryNet(), await boxesNet()]
    await slider(app).fill('0')
    const json = await saved(app, 'Save as COCO JSON')
    agree(JSON.parse(`${json.bytes}`), await inNode(nets, [scene], { threshold: 0.2 }))

    await overlap.fill('0.6')
    await page.getByRole('button', { name: 'As it was' }).click()
    assert.is(await overlap.inputValue(), '0.2')
    // It is for the net that came with it, not for another of as many steps; one that comes alone is for its step.
    await drop(app, NETS, named('c.safetensors', await boxesNet()))
    await page.getByText('is for the localization net that it was dropped with').waitFor()
    await drop(app, NETS, record(7, 0.3))
    await page.getByText('Overlap of boxes 0.3, as a search on the val split found.').waitFor()
    await drop(app, NETS, record(8, 0.9))
    await page.getByText('is for the localization net of step 8').waitFor()
    const now = await overlap.elementHandle()
    await page.waitForFunction(([input, value]) => (input as HTMLInputElement).value === value, [
      now,
      `${instanceSettings().threshold}`,
    ] as const)
  }))

const isMarked = (row: Locator) => row.evaluate((r) => r.classList.contains('marked'))

test('web instances: two dropped networks find in a drawn scene and in a photo what Node finds, listed, shown and saved', () =>
  withApp('instances', async (app) => {
    const { page } = app
    page.setDefaultTimeout(patience)
    await page.getByText('atrous train localization-small').waitFor()
    await app.shot('instances-start')
    const [category, boxes] = [await categoryNet(), await boxesNet()]
    // In either order.
    await drop(app, NETS, named('b.safetensors', boxes), named('a.safetensors', category))
    await drawScene(app)
    const picture = page.getByRole('img', { name: /^crowd-1.png, \d+ objects: \d+ pebble$/ })
    await picture.waitFor(patient)

    const [height, width] = SCENE
    const { image } = await crowdScenes({ split: 'test', height, width }).get(0)
    const scene = { name: 'crowd-1.png', data: image, height, width }
    const expected = await inNode([category, boxes], [scene])
    const pebbles = expected.annotations.filter(({ category_id: k }) => k === 1)
    const bricks = expected.annotations.length - pebbles.length
    assert.ok(pebbles.length > 2 && bricks > 2, `${pebbles.length} and ${bricks}`)
    const rows = page.getByRole('table').getByRole('row')
    assert.is(await rows.count(), 1 + pebbles.length)

    // The list points into the picture, and the picture into the list.
    await rows.nth(2).getByRole('button').focus()
    assert.ok(await isMarked(rows.nth(2)))
    await page.keyboard.press('Tab')
    assert.ok(!(await isMarked(rows.nth(2))) && (await isMarked(rows.nth(3))))
    const [first] = pebbles
    const [x, y, w] = first.bbox
    const { width: wide = 0 } = (await picture.boundingBox()) ?? {}
    const scale = wide / width
    await picture.hover({ position: { x: (x + w / 2) * scale, y: (y + 1) * scale } })
    await page.locator('tr.marked').waitFor()

    // Another least confidence is another list at once: nothing is computed.
    await slider(app).fill('0.05')
    await page.getByRole('img', { name: new RegExp(`${bricks} brick`) }).waitFor()
    assert.is(await rows.count(), 1 + expected.annotations.length)
    await slider(app).fill('0.9')
    await page.getByText(/^Nothing of 90 % or more: the surest of \d+ is pebble, of 70 %/).waitFor()
    await slider(app).fill('0')
    const json = await saved(app, 'Save as COCO JSON')
    assert.is(json.name, 'instances.json')
    agree(JSON.parse(`${json.bytes}`), expected)

    // A photo of one's own, beside the scene.
    const data = Uint8Array.from({ length: 3 * 33 * 50 }, (_, i) => (i * 37) % 251)
    const photo = { name: 'photo.png', data, height: 33, width: 50 }
    await drop(app, PICTURES, named('photo.png', Buffer.from(await encodePng(photo))))
    await page.getByRole('img', { name: /^photo.png, \d+ objects/ }).waitFor(patient)
    agree(
      JSON.parse(`${(await saved(app, 'Save all as COCO JSON')).bytes}`),
      await inNode([category, boxes], [scene, photo]),
    )
    await page.getByRole('button', { name: 'crowd-1.png' }).click()
    await slider(app).fill('0.5')
    const png = await saved(app, 'Save picture')
    assert.is(png.name, 'crowd-1-instances.png')
    const seen = await decodeImage(png.bytes, png.name)
    assert.is(seen.width / seen.height, width / height)
    assert.ok(seen.height >= 400)

    // Another number of the pipeline: the networks need not look again.
    await page.getByText('How boxes become objects').click()
    await page.getByRole('slider', { name: 'Overlap of boxes' }).fill('0.2')
    await page.getByText('looked before').waitFor(patient)
    const other = await inNode([category, boxes], [scene], { threshold: 0.2 })
    const sure = other.annotations.filter(({ score }) => score >= 0.5)
    assert.ok(sure.length && sure.length !== pebbles.length)
    assert.is(await rows.count(), 1 + sure.length)
    await page.evaluate('scrollTo(0, 0)')
    await app.shot('instances')
  }))

/** The page's worker, which keeps the device that it opens in a variable, so that it can be taken away from it. */
async function rememberDevice({ page }: App): Promise<Worker> {
  await page.getByRole('heading', { name: 'Two networks' }).waitFor()
  const worker = page.workers()[0] ?? (await page.waitForEvent('worker'))
  await worker.evaluate(`{
    const request = GPUAdapter.prototype.requestDevice
    GPUAdapter.prototype.requestDevice = async function (...args) {
      return (globalThis.openedDevice = await request.apply(this, args))
    }
  }`)
  return worker
}

test('web instances: what is broken, or does not belong together, is told; a lost device is opened again', () =>
  withApp('instances', async (app) => {
    const { page } = app
    page.setDefaultTimeout(patience)
    const worker = await rememberDevice(app)
    const [category, boxes] = [await categoryNet(), await boxesNet()]
    const told = async (what: RegExp) => {
      await page.getByRole('alert').getByText(what).waitFor()
      return page.getByRole('alert')
    }
    await drop(app, NETS, named('notes.safetensors', Buffer.from('not a network at all')))
    await told(/^notes.safetensors: announces a header of/)
    await page.getByRole('button', { name: 'Close this message' }).click()
    await drop(app, PICTURES, named('torn.png', Buffer.from('no picture')))
    await told(/^torn.png: is no image that this browser can decode/)
    await page.getByRole('button', { name: 'Close this message' }).click()

    // Whole at its head, and cut off behind it.
    await drop(app, NETS, named('cut.safetensors', category.subarray(0, -100)), named('b', boxes))
    await told(/^cut.safetensors: is truncated/)
    await page.getByRole('button', { name: 'Close this message' }).click()
    const others = [CROWD_CLASSES[0], CROWD_CLASSES[2], CROWD_CLASSES[1]]
    const ordered = await categoryNet([0.2, 0.7, 0.1], others)
    await drop(app, NETS, named('others.safetensors', ordered), named('b', boxes))
    await told(/knows the classes ground, brick, pebble; .* has boxes of ground, pebble, brick/)
    await page.evaluate('scrollTo(0, 0)')
    await app.shot('instances-other-classes')

    // All of it is ground, as far as one can say.
    await drop(app, NETS, named('ground.safetensors', await categoryNet([0.98, 0.015, 0.005])))
    await drawScene(app)
    await page.getByText(/^Nothing of 50 % or more: the surest of \d+ is pebble, of 2 %/).waitFor()

    await drop(app, NETS, named('a.safetensors', category))
    await page.getByRole('heading', { name: 'Objects' }).waitFor()
    const rows = page.getByRole('row')
    const before = await rows.count()
    await worker.evaluate('openedDevice.destroy()')
    await told(/^The device was lost/)
    await told(/^What you chose is still here: open it again/)
    // What was found is still there to be saved.
    const { annotations } = JSON.parse(`${(await saved(app, 'Save as COCO JSON')).bytes}`)
    assert.is(annotations.length, before - 1)
    await rows.nth(1).getByRole('button', { name: 'pebble' }).waitFor()
    await page.evaluate('scrollTo(0, 0)')
    await app.shot('instances-lost')
    await page.getByRole('button', { name: 'Open it again' }).click()
    await page.getByRole('alert').waitFor({ state: 'detached' })
    await page.getByText(/swiftshader/i).waitFor()
    await page.getByRole('heading', { name: 'Objects' }).waitFor()
    assert.is(await rows.count(), before)

    // A picture that fails says so itself, and those after it are looked at.
    await worker.evaluate(`{
      const { stringify } = JSON
      JSON.stringify = (value, ...more) => {
        if (!value || !Object.hasOwn(value, 'leastCells')) return stringify(value, ...more)
        JSON.stringify = stringify
        throw new Error('this one is broken')
      }
    }`)
    await drawScene(app)
    await told(/^This one is broken/)
    await drawScene(app)
    await page.getByRole('img', { name: /^crowd-3.png, \d+ objects/ }).waitFor()
    await page.getByRole('button', { name: 'crowd-2.png (failed)' }).waitFor()
    assert.is(await page.getByRole('alert').count(), 0)
  }))

test('web instances: at phone width, in the dark, networks that the page keeps', () =>
  withApp(
    'instances',
    async (app) => {
      const { page } = app
      page.setDefaultTimeout(patience)
      await page.emulateMedia({ colorScheme: 'dark' })
      const nets = { 'street category': await categoryNet(), 'street boxes': await boxesNet() }
      for (const [name, bytes] of Object.entries(nets))
        await page.evaluate(keep, [`${name}.safetensors`, bytes.toString('base64')] as const)
      await page.evaluate(keep, ['damaged.safetensors', btoa('what is left of one')] as const)
      await page.reload()
      const choice = (name: string) => page.getByRole('combobox', { name })
      await choice('Category net').selectOption({ label: 'street category (fcrn-18)' })
      // Damaged ones are not offered, and each place has its own.
      assert.is(await choice('Category net').getByRole('option').count(), 2)
      await choice('Localization net').selectOption({ label: 'street boxes (localization-18)' })
      await drawScene(app)
      await page.getByRole('heading', { name: 'Objects' }).waitFor()
      await fitsItsWidth(app)
      await page.evaluate('scrollTo(0, 0)')
      await app.shot('instances-phone-dark')
      await page.getByRole('button', { name: 'Remove it' }).click()
      await page.getByText('Drop a picture, or have a scene drawn').waitFor()
      // While it is looked at, too.
      await drawScene(app)
      await page.getByRole('button', { name: 'Remove it' }).click()
      await page.getByText(/^Looking at/).waitFor({ state: 'detached' })
    },
    { width: 375, height: 720 },
  ))

/** Writes a file into the folder of checkpoints, as the Train page does; runs in the page. */
async function keep([name, base64]: readonly [string, string]): Promise<void> {
  const root = await navigator.storage.getDirectory()
  const folder = await root.getDirectoryHandle('checkpoints', { create: true })
  const file = await folder.getFileHandle(name, { create: true })
  const stream = await file.createWritable()
  await stream.write(Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)))
  await stream.close()
}
