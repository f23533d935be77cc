import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { test } from '../harness.ts'
import { type App, fitsItsWidth, webFolder, withApp } from './app.ts'
import { least } from './train-page.ts'

const pages = ['Segment', 'Instances', 'Train', 'Explore', 'Bench']

/** Waits until that page is shown, and not the one before. */
const shown = ({ page }: App, name: string) => {
  const main = `main[data-page=${name.toLowerCase()}]`
  return page.locator(`${main} h1, ${main} h2`).first().waitFor({ timeout: 100_000 })
}

test('web shell: the start names the adapter, and every page opens from it', () =>
  withApp('', async (app) => {
    const { page } = app
    await page.locator('.device', { hasText: 'swiftshader' }).waitFor()
    await app.shot('start')
    for (const name of pages) {
      await page.getByRole('navigation').getByRole('link', { name, exact: true }).click()
      await page.waitForFunction((title) => document.title === title, `${name} · atrous`)
      await shown(app, name)
    }
  }))

test('web shell: at phone width, in the dark, nothing is wider than the window', () =>
  withApp(
    '',
    async (app) => {
      await app.page.emulateMedia({ colorScheme: 'dark' })
      await app.page.locator('.device', { hasText: 'swiftshader' }).waitFor()
      await app.shot('start-phone-dark')
      await fitsItsWidth(app)
      for (const name of pages) {
        await app.page.goto(`${app.page.url().split('#')[0]}#${name.toLowerCase()}`)
        await shown(app, name)
        await fitsItsWidth(app)
      }
    },
    { width: 375, height: 720 },
  ))

test('web shell: the folder works from any path, its workers too', async () => {
  const root = mkdtempSync(join(tmpdir(), 'atrous-path-'))
  mkdirSync(join(root, 'some'))
  symlinkSync(await webFolder(), join(root, 'some', 'path'), 'junction')
  const use = async (app: App) => {
    const { page } = app
    await shown(app, 'Explore')
    const [worker] = await Promise.all([
      page.waitForEvent('worker'),
      page.getByRole('button', { name: 'Trace it' }).click({ timeout: 100_000 }),
    ])
    assert.match(worker.url(), /\/some\/path\/explore-worker\.js$/)
    await page.getByRole('button', { name: 'Trace it', disabled: false }).waitFor()
  }
  try {
    await withApp('explore', use, { folder: root, path: 'some/path/index.html#explore' })
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
})

/** Refuses what Chromium refuses where site data is blocked; runs in the page and in workers. */
function blockSiteData(): void {
  const denied = () => new DOMException('Access is denied for this document.', 'SecurityError')
  const blocked = () => {
    throw denied()
  }
  Object.defineProperty(globalThis, 'localStorage', { get: blocked })
  IDBFactory.prototype.open = blocked
  LockManager.prototype.request = () => Promise.reject(denied())
  StorageManager.prototype.getDirectory = () => Promise.reject(denied())
}

test('web shell: where site data is blocked all is there, and a file dropped beside its place is not opened', () =>
  withApp('', async (app) => {
    const { page } = app
    await page.addInitScript(blockSiteData)
    await page.goto(`${page.url().split('#')[0]}?blocked#explore/tour`)
    await shown(app, 'Explore')
    await page.getByRole('button', { name: /^Colours: auto/ }).click()
    await page.getByRole('button', { name: /^Colours: light/ }).waitFor()
    const opened = await page.evaluate(() =>
      ['dragover', 'drop'].filter((name) => {
        const dataTransfer = new DataTransfer()
        dataTransfer.items.add(new File([''], 'a.png'))
        const event = new DragEvent(name, { dataTransfer, bubbles: true, cancelable: true })
        return document.body.dispatchEvent(event)
      }),
    )
    assert.equal(opened, [])
    // A text that is dropped on a place for files is none.
    await page.goto(`${page.url().split('?')[0]}?text#segment`)
    await shown(app, 'Segment')
    await page
      .locator('.drop')
      .first()
      .evaluate((zone) => {
        const dataTransfer = new DataTransfer()
        dataTransfer.setData('text/plain', 'no file')
        zone.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }))
      })
    await page.getByRole('button', { name: 'Draw a street' }).click()
    await page.getByRole('button', { name: 'street-1.png' }).waitFor({ timeout: 100_000 })
    assert.is(await page.getByRole('alert').count(), 0)

    const [worker] = await Promise.all([
      page.waitForEvent('worker', (one) => one.url().includes('train-worker')),
      page.getByRole('link', { name: 'Train', exact: true }).first().click(),
    ])
    await worker.evaluate(blockSiteData)
    await least(app, { Steps: '2' })
    page.setDefaultTimeout(100_000)
    await page.getByRole('button', { name: 'Start', exact: true }).click()
    await page.getByText('Done: 2 steps').waitFor()
    await page.getByText(/^Snapshots are kept only while this page is open: /).waitFor()
    await page.getByRole('button', { name: 'Save', exact: true }).click()
    await page.getByRole('alert').getByText('the browser keeps no files for this page').waitFor()
  }))
