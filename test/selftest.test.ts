import * as assert from 'uvu/assert'
import { selfTest } from '../engine/reference/selftest.ts'
import { testDevice } from './device.ts'
import { test } from './harness.ts'

test('self-test: every kernel family agrees with the interpreter', async () => {
  const device = await testDevice()
  const results = await selfTest(device)
  assert.is(results.length, device.caps.f16 ? 15 : 14)
  for (const { family, ok, error } of results) assert.ok(ok, `${family}: ${error}`)
})
