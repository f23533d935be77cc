// What the host takes, apart from any kernel: to plan a training step, and to send one on its way when it is compiled.

import { Bench } from 'tinybench'
import { roomy, trainingStep } from '../../apps/cli/step.ts'
import { nodePlatform } from '../../engine/adapters/platform-node.ts'
import { hostArray } from '../../engine/dtype.ts'
import { type Device, type HostTensor, hostTensor, type Tensor } from '../../engine/node.ts'
import { stages } from '../../engine/stages.ts'
import { buildModel } from '../../models/index.ts'
import { product, uniform } from '../peers/engine.ts'

export interface HostTime {
  readonly name: string
  readonly ms: number
  readonly variation: number
  readonly rounds: number
}

export async function hostTimes(device: Device, seconds: number): Promise<HostTime[]> {
  const model = buildModel({ name: 'resnet-18', options: { width: 8, classes: 4, seed: 1 } })
  const { fn, types } = trainingStep(model, [2, 64, 64], 'sgd')
  const step = device.compile(fn as (...inputs: Tensor[]) => Tensor)
  const args = types.map(({ dtype, shape }): HostTensor => {
    if (dtype === 'f32') return hostTensor(uniform(product(shape), 1) as Float32Array, shape)
    return { dtype, shape, data: hostArray(dtype, product(shape)) }
  })
  const { plan } = step.stages(...types)
  const dispatches = plan.steps.reduce((n, s) => n + s.dispatches.length, 0)
  const settle = () => nodePlatform.settle(device.gpu.queue.onSubmittedWorkDone())
  ;(await step.run(...args)).dispose()
  await settle()
  const bench = new Bench({ time: 1000 * seconds, warmupIterations: 2, warmupTime: 0 })
  bench.add('trace and plan a training step of ResNet-18', () => {
    stages(fn, types, roomy)
  })
  bench.add(
    `encode and submit it, ${dispatches} dispatches`,
    async () => {
      ;(await step.run(...args)).dispose()
    },
    { afterEach: async () => void (await settle()) },
  )
  await bench.run()
  step.dispose()
  for (const v of plan.variables) device.release(v)
  return bench.tasks.map(({ name, result }) => {
    if (!result || !('latency' in result)) throw new Error(`${name} did not finish`)
    const { p50, sd, mean, samplesCount } = result.latency
    return { name, ms: p50, variation: sd / mean, rounds: samplesCount }
  })
}
