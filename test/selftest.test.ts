import * as assert from 'uvu/assert'
import { selfTest } from '../engine/reference/selftest.ts'
import { testDevice } from './device.ts'
import { test } from './harness.ts'

test('self-test: every kernel family agrees with the interpreter', async () => {
  const results = await selfTest(await testDevice())
  assert.is(results.length, 14)
  for (const { family, ok, error } of results) assert.ok(ok, `${family}: ${error}`)
})
