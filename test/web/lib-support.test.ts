import * as assert from 'uvu/assert'
import type { Support } from '../../engine/adapters/support.ts'
import { type Browser, callInPage, openBrowser } from '../browser.ts'
import { test } from '../harness.ts'
import type { Lacking, loseDevice, supportWithout } from './lib-support-page.ts'

const module = 'test/web/lib-support-page.js'

test('support: a software adapter is named, and what to do, in pages and workers', () =>
  withPage(async (browser) => {
    for (const name of ['support', 'supportInWorker']) {
      const support = await callInPage<Support>(browser, module, name)
      assert.is(support.state, 'software')
      assert.match(support.what, /only a software adapter is here \(.*swiftshader/i)
      assert.match(support.toDo ?? '', /graphics acceleration/)
      assert.match(support.adapter ?? '', /swiftshader/i)
    }
    assert.equal(browser.errors, [])
  }))

test('support: each way of having no adapter is told as openDevice tells it', () =>
  withPage(async (browser) => {
    const expected: Record<Lacking, [state: string, what: RegExp]> = {
      'secure page': ['insecure', /plain http/],
      webgpu: ['missing', /no WebGPU/],
      adapter: ['blocked', /no adapter/],
      'adapter, loudly': ['blocked', /no adapter/],
    }
    for (const [lacking, [state, what]] of Object.entries(expected)) {
      await browser.page.reload()
      const { support, refused } = await callInPage<Awaited<ReturnType<typeof supportWithout>>>(
        browser,
        module,
        'supportWithout',
        lacking,
      )
      assert.is(support.state, state)
      assert.match(support.what, what)
      assert.is(refused, `${support.what}\n  hint: ${support.toDo}`)
    }
  }))

test('support: a device destroyed under the page says so at once, and a closed one does not', () =>
  withPage(async (browser) => {
    const seen = await callInPage<Awaited<ReturnType<typeof loseDevice>>>(
      browser,
      module,
      'loseDevice',
    )
    assert.ok(seen.isError)
    assert.match(seen.message, /^the device was lost: .*[^.]\n/)
    assert.match(seen.hint ?? '', /last checkpoint/)
    assert.ok(seen.isThrown, 'the same error answers all later calls')
    assert.is(seen.saidByClosed, 'nothing')
    assert.is(seen.warnings.length, 1)
    assert.match(seen.warnings[0], /only a software adapter/)
    assert.equal(seen.unwarned, [])
  }))

async function withPage(use: (browser: Browser) => Promise<void>): Promise<void> {
  const browser = await openBrowser()
  try {
    await use(browser)
  } finally {
    await browser.close()
  }
}
