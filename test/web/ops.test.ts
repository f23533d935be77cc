// The operator tests' quick set in a page: every op on every sample against the float64 interpreter, twice to the bit, and
// every gradient against finite differences with one draw. (Node's has a second draw and the least limits too.)

import * as assert from 'uvu/assert'
import { ops } from '../../engine/index.ts'
import { type Browser, callInPage, openBrowser } from '../browser.ts'
import { test } from '../harness.ts'
import { gradients } from '../ops/op-runs.ts'
import type { OpNames } from './ops-in-page.ts'

const module = 'test/web/ops-in-page.js'

const withSamples = ops.filter((op) => op.samples.length)

test(
  'web ops: every op and every gradient agrees with the interpreter in a page',
  async () => {
    const browser = await openBrowser()
    try {
      const {
        values,
        gradients: having,
        line,
      } = await callInPage<OpNames>(browser, module, 'names')
      assert.match(line, /swiftshader/)
      assert.equal(
        values,
        withSamples.map(({ name }) => name),
      )
      assert.ok(having.length === withSamples.filter((op) => gradients(op).length).length)
      assert.equal(await checkAll(browser, values), [])
      assert.equal(browser.errors, [])
    } finally {
      await browser.close()
    }
  },
  { timeout: 600 },
)

/** Few at a time, so that a page that hangs is told from one that is slow. */
async function checkAll(browser: Browser, names: readonly string[]): Promise<string[]> {
  const problems: string[] = []
  const begun = performance.now()
  for (let i = 0; i < names.length; i += 8)
    problems.push(...(await callInPage<string[]>(browser, module, 'check', names.slice(i, i + 8))))
  process.stdout.write(
    `${names.length} ops in ${((performance.now() - begun) / 1000).toFixed(0)} s `,
  )
  return problems
}
