// One training step of a narrow FRRN A: wall time (tinybench), then each kind of kernel by timestamps, with its share
// of the step and its arithmetic rate.
//
//   node dist/bench/step.js [--base 8] [--lanes 8] [--size 48x64] [--batch 4] [--runs 10]

import { Bench } from 'tinybench'
import { hostTensor, openDevice, type Tensor } from '../engine/node.ts'
import { titleOf } from '../engine/print.ts'
import { frrnA } from '../models/index.ts'
import { crossEntropy } from '../nn/index.ts'
import { DataLoader } from '../train/loader/loader.ts'
import { Adam } from '../train/optimizers.ts'
import { STREET_CLASSES, streetScenes } from '../train/scenes/street.ts'
import { given, sizes, whole } from './options.ts'

const {
  values: {
    base,
    lanes,
    batch: count,
    runs,
    size: [height, width],
  },
} = given({
  base: whole(8),
  lanes: whole(8),
  size: sizes('HxW', [48, 64]),
  batch: whole(4),
  runs: whole(10),
})

const device = await openDevice()
console.log(device.line)
const model = frrnA({ classes: STREET_CLASSES.length, base, lanes, seed: 1 })
const optimizer = new Adam(model.parameters())
const step = device.compile((image: Tensor, labels: Tensor, lr: Tensor) => {
  const { loss } = crossEntropy(model.apply(image, { train: true }), labels, { ignore: 255 })
  return optimizer.minimize(loss, lr)
})
const { image, labels } = await new DataLoader(streetScenes({ height, width }), {
  count,
  seed: 1,
}).batch(0)
const args = [
  hostTensor(image, [count, height, width, 3]),
  hostTensor(labels, [count, height, width]),
  1e-3,
]
const run = async () => {
  const loss = await step.run(...args)
  await loss.value()
}

const begun = performance.now()
await run()
console.log(`first step, compiling included: ${((performance.now() - begun) / 1000).toFixed(1)} s`)

const bench = new Bench({ iterations: runs, time: 0, warmupIterations: 2, warmupTime: 0 })
bench.add('step', run)
await bench.run()
const [{ result }] = bench.tasks
if (!result || !('latency' in result)) throw new Error('the benchmark did not finish')
const { p50, min, max } = result.latency
const types = args.map((a) => (typeof a === 'number' ? hostTensor(a) : a))
const { plan } = step.stages(...types)
const flops = plan.steps.reduce(
  (n, { node }) => n + node.op.cost(node.inputs, node.types, node.attrs).flops,
  0,
)
console.log(
  `FRRN A, base ${base}, ${count} images of ${height}x${width}: median ${p50.toFixed(1)} ms of ${runs} steps (${min.toFixed(1)} to ${max.toFixed(1)}), ${((1000 * count) / p50).toFixed(1)} images/s, ${(flops / p50 / 1e6).toFixed(1)} GFLOP/s`,
)

console.log(
  `${plan.steps.length} kernels, ${plan.steps.reduce((n, s) => n + s.dispatches.length, 0)} dispatches, ${plan.kernels.size} pipelines`,
)

if (device.caps.timestamps) await printKernels()
device.close()

async function printKernels(): Promise<void> {
  const profiles: number[][] = []
  for (let i = 0; i < 5; i++) profiles.push(await step.profile(...args))
  const kinds = new Map<string, { n: number; ms: number; flops: number }>()
  plan.steps.forEach(({ node }, i) => {
    const kind = titleOf(node)
    const entry = kinds.get(kind) ?? { n: 0, ms: 0, flops: 0 }
    entry.n++
    entry.ms += profiles.map((p) => p[i]).sort((a, b) => a - b)[2]
    entry.flops += node.op.cost(node.inputs, node.types, node.attrs).flops
    kinds.set(kind, entry)
  })
  const total = [...kinds.values()].reduce((ms, k) => ms + k.ms, 0)
  console.log(`\n${total.toFixed(1)} ms in kernels (timestamps, medians of 5)`)
  for (const [kind, { n, ms, flops }] of [...kinds].sort((a, b) => b[1].ms - a[1].ms).slice(0, 20))
    console.log(
      `${ms.toFixed(2).padStart(9)} ms ${((100 * ms) / total).toFixed(1).padStart(5)} % ${String(n).padStart(4)}×  ${(flops / ms / 1e6).toFixed(2).padStart(8)} GFLOP/s  ${kind}`,
    )
}
