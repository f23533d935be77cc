// The networks in our own engine: its own models, with the values that all engines share.

import { nodePlatform } from '../../engine/adapters/platform-node.ts'
import type { DeviceTensor } from '../../engine/device-tensor.ts'
import { type Device, hostTensor, type Tensor } from '../../engine/node.ts'
import { type ResNet, resNet } from '../../models/index.ts'
import { crossEntropy } from '../../nn/index.ts'
import { Sgd } from '../../train/optimizers.ts'
import type { Prepared, Values } from './engine.ts'
import { inputsOf, labelsOf, startOf, training, watched } from './inputs.ts'
import type { Depth } from './network.ts'
import type { SpecOf } from './rows.ts'

function model(device: Device, depth: Depth, classes: number): ResNet {
  const network = resNet(depth, { classes, input: 'none' })
  const start = startOf(depth, classes)
  for (const [name, variable] of network.stateDict())
    device.write(variable, start.get(name)!.values)
  return network
}

async function placed(device: Device, tensors: Parameters<typeof hostTensor>[]) {
  const placing = device.compile((...all: Tensor[]) => all)
  const results = await placing.run(...tensors.map((t) => hostTensor(...t)))
  placing.dispose()
  return results as DeviceTensor[]
}

export async function preparedForward(device: Device, spec: SpecOf<'forward'>): Promise<Prepared> {
  const network = model(device, 50, spec.classes)
  const [{ values, shape }] = inputsOf(spec)
  const [x] = await placed(device, [[values, shape]])
  const program = device.compile((image: Tensor) => network.apply(image, { train: false }))
  const run = () => program.run(x) as unknown as Promise<DeviceTensor>
  return {
    run: async () => (await run()).dispose(),
    done: () => nodePlatform.settle(device.gpu.queue.onSubmittedWorkDone()),
    read: async () => {
      using y = await run()
      return [(await y.read()) as Values]
    },
    free: () => {
      program.dispose()
      x.dispose()
      for (const v of network.stateDict().values()) device.release(v)
    },
  }
}

export async function preparedStep(device: Device, spec: SpecOf<'step'>): Promise<Prepared> {
  const network = model(device, 18, spec.classes)
  const [{ values, shape }] = inputsOf(spec)
  const [n] = shape
  const inputs = await placed(device, [
    [values, shape],
    [labelsOf(n, spec.classes), [n]],
  ])
  const optimizer = new Sgd(network.parameters(), { momentum: training.momentum })
  const program = device.compile((image: Tensor, labels: Tensor, rate: Tensor) => {
    const { loss } = crossEntropy(network.apply(image, { train: true }), labels)
    return optimizer.minimize(loss, rate)
  })
  const run = () => program.run(...inputs, training.rate) as unknown as Promise<DeviceTensor>
  return {
    run: async () => (await run()).dispose(),
    done: () => nodePlatform.settle(device.gpu.queue.onSubmittedWorkDone()),
    read: async () => {
      const losses: number[] = []
      for (let i = 0; i < 2; i++) losses.push(await (await run()).value())
      const state = network.stateDict()
      const results: Values[] = [Float32Array.from(losses)]
      for (const name of watched) results.push((await device.read(state.get(name)!)) as Values)
      return results
    },
    free: () => {
      program.dispose()
      for (const t of inputs) t.dispose()
      for (const v of [...network.stateDict().values(), ...optimizer.stateDict().values()])
        device.release(v)
    },
  }
}
