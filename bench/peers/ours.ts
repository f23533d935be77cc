// Our own engine, as a user calls it: one compiled program, its inputs on the device, its results disposed.

import type { DeviceTensor } from '../../engine/device-tensor.ts'
import { type Device, grad, hostTensor, openDevice, type Tensor } from '../../engine/node.ts'
import { conv2d } from '../../engine/ops/conv.ts'
import { matmul } from '../../engine/ops/matmul.ts'
import type { AdapterChoice } from '../../engine/platform.ts'
import { nodePlatform } from '../../engine/platform-node.ts'
import type { Engine, Prepared, Values } from './engine.ts'
import { type Input, inputsOf } from './inputs.ts'
import type { Spec, SpecOf } from './rows.ts'

export async function openOurs(adapter: AdapterChoice | undefined): Promise<Engine> {
  const device = await openDevice({ adapter })
  return {
    name: 'atrous',
    device: device.gpu,
    prepare: (spec) => prepare(device, functionOf(spec), inputsOf(spec)),
  }
}

type Fn = (...inputs: Tensor[]) => Tensor[]

function functionOf(spec: Spec): Fn {
  switch (spec.kind) {
    case 'conv':
      return differentiated(spec, (x, w) => conv2d(x, w, convOptions(spec)))
    case 'matmul':
      return differentiated(spec, (a, b) => matmul(a, b))
  }
}

const convOptions = ({ stride, padding, dilation }: SpecOf<'conv'>) => ({
  stride,
  padding,
  dilation,
})

/** y alone, or y and the cotangents of all operands; the last input is the cotangent of y. */
function differentiated({ grads }: { grads: boolean }, fn: (...inputs: Tensor[]) => Tensor): Fn {
  return (...inputs) => {
    const operands = inputs.slice(0, -1)
    const y = fn(...operands)
    return grads ? [y, ...grad(y, operands, inputs[inputs.length - 1])] : [y]
  }
}

async function prepare(device: Device, fn: Fn, inputs: readonly Input[]): Promise<Prepared> {
  const placed = await onDevice(device, inputs)
  const program = device.compile(fn)
  const run = () => program.run(...placed) as Promise<DeviceTensor[]>
  return {
    run: async () => {
      for (const t of await run()) t.dispose()
    },
    done: () => nodePlatform.settle(device.gpu.queue.onSubmittedWorkDone()),
    read: async () => {
      const results: Values[] = []
      for (const t of await run()) {
        results.push((await t.read()) as Values)
        t.dispose()
      }
      return results
    },
    free: () => {
      program.dispose()
      for (const t of placed) t.dispose()
    },
  }
}

async function onDevice(device: Device, inputs: readonly Input[]): Promise<DeviceTensor[]> {
  const program = device.compile((...tensors: Tensor[]) => tensors)
  const placed = await program.run(...inputs.map((i) => hostTensor(i.values, i.shape)))
  program.dispose()
  return placed as DeviceTensor[]
}
