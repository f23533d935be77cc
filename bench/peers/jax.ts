// jax-js: planes first (NCHW, OIHW), the only layout of its convolutions; every row is one jit-compiled function.

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { nodePlatform } from '../../engine/adapters/platform-node.ts'
import { axes, type Engine, type Prepared, permuted, picked, type Values } from './engine.ts'
import { type Input, inputsOf, labelsOf } from './inputs.ts'
import type { Jax, Pairs, Tensor } from './jax-api.ts'
import { forwardOf, stepOf } from './jax-network.ts'
import { interpolation } from './linear.ts'
import { epsilon } from './network.ts'
import type { Spec, SpecOf } from './rows.ts'

export async function openJax(folder: string, version: string): Promise<Engine> {
  const entry = join(folder, 'node_modules/@jax-js/jax/dist/index.js')
  const jax = (await import(pathToFileURL(entry).href)) as Jax
  const devices = await jax.init('webgpu')
  if (!devices.includes('webgpu')) throw new Error('init("webgpu") found no device')
  jax.defaultDevice('webgpu')
  const device = jax.getWebGPUDevice()
  return {
    name: `jax-js ${version}`,
    device,
    prepare: async (spec) => {
      if (spec.kind === 'forward') return prepared(jax, device, forwardOf(jax, spec))
      if (spec.kind === 'step') return prepared(jax, device, stepOf(jax, spec))
      return prepared(jax, device, single(jax, spec))
    },
  }
}

/** Something that can be run again and again. */
export interface Task {
  run(): Tensor[]
  read(): Promise<Values[]>
  free(): void
}

function prepared(jax: Jax, device: GPUDevice, { run, read, free }: Task): Prepared {
  let waiting: Promise<void>[] = []
  return {
    run: () => {
      const results = run()
      const done = jax.blockUntilReady(results).then(() => {
        for (const t of results) t.dispose()
      })
      waiting.push(done)
    },
    done: async () => {
      await nodePlatform.settle(Promise.all(waiting))
      waiting = []
      await nodePlatform.settle(device.queue.onSubmittedWorkDone())
    },
    read,
    free,
  }
}

/** The order of axes that an operand or a result has there. */
type Order = 'same' | 'planes' | 'weight'

interface Plan {
  readonly fn: (...inputs: Tensor[]) => Tensor[]
  readonly inputs: readonly Order[]
  readonly results: readonly (readonly [Order, shape: readonly number[]])[]
}

function single(jax: Jax, spec: SpecOf<Exclude<Spec['kind'], 'forward' | 'step'>>): Task {
  const inputs = inputsOf(spec)
  const plan = planOf(jax, spec, inputs)
  const placed = inputs.map((input, i) => place(jax, input, plan.inputs[i]))
  if (spec.kind === 'crossEntropy') {
    const labels = labelsOf(spec.pixels, spec.classes)
    placed.push(jax.numpy.array(labels, { shape: [spec.pixels], dtype: 'int32' }))
  }
  const fn = jax.jit(plan.fn)
  const run = () => fn(...placed.map((t) => t.ref))
  return {
    run,
    read: async () => {
      const values: Values[] = []
      for (const [i, t] of run().entries())
        values.push(ours(await nodePlatform.settle(t.data()), plan.results[i]))
      return spec.kind === 'topK' ? picked(inputs[0].values, values) : values
    },
    free: () => {
      fn.dispose()
      for (const t of placed) t.dispose()
    },
  }
}

export function place(jax: Jax, { values, shape }: Input, order: Order): Tensor {
  if (order === 'same') return jax.numpy.array(values, { shape })
  const by = order === 'planes' ? axes.toPlanes : axes.weightToPlanes
  return jax.numpy.array(permuted(values, shape, by), { shape: by.map((a) => shape[a]) })
}

/** Values of a result of this shape (in our order of axes) in our order. */
export function ours(values: Values, [order, shape]: Plan['results'][number]): Values {
  if (order === 'same') return values
  const [to, from] =
    order === 'planes'
      ? [axes.toPlanes, axes.fromPlanes]
      : [axes.weightToPlanes, axes.weightFromPlanes]
  const theirs = to.map((a) => shape[a])
  return permuted(values, theirs, from)
}

function planOf(
  jax: Jax,
  spec: SpecOf<Exclude<Spec['kind'], 'forward' | 'step'>>,
  inputs: readonly Input[],
): Plan {
  const shapes = inputs.map((i) => i.shape)
  /** y, then the cotangents of the operands; the last input is the cotangent of y. */
  const linear = (grads: boolean, order: readonly Order[], fn: (...xs: Tensor[]) => Tensor) => {
    const last = inputs.length - 1
    const results = [last, ...shapes.keys()].slice(0, grads ? -1 : 1)
    return {
      fn: differentiated(jax, grads, fn),
      inputs: order,
      results: results.map((i) => [order[i], shapes[i]] as const),
    }
  }
  switch (spec.kind) {
    case 'conv': {
      const { stride, padding: p, dilation } = spec
      const options = { rhsDilation: [dilation, dilation] }
      return linear(spec.grads, ['planes', 'weight', 'planes'], (x, w) =>
        jax.lax.convGeneralDilated(x, w, [stride, stride], around(p), options),
      )
    }
    case 'matmul':
      return linear(spec.grads, ['same', 'same', 'same'], (a, b) => jax.numpy.matmul(a, b))
    case 'batchNorm':
      return linear(true, ['planes', 'same', 'same', 'planes'], (x, scale, shift) =>
        batchNorm(jax, x, scale, shift),
      )
    case 'maxPool':
      return linear(spec.grads, ['planes', 'planes'], (x) =>
        maxPool(jax, x, { ...spec, zeros: false }),
      )
    case 'repeat':
      return linear(spec.grads, ['planes', 'planes'], (x) =>
        jax.numpy.repeat(jax.numpy.repeat(x, spec.factor, 2), spec.factor, 3),
      )
    case 'bilinear': {
      const [, h, w] = spec.x
      const [down, across] = [h, w].map((n) => {
        const to = n * spec.factor
        const turned = permuted(interpolation(n, spec.factor), [to, n], [1, 0])
        return jax.numpy.array(turned, { shape: [n, to] })
      })
      return linear(spec.grads, ['planes', 'planes'], (x) => resized(jax, x, down, across))
    }
    case 'crossEntropy': {
      const loss = (logits: Tensor, labels: Tensor) =>
        crossEntropy(jax, logits, labels, spec.classes)
      return {
        fn: (logits, labels) => jax.valueAndGrad(loss)(logits, labels),
        inputs: ['same'],
        results: [
          ['same', []],
          ['same', shapes[0]],
        ],
      }
    }
    case 'topK':
      return {
        fn: (x) => jax.lax.topK(x, spec.k),
        inputs: ['same'],
        results: [
          ['same', []],
          ['same', []],
        ],
      }
  }
}

export const around = (p: number): Pairs => [
  [p, p],
  [p, p],
]

/** By the batch's statistics, of planes. */
export function batchNorm(jax: Jax, x: Tensor, scale: Tensor, shift: Tensor): Tensor {
  const { numpy: np } = jax
  const perChannel = (t: Tensor) => t.reshape([1, -1, 1, 1])
  const centred = x.ref.sub(np.mean(x, [0, 2, 3], { keepdims: true }))
  const variance = np.mean(np.square(centred.ref), [0, 2, 3], { keepdims: true })
  const inverse = np.reciprocal(np.sqrt(variance.add(epsilon)))
  return centred.mul(inverse.mul(perChannel(scale))).add(perChannel(shift))
}

/** Of planes. Its pad() pads with zeros, which do after a ReLU; elsewhere −∞ is joined on. */
export function maxPool(
  jax: Jax,
  x: Tensor,
  { kernel, padding, zeros }: { kernel: number; padding: number; zeros: boolean },
): Tensor {
  let padded = x
  if (padding && zeros) padded = jax.numpy.pad(x, [[0, 0], [0, 0], ...around(padding)])
  else if (padding)
    for (const axis of [2, 3]) {
      const shape = padded.shape.map((n, a) => (a === axis ? padding : n))
      const border = jax.numpy.full(shape, Number.NEGATIVE_INFINITY)
      padded = jax.numpy.concatenate([border.ref, padded, border], axis)
    }
  return jax.lax.reduceWindow(padded, (w) => jax.numpy.max(w), [kernel, kernel], [2, 2])
}

/** Planes by interpolation matrices, [from, to] of each axis. (Its matmul of operands of different ranks is wrong.) */
function resized(jax: Jax, x: Tensor, down: Tensor, across: Tensor): Tensor {
  const { numpy: np } = jax
  const [n, c, h, w] = x.shape
  const [oh, ow] = [down.shape[1], across.shape[1]]
  const wide = np.matmul(x.reshape([n * c * h, w]), across.ref).reshape([n * c, h, ow])
  const columns = np.matrixTranspose(wide).reshape([n * c * ow, h])
  const turned = np.matmul(columns, down.ref).reshape([n * c, ow, oh])
  return np.matrixTranspose(turned).reshape([n, c, oh, ow])
}

/** The mean over rows of logits [n, classes]. */
export function crossEntropy(jax: Jax, logits: Tensor, labels: Tensor, classes: number): Tensor {
  const [n] = logits.shape
  const hot = jax.nn.oneHot(labels, classes)
  return jax.numpy.sum(jax.nn.logSoftmax(logits, -1).mul(hot)).mul(-1 / n)
}

function differentiated(
  jax: Jax,
  grads: boolean,
  fn: (...inputs: Tensor[]) => Tensor,
): (...inputs: Tensor[]) => Tensor[] {
  return (...inputs) => {
    const operands = inputs.slice(0, -1)
    const dy = inputs[inputs.length - 1]
    if (!grads) return [fn(...operands)]
    const [y, pullback] = jax.vjp(fn, operands)
    const cotangents = pullback(dy)
    pullback.dispose()
    return [y, ...cotangents]
  }
}
