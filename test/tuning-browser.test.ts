// Tables in a browser: IndexedDB keeps them, and changes at the same time are all kept.

import * as assert from 'uvu/assert'
import { callInPage, openBrowser } from './browser.ts'
import { test } from './harness.ts'
import type { KeptInPage } from './tuning-in-page.ts'

test('tuning: a browser keeps texts, one change after another', async () => {
  const browser = await openBrowser()
  try {
    const kept = await callInPage<KeptInPage>(browser, 'test/tuning-in-page.js', 'keep')
    assert.is(kept.before, false)
    assert.equal([...kept.after].sort().join(''), '01234567')
    assert.is(kept.where, 'IndexedDB atrous/a text')
    assert.equal(browser.errors, [])
  } finally {
    await browser.close()
  }
})
