// TensorFlow.js with its WebGPU backend: NHWC, eager, each run in a tidy().

import { createRequire } from 'node:module'
import { join } from 'node:path'
import { nodePlatform } from '../../engine/platform-node.ts'
import type { Engine, Prepared, Values } from './engine.ts'
import { type Input, inputsOf } from './inputs.ts'
import { tfjsBundle } from './packages.ts'
import type { Spec } from './rows.ts'

interface Tensor {
  data(): Promise<Values>
  dispose(): void
}
interface Backend {
  readonly device: GPUDevice
  readonly queue: GPUQueue
  readonly commandEncoder: GPUCommandEncoder | null
  endComputePassEncoder(): void
  submitQueue(): void
}
/** What is used of @tensorflow/tfjs-core. */
interface Tf {
  setBackend(name: string): Promise<boolean>
  backend(): Backend
  tensor(values: ArrayLike<number>, shape: readonly number[], dtype?: string): Tensor
  tidy<T>(fn: () => T): T
  keep<T>(t: T): T
  grads(fn: (...xs: Tensor[]) => Tensor): (xs: Tensor[], dy: Tensor) => Tensor[]
  conv2d(
    x: Tensor,
    w: Tensor,
    stride: number,
    pad: number,
    format: 'NHWC',
    dilation: number,
    rounding: 'floor',
  ): Tensor
  matMul(a: Tensor, b: Tensor): Tensor
}

export async function openTfjs(folder: string): Promise<Engine> {
  const load = createRequire(join(folder, 'package.json'))
  const tf = load(`./${tfjsBundle}`) as Tf & { version_core: string }
  if (!(await tf.setBackend('webgpu'))) throw new Error('setBackend("webgpu") gave false')
  return {
    name: `tfjs ${tf.version_core}`,
    device: tf.backend().device,
    prepare: async (spec) => prepare(tf, functionOf(tf, spec), inputsOf(spec)),
  }
}

type Fn = (...inputs: Tensor[]) => Tensor[]

function functionOf(tf: Tf, spec: Spec): Fn {
  switch (spec.kind) {
    case 'conv': {
      const { stride, padding, dilation } = spec
      return differentiated(tf, spec, (x, w) =>
        tf.conv2d(x, w, stride, padding, 'NHWC', dilation, 'floor'),
      )
    }
    case 'matmul':
      return differentiated(tf, spec, (a, b) => tf.matMul(a, b))
  }
}

function differentiated(
  tf: Tf,
  { grads }: { grads: boolean },
  fn: (...inputs: Tensor[]) => Tensor,
): Fn {
  return (...inputs) => {
    const operands = inputs.slice(0, -1)
    if (!grads) return [fn(...operands)]
    let y: Tensor | undefined
    const cotangents = tf.grads((...xs) => {
      y = tf.keep(fn(...xs))
      return y
    })(operands, inputs[inputs.length - 1])
    return [y!, ...cotangents]
  }
}

function prepare(tf: Tf, fn: Fn, inputs: readonly Input[]): Prepared {
  const placed = inputs.map(({ values, shape }) => tf.tensor(values, shape))
  const run = () => tf.tidy(() => fn(...placed))
  const free = (tensors: readonly Tensor[]) => {
    for (const t of tensors) t.dispose()
  }
  return {
    run: () => free(run()),
    done: () => {
      const backend = tf.backend()
      backend.endComputePassEncoder()
      if (backend.commandEncoder) backend.submitQueue()
      return nodePlatform.settle(backend.queue.onSubmittedWorkDone())
    },
    read: async () => {
      const results = run()
      const values: Values[] = []
      for (const t of results) values.push(await nodePlatform.settle(t.data()))
      free(results)
      return values
    },
    free: () => free(placed),
  }
}
