// The process that exit.test.ts starts: opens a device, runs a kernel, and ends in one of the ways
// in which programs end.

import { openAdapter } from '../engine/adapters/adapter.ts'
import { hostTensor, matmul, openDevice } from '../engine/node.ts'
import { doubleOnDevice } from './kernel.ts'

export type Ending = 'destroy' | 'leave' | 'exit early' | 'exit busy'

const ending = process.argv[2] as Ending
if (ending === 'exit busy') {
  // Hundreds of dispatches are under way when the process ends.
  const side = 96
  const device = await openDevice()
  const busy = device.compile((a, b) => {
    let y = a
    for (let i = 0; i < 300; i++) y = matmul(y, b)
    return y
  })
  const a = hostTensor(new Float32Array(side * side), [side, side])
  setTimeout(() => process.exit(0), 400)
  for (;;) {
    const result = await busy.run(a, a)
    await result.read()
    result.dispose()
  }
}
const { device } = await openAdapter()
device.lost.then(() => {})
const result = await doubleOnDevice(device, () => {
  if (ending === 'exit early') process.exit(0)
})
console.log(result.join())
if (ending === 'destroy') device.destroy()
