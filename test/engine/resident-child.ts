// The process that account.test.ts starts: one training step of a narrow network on large maps, with the memory that this process
// holds before and after, as the kernel counts it.

import { readFileSync, writeFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { hostTensor, openDevice, type Tensor } from '../../engine/node.ts'
import { account } from '../../engine/plan/account.ts'
import { frrnA } from '../../models/index.ts'
import { crossEntropy } from '../../nn/index.ts'
import { Sgd } from '../../train/optimizers.ts'

/** What this process says on its last line, as JSON; bytes. */
export interface Resident {
  readonly adapter: string
  /** Of the plan. */
  readonly peakBytes: number
  /** Most that was resident during the step, less what was before it; the activation memory of before is used again. */
  readonly grownBytes: number
}

const status = (field: string): number =>
  1024 *
  Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(readFileSync('/proc/self/status', 'utf8'))![1])

const device = await openDevice({ say: () => {} })
const model = frrnA({ classes: 4, base: 4, lanes: 4, seed: 1 })
const optimizer = new Sgd(model.parameters(), { momentum: 0.9 })
const step = device.compile((image: Tensor, labels: Tensor) => {
  const { loss } = crossEntropy(model.apply(image, { train: true }), labels)
  return optimizer.minimize(loss, 0.01)
})
const argumentsOf = (n: number, h: number, w: number) => [
  hostTensor(new Float32Array(n * h * w * 3).fill(0.5), [n, h, w, 3]),
  hostTensor(new Uint8Array(n * h * w), [n, h, w]),
]

// Small images first, and the plan for the large ones: they compile and trace, and what that takes is not asked here.
await (await step.run(...argumentsOf(1, 96, 160))).value()
const args = argumentsOf(2, 256, 512)
const { peakBytes } = account(step.stages(...args))
await device.idle()
setFlagsFromString('--expose-gc')
runInNewContext('gc')()
// Lets the mark of the highest memory fall to what is resident now.
writeFileSync('/proc/self/clear_refs', '5')
const before = status('VmRSS')
const smallBytes = device.stats().arenaBytes

await (await step.run(...args)).value()
const grownBytes = status('VmHWM') - before + smallBytes
console.log(JSON.stringify({ adapter: device.line, peakBytes, grownBytes } satisfies Resident))
device.close()
