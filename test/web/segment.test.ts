import * as assert from 'uvu/assert'
import { sentences } from '../../apps/web/segment/how.ts'
import { frrnA } from '../../models/index.ts'
import { decodeImage } from '../../train/pictures/images.ts'
import type { Picture } from '../../train/pictures/picture.ts'
import { fittedPredictor } from '../../train/predict/fitted.ts'
import { STREET_CLASSES } from '../../train/scenes/street.ts'
import type { TestTime } from '../../train/test-time.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'
import { type App, withApp } from './app.ts'
import {
  areasOf,
  areasShown,
  drawnNetwork,
  drop,
  mask,
  NETWORK,
  PICTURES,
  patient,
  png,
  predicted,
  SIZE,
  saved,
  scene,
  shown,
  withSwiftshader,
} from './segment-app.ts'

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
