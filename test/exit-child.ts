// The process that exit.test.ts starts: opens a device, runs a kernel, and ends in one of the ways
// in which programs end.

import { openAdapter } from '../engine/adapter.ts'
import { registerPlatform } from '../engine/platform.ts'
import { nodePlatform } from '../engine/platform-node.ts'
import { doubleOnDevice } from './kernel.ts'

export type Ending = 'destroy' | 'leave' | 'exit early'

registerPlatform(nodePlatform)
const ending = process.argv[2] as Ending
const { device } = await openAdapter()
device.lost.then(() => {})
const result = await doubleOnDevice(device, () => {
  if (ending === 'exit early') process.exit(0)
})
console.log(result.join())
if (ending === 'destroy') device.destroy()
