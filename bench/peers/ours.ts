// Our own engine, as a user calls it: one compiled program, its inputs on the device, its results disposed.

import type { AdapterChoice } from '../../engine/adapters/platform.ts'
import { nodePlatform } from '../../engine/adapters/platform-node.ts'
import type { DeviceTensor } from '../../engine/device-tensor.ts'
import {
  conv2d,
  type Device,
  grad,
  hostTensor,
  matmul,
  maxPool2dWithIndices,
  openDevice,
  repeatUpsample,
  resizeBilinear,
  type Tensor,
  topK,
} from '../../engine/node.ts'
import { BatchNorm2d, crossEntropy } from '../../nn/index.ts'
import { type Engine, type Prepared, picked, type Values } from './engine.ts'
import { inputsOf, labelsOf } from './inputs.ts'
import { preparedForward, preparedStep } from './ours-network.ts'
import type { Spec, SpecOf } from './rows.ts'

export async function openOurs(adapter: AdapterChoice | undefined): Promise<Engine> {
  const device = await openDevice({ adapter })
  return {
    name: 'atrous',
    device: device.gpu,
    prepare: async (spec) => {
      if (spec.kind === 'forward') return preparedForward(device, spec)
      if (spec.kind === 'step') return preparedStep(device, spec)
      return prepare(device, spec)
    },
  }
}

type Fn = (...inputs: Tensor[]) => Tensor[]
type Single = Exclude<Spec['kind'], 'forward' | 'step'>

function functionOf(device: Device, spec: SpecOf<Single>): Fn {
  switch (spec.kind) {
    case 'conv': {
      const { stride, padding, dilation } = spec
      return differentiated(spec, (x, w) => conv2d(x, w, { stride, padding, dilation }))
    }
    case 'matmul':
      return differentiated(spec, (a, b) => matmul(a, b))
    case 'batchNorm':
      return batchNorm(device, spec)
    case 'maxPool':
      return (x, dy) => {
        const { kernel, padding } = spec
        const { y, index } = maxPool2dWithIndices(x, { kernel, stride: 2, padding })
        return spec.grads ? [y, ...grad(y, [x], dy), index] : [y, index]
      }
    case 'repeat':
      return differentiated(spec, (x) => repeatUpsample(x, [spec.factor, spec.factor]))
    case 'bilinear': {
      const size = [spec.x[1] * spec.factor, spec.x[2] * spec.factor] as const
      return differentiated(spec, (x) => resizeBilinear(x, size))
    }
    case 'crossEntropy':
      return (logits, labels) => {
        const { loss } = crossEntropy(logits, labels)
        return [loss, ...grad(loss, [logits])]
      }
    case 'topK':
      return (x) => {
        const { values, indices } = topK(x, spec.k)
        return [values, indices]
      }
  }
}

function batchNorm(device: Device, spec: SpecOf<'batchNorm'>): Fn {
  const norm = new BatchNorm2d(spec.x[3])
  const [, weight, bias] = inputsOf(spec)
  device.write(norm.weight, weight.values)
  device.write(norm.bias, bias.values)
  return (x, _weight, _bias, dy) => {
    const y = norm.apply(x, { train: true })
    return [y, ...grad(y, [x, norm.weight, norm.bias], dy)]
  }
}

/** y alone, or y and the cotangents of all operands; the last input is the cotangent of y. */
function differentiated({ grads }: { grads: boolean }, fn: (...inputs: Tensor[]) => Tensor): Fn {
  return (...inputs) => {
    const operands = inputs.slice(0, -1)
    const y = fn(...operands)
    return grads ? [y, ...grad(y, operands, inputs[inputs.length - 1])] : [y]
  }
}

async function prepare(device: Device, spec: SpecOf<Single>): Promise<Prepared> {
  const inputs = inputsOf(spec)
  const tensors = inputs.map(({ values, shape }) => hostTensor(values, shape))
  if (spec.kind === 'crossEntropy')
    tensors.push(hostTensor(labelsOf(spec.pixels, spec.classes), [spec.pixels]))
  const placing = device.compile((...all: Tensor[]) => all)
  const placed = (await placing.run(...tensors)) as DeviceTensor[]
  placing.dispose()
  const program = device.compile(functionOf(device, spec))
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
      if (spec.kind === 'maxPool') results.pop()
      return spec.kind === 'topK' ? picked(inputs[0].values, results) : results
    },
    free: () => {
      program.dispose()
      for (const t of placed) t.dispose()
    },
  }
}
