// What tests on devices share: one with other options, and what samples.ts has for pages too.

import type { Device } from '../engine/index.ts'
import { type DeviceOptions, openDevice } from '../engine/node.ts'
import { skip } from './harness.ts'

export * from './samples.ts'

/** A device with other options than the one that all tests share; closed when `use` ends. */
export async function withDevice(
  options: DeviceOptions,
  use: (d: Device) => Promise<void>,
): Promise<void> {
  const d = await openDevice({ ...options, say: () => {} }).catch((error) =>
    skip(`no device opens: ${error.message}`, 'adapter'),
  )
  try {
    await use(d)
  } finally {
    d.close()
  }
}
