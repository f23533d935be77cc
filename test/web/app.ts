// The pages as a person opens them: built once a process into a folder of their own, in a real browser.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { buildWeb } from '../../apps/build-web.ts'
import { type Browser, type BrowserOptions, openBrowser } from '../browser.ts'

export interface App extends Browser {
  /** Keeps a picture of what is shown, as `NAME.png` in dist/screenshots. */
  shot(name: string, whole?: boolean): Promise<void>
}

let built: Promise<string> | undefined

/** The built folder. */
export function webFolder(): Promise<string> {
  built ??= (async () => {
    const folder = mkdtempSync(join(tmpdir(), 'atrous-web-'))
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
    await buildWeb(folder)
    return folder
  })()
  return built
}

const pictures = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'screenshots')

/** Opens a page by its name, the start without one; calls `use`; and fails on anything that the page wrote to its
 * console as an error, and on any address asked for outside of the folder. */
export async function withApp(
  name: string,
  use: (app: App) => Promise<void>,
  options: BrowserOptions = {},
): Promise<void> {
  const folder = await webFolder()
  const asked: string[] = []
  const browser = await openBrowser({
    folder,
    path: `index.html${name ? `#${name}` : ''}`,
    ...options,
    onRequest: (url) => asked.push(url),
  })
  const { page, errors } = browser
  const shot = async (file: string, whole = true) => {
    mkdirSync(pictures, { recursive: true })
    // The header sticks to the top of what is seen, wherever that is in a picture of all.
    if (whole) await page.evaluate(() => scrollTo(0, 0))
    await page.screenshot({ path: join(pictures, `${file}.png`), fullPage: whole })
  }
  try {
    await use({ ...browser, shot })
    assert.equal(errors, [], 'errors on the console')
    const { origin } = new URL(page.url())
    const local = (url: string) => url.startsWith(origin) || /^(data|blob):/.test(url)
    assert.equal(
      asked.filter((url) => !local(url)),
      [],
      'requests to elsewhere',
    )
  } catch (error) {
    await shot(`failed-${name || 'start'}`).catch(() => {})
    throw error
  } finally {
    await browser.close()
  }
}

/** Fails where the page is wider than its window. */
export async function fitsItsWidth({ page }: App): Promise<void> {
  const [wide, window] = await page.evaluate(() => [
    document.documentElement.scrollWidth,
    document.documentElement.clientWidth,
  ])
  assert.ok(wide <= window, `the page is ${wide} wide in a window of ${window}`)
}
