// The Train page as a person uses it: learn the street, pause, save, lose the device, come back.

import * as assert from 'uvu/assert'
import { decodeCheckpoint } from '../../train/checkpoint/checkpoint.ts'
import { test } from '../harness.ts'
import { type App, fitsItsWidth, withApp } from './app.ts'
import { below, followTasks, least, long, press, stepsAfter, typed, until } from './train-page.ts'

test(
  'train page: the loss halves in a minute, pausing stops the steps, a lost device and a closed page cost what is since the snapshot',
  () =>
    withApp('train?debug', async (app) => {
      const { page } = app
      await page.getByRole('heading', { name: 'What there is to learn' }).waitFor({ timeout: long })
      await app.shot('train-before')
      // What was chosen is there when one comes back.
      await typed(app, 'Learning rate', '0.005')
      await page.evaluate(() => {
        location.hash = ''
      })
      const rate = page.getByRole('spinbutton', { name: /^Learning rate/ })
      await rate.waitFor({ state: 'detached', timeout: long })
      await page.evaluate(() => {
        location.hash = 'train?debug'
      })
      await rate.waitFor({ timeout: long })
      assert.is(await rate.inputValue(), '0.005')
      await least(app)
      const tasks = await followTasks(app)
      await press(app, 'Start')
      const first = await below(app, 'Loss', 99)
      await below(app, 'Loss', first / 2)
      await until(app, /network, \d/)
      await app.shot('train-learning')

      await press(app, 'Pause')
      const [paused] = await until(app, /Paused at step/)
      await page.getByLabel('Name', { exact: true }).fill('my street')
      await press(app, 'Save')
      const [kept] = await until(app, /Kept as my street, at step/)
      assert.is(kept, paused)
      assert.is((await until(app, /Paused at step/))[0], paused)
      await app.shot('train-paused')
      await press(app, 'Resume')
      await stepsAfter(app, paused)

      await press(app, /Lose the device/)
      await until(app, /Another was opened/)
      const told = (await page.getByRole('alert').textContent()) ?? ''
      assert.match(told, /^The device was lost: .*goes on from the snapshot of step \d+/)
      assert.match(told, /: (no step was lost|\d+ steps? (was|were) lost)\.$/)
      const from = Number(/of step (\d+)/.exec(told)![1])
      assert.ok(from >= paused, told)
      await stepsAfter(app, from + 10)
      await app.shot('train-lost')
      // By the processor's time: of the clock's, other work on the machine takes its part.
      const [longest] = await tasks()
      assert.ok(longest.own > 0 && longest.own < 100, `a task of ${longest.own} ms`)

      await page.reload()
      await until(app, /A run was left here/)
      await app.shot('train-left')
      const [at] = await until(app, /^Go on from step/)
      // The run before may have begun between two snapshots.
      assert.ok(at >= 10 * Math.floor((from + 10) / 10), `${at}, after ${from}`)
      await press(app, /^Go on from step/)
      await stepsAfter(app, at)
      await press(app, 'Stop')
      await until(app, /Stopped at step \d+ of 999; its snapshot is kept/)
      await page.setViewportSize({ width: 375, height: 720 })
      await page.emulateMedia({ colorScheme: 'dark' })
      await fitsItsWidth(app)
      await app.shot('train-phone-dark')
      await press(app, 'Use it on Segment')
      await page.getByRole('heading', { name: 'Segment', exact: true }).waitFor({ timeout: long })
      await page.getByText('street-1.safetensors').waitFor({ timeout: long })
    }),
  { timeout: 1200 },
)

/** All values of the snapshot that the page keeps, and its step. */
async function snapshotOf({ page }: App) {
  const bytes = await page.evaluate(async () => {
    const root = await navigator.storage.getDirectory()
    const folder = await root.getDirectoryHandle('training')
    const file = await (await folder.getFileHandle('snapshot.safetensors')).getFile()
    return [...new Uint8Array(await file.arrayBuffer())]
  })
  const { model, optimizer, info } = decodeCheckpoint(Uint8Array.from(bytes), 'snapshot')
  const values = [...model, ...optimizer].map(([name, { data }]) => [name, [...(data as never)]])
  return { step: info.progress.step, values }
}

test(
  'train page: paused, lost, and gone on with in another visit, it comes to the same bits',
  () =>
    withApp('train?debug', async (app) => {
      const { page } = app
      const few = { Steps: '96', 'Look every': '50', 'Snapshot every': '4' }
      await least(app, few)
      await press(app, 'Start')
      await until(app, /Done: 96 steps/)
      const plain = await snapshotOf(app)
      assert.is(plain.step, 96)
      await page.reload()
      await least(app, few)
      await press(app, 'Start')
      await until(app, /^Step \d+ of 96/)
      await press(app, 'Pause')
      await until(app, /Paused at step/)
      await press(app, 'Resume')
      await until(app, /^Step \d+ of 96/)
      await press(app, /Lose the device/)
      await page.getByRole('alert').waitFor({ timeout: long })
      await until(app, /^Step \d+ of 96/)
      await press(app, 'Pause')
      await until(app, /Paused at step/)
      await page.reload()
      await press(app, /^Go on from step/)
      await until(app, /Done: 96 steps/)
      assert.equal(await snapshotOf(app), plain)
    }),
  { timeout: 1200 },
)

test(
  'train page: a run is paused and stopped before its first step too, and another begins',
  () =>
    withApp('train', async (app) => {
      const { page } = app
      await least(app)
      const worker = page.workers().find((one) => one.url().includes('train-worker'))!
      // A run begins once it alone may: that is held up here, for as long as a person needs.
      await worker.evaluate(() => {
        const { request } = LockManager.prototype
        LockManager.prototype.request = async function (this: LockManager, ...args: never) {
          await new Promise<void>((go) => Object.assign(self, { go }))
          return request.apply(this, args)
        } as typeof request
      })
      const go = () =>
        worker.evaluate(async () => {
          const held = self as unknown as { go?: (() => void) | undefined }
          while (!held.go) await new Promise((resolve) => setTimeout(resolve, 10))
          held.go()
          held.go = undefined
        })
      await press(app, 'Start')
      await press(app, 'Pause')
      await go()
      await until(app, /^Paused at step 0 of 999/)
      await press(app, 'Stop')
      await until(app, /^Stopped at step 0 of 999$/)
      await press(app, 'Start')
      await press(app, 'Stop')
      await go()
      await until(app, /^Stopped at step 0 of 999$/)
      await typed(app, 'Steps', '3')
      await press(app, 'Start')
      await go()
      await until(app, /Done: 3 steps/)
      // What is kept without a name of its own takes no other's place.
      await press(app, 'Save')
      await until(app, /Kept as street-1, at step 3/)
      await typed(app, 'Steps', '4')
      await press(app, 'Start')
      await go()
      await until(app, /Done: 4 steps/)
      await press(app, 'Save')
      await until(app, /Kept as street-2, at step 4/)
    }),
  { timeout: 1200 },
)
