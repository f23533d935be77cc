// TensorFlow.js with its WebGPU backend: NHWC, eager, each run in a tidy().

import { createRequire } from 'node:module'
import { join } from 'node:path'
import { nodePlatform } from '../../engine/adapters/platform-node.ts'
import { type Engine, type Prepared, picked, type Values } from './engine.ts'
import { inputsOf, labelsOf } from './inputs.ts'
import { epsilon } from './network.ts'
import { tfjsBundle } from './packages.ts'
import type { Spec, SpecOf } from './rows.ts'
import type { Tensor, Tf } from './tfjs-api.ts'
import { forwardOf, stepOf } from './tfjs-network.ts'

export async function openTfjs(folder: string): Promise<Engine> {
  const load = createRequire(join(folder, 'package.json'))
  const tf = load(`./${tfjsBundle}`) as Tf
  if (!(await tf.setBackend('webgpu'))) throw new Error('setBackend("webgpu") gave false')
  return {
    name: `tfjs ${tf.version_core}`,
    device: tf.backend().device,
    prepare: async (spec) => prepare(tf, spec),
  }
}

/** Something that can be run again and again. */
export interface Task {
  run(): Tensor[]
  /** What is compared, where it is more than the results of one run. */
  read?(): Promise<Values[]>
  readonly kept: readonly Tensor[]
}

function taskOf(tf: Tf, spec: Spec): Task {
  if (spec.kind === 'forward') return forwardOf(tf, spec)
  if (spec.kind === 'step') return stepOf(tf, spec)
  const kept = inputsOf(spec).map(({ values, shape }) => tf.tensor(values, shape))
  const fn = functionOf(tf, spec)
  return { run: () => fn(...kept), kept }
}

type Fn = (...inputs: Tensor[]) => Tensor[]

function functionOf(tf: Tf, spec: SpecOf<Exclude<Spec['kind'], 'forward' | 'step'>>): Fn {
  switch (spec.kind) {
    case 'conv': {
      const { stride, padding, dilation } = spec
      return differentiated(tf, spec.grads, (x, w) =>
        tf.conv2d(x, w, stride, padding, 'NHWC', dilation, 'floor'),
      )
    }
    case 'matmul':
      return differentiated(tf, spec.grads, (a, b) => tf.matMul(a, b))
    case 'batchNorm':
      return differentiated(tf, true, (x, scale, shift) => {
        const { mean, variance } = tf.moments(x, [0, 1, 2])
        return tf.batchNorm(x, mean, variance, shift, scale, epsilon)
      })
    case 'maxPool':
      return differentiated(tf, spec.grads, (x) =>
        tf.maxPool(x, spec.kernel, 2, spec.padding, 'floor'),
      )
    case 'repeat':
      return differentiated(tf, spec.grads, (x) =>
        tf.image.resizeNearestNeighbor(x, sizeOf(spec), false, false),
      )
    case 'bilinear':
      return differentiated(tf, spec.grads, (x) =>
        tf.image.resizeBilinear(x, sizeOf(spec), false, true),
      )
    case 'crossEntropy': {
      const labels = tf.tensor(labelsOf(spec.pixels, spec.classes), [spec.pixels], 'int32')
      return (logits) => {
        const hot = tf.oneHot(labels, spec.classes)
        let loss: Tensor | undefined
        const [gradient] = tf.grads((x) => {
          loss = tf.keep(tf.losses.softmaxCrossEntropy(hot, x))
          return loss
        })([logits])
        return [loss!, gradient]
      }
    }
    case 'topK':
      return (x) => {
        const { values, indices } = tf.topk(x, spec.k)
        return [values, indices]
      }
  }
}

const sizeOf = ({ x, factor }: SpecOf<'repeat' | 'bilinear'>): [number, number] => [
  x[1] * factor,
  x[2] * factor,
]

/** y alone, or y and the cotangents of all operands; the last input is the cotangent of y. */
function differentiated(tf: Tf, grads: boolean, fn: (...inputs: Tensor[]) => Tensor): Fn {
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

function prepare(tf: Tf, spec: Spec): Prepared {
  const task = taskOf(tf, spec)
  const run = () => tf.tidy(() => task.run())
  const free = (tensors: readonly Tensor[]) => {
    for (const t of tensors) t.dispose()
  }
  const readOne = async () => {
    const results = run()
    const values: Values[] = []
    for (const t of results) values.push(await nodePlatform.settle(t.data()))
    free(results)
    return values
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
      if (task.read) return task.read()
      const values = await readOne()
      return spec.kind === 'topK' ? picked(inputsOf(spec)[0].values, values) : values
    },
    free: () => free(task.kept),
  }
}
