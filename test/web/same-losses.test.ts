// The same seed and inputs train alike in Node and in Chromium, both on SwiftShader: to the last bit, though they are of two
// versions of it, and Chromium's 10 storage buffers a kernel instead of 12 let fewer operations share one.

import '../../engine/node.ts'
import * as assert from 'uvu/assert'
import { callInPage, openBrowser } from '../browser.ts'
import { skip, test } from '../harness.ts'
import { type Trained, trained } from './same-losses-in-page.ts'

test(
  'web losses: ten steps from one seed have the same losses in Node and in a page',
  async () => {
    const here = await trained().catch((error) =>
      skip(`SwiftShader does not open here: ${error.message}`, 'adapter'),
    )
    const browser = await openBrowser()
    const there = await callInPage<Trained>(
      browser,
      'test/web/same-losses-in-page.js',
      'trained',
    ).finally(browser.close)
    assert.is(there.inputs, here.inputs)
    assert.ok(
      here.losses.every((loss, i) => !i || loss < here.losses[i - 1]),
      `${here.losses}`,
    )
    assert.equal(there.losses, here.losses)
    assert.is(there.parameters, here.parameters)
    assert.equal(browser.errors, [])
  },
  { timeout: 240 },
)
