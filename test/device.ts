// One device for all tests of a process, opened as if offsets had to be multiples of 256: lavapipe's own 16 would hide
// mistakes that every GPU finds.

import type { Device } from '../engine/device.ts'
import { openDevice } from '../engine/node.ts'
import { skip } from './harness.ts'

let opened: Promise<Device> | undefined

/** The device that tests share; the running test is skipped where there is none. */
export function testDevice(): Promise<Device> {
  opened ??= openDevice({ alignment: 256 })
  return opened.catch((error) => skip(`no device opens: ${error.message}`, 'adapter'))
}

/** The same; the running test is skipped where it has no f16. */
export async function halfDevice(): Promise<Device> {
  const device = await testDevice()
  return device.caps.f16 ? device : skip('the adapter has no shader-f16')
}

/** Closes the device: the next test that wants one has a new one. For the runner, between files. */
export async function renewDevice(): Promise<void> {
  const device = await opened?.catch(() => undefined)
  opened = undefined
  device?.close()
}
