import { test } from '../harness.ts'
import { fitsItsWidth, withApp } from './app.ts'

const pages = ['Segment', 'Instances', 'Train', 'Explore', 'Bench']

test('web shell: the start names the adapter, and every page opens from it', () =>
  withApp('', async (app) => {
    const { page } = app
    await page.locator('.device', { hasText: 'swiftshader' }).waitFor()
    await app.shot('start')
    for (const name of pages) {
      await page.getByRole('navigation').getByRole('link', { name, exact: true }).click()
      await page.waitForFunction((title) => document.title === title, `${name} · atrous`)
      await page.getByRole('heading').first().waitFor()
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
        await app.page.getByRole('heading').first().waitFor()
        await fitsItsWidth(app)
      }
    },
    { width: 375, height: 720 },
  ))
