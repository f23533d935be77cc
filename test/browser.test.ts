import * as assert from 'uvu/assert'
import { type Browser, callInPage, openBrowser } from './browser.ts'
import type { Smoke } from './browser-smoke.ts'
import { test } from './harness.ts'
import type { Tiny } from './tiny.ts'

const module = 'test/browser-smoke.js'

test('browser: a page opens a device and runs a kernel', () =>
  withBrowser(async (browser) => {
    const { line, kind, doubled, adapters } = await callInPage<Smoke>(browser, module, 'smoke')
    assert.equal(doubled, [2, 4, 6, 8])
    assert.is(kind, 'swiftshader', line)
    assert.is(adapters, 1)
    assert.equal(browser.errors, [])
  }))

test('browser: the tiny test runs on the same built files', () =>
  withBrowser(async (browser) => {
    const t = await callInPage<Tiny>(browser, 'test/tiny.js', 'tiny')
    assert.ok(t.losses[5] < 0.9 * t.losses[0], `losses fall: ${t.losses}`)
    assert.is(t.arenaBytes, t.plannedBytes)
    assert.is(t.lazy, 1)
    assert.equal(browser.errors, [])
  }))

test('browser: a worker does the same', () =>
  withBrowser(async (browser) => {
    const { doubled } = await callInPage<Smoke>(browser, module, 'smokeInWorker')
    assert.equal(doubled, [2, 4, 6, 8])
  }))

test('browser: each way of having no adapter has its own sentence', () =>
  withBrowser(async (browser) => {
    const sentences = {
      'secure page': /plain http/,
      webgpu: /has no WebGPU/,
      adapter: /no adapter/,
    }
    for (const [lacking, sentence] of Object.entries(sentences)) {
      await browser.page.reload()
      assert.match(await callInPage<string>(browser, module, 'refusal', lacking), sentence)
    }
  }))

async function withBrowser(use: (browser: Browser) => Promise<void>): Promise<void> {
  const browser = await openBrowser()
  try {
    await use(browser)
  } finally {
    await browser.close()
  }
}
