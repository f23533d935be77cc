// Tables in a browser: IndexedDB keeps them, and changes at the same time are all kept.

import * as assert from 'uvu/assert'
import { browserStore } from '../../engine/adapters/text-store-browser.ts'
import { DataError } from '../../engine/errors.ts'
import { callInPage, openBrowser } from '../browser.ts'
import { test } from '../harness.ts'
import type { KeptInPage } from './tuning-in-page.ts'

test('tuning: where a page may have no storage the shipped defaults are used', async () => {
  const refused = () => {
    throw new DOMException('access to the Indexed Database API is denied', 'SecurityError')
  }
  Object.defineProperty(globalThis, 'indexedDB', { value: { open: refused }, configurable: true })
  try {
    const error = await browserStore.load('a text').catch((error: unknown) => error)
    assert.instance(error, DataError)
    assert.match(String(error), /IndexedDB atrous\/a text: access .* is denied/)
  } finally {
    Reflect.deleteProperty(globalThis, 'indexedDB')
  }
})

test('tuning: a browser keeps texts, one change after another', async () => {
  const browser = await openBrowser()
  try {
    const kept = await callInPage<KeptInPage>(browser, 'test/engine/tuning-in-page.js', 'keep')
    assert.is(kept.before, false)
    assert.equal([...kept.after].sort().join(''), '01234567')
    assert.is(kept.where, 'IndexedDB atrous/a text')
    assert.equal(browser.errors, [])
  } finally {
    await browser.close()
  }
})
