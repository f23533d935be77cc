// jax-js: planes first (NCHW, OIHW), the only layout of its convolutions; every row is one jit-compiled function.

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { nodePlatform } from '../../engine/platform-node.ts'
import { axes, type Engine, type Prepared, permuted, type Values } from './engine.ts'
import { type Input, inputsOf } from './inputs.ts'
import type { Spec, SpecOf } from './rows.ts'

/** A call consumes its arguments; `ref` keeps one for another use. */
interface Tensor {
  readonly ref: Tensor
  data(): Promise<Values>
  dispose(): void
}
type Pairs = readonly (readonly [number, number])[]
/** What is used of @jax-js/jax. */
interface Jax {
  init(device: 'webgpu'): Promise<string[]>
  defaultDevice(device: 'webgpu'): string
  getWebGPUDevice(): GPUDevice
  /** What was called but not asked for is not computed. */
  blockUntilReady<T>(tensors: T): Promise<T>
  jit<F>(fn: F): F & { dispose(): void }
  vjp(
    fn: (...xs: Tensor[]) => Tensor,
    primals: Tensor[],
  ): [Tensor, ((dy: Tensor) => Tensor[]) & { dispose(): void }]
  numpy: {
    array(values: ArrayLike<number>, options: { shape: number[]; dtype?: string }): Tensor
    matmul(a: Tensor, b: Tensor): Tensor
  }
  lax: {
    convGeneralDilated(
      x: Tensor,
      w: Tensor,
      strides: number[],
      padding: Pairs,
      options: { rhsDilation: number[] },
    ): Tensor
  }
}

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
    prepare: async (spec) => prepare(jax, device, taskOf(jax, spec), inputsOf(spec)),
  }
}

type Fn = (...inputs: Tensor[]) => Tensor[]

interface Task {
  readonly fn: Fn
  /** Of each input and each result: from our order of axes to theirs, and back. */
  readonly inputs?: readonly (readonly number[] | undefined)[]
  readonly results?: readonly ({ shape: readonly number[]; axes: readonly number[] } | undefined)[]
}

function taskOf(jax: Jax, spec: Spec): Task {
  switch (spec.kind) {
    case 'conv':
      return convTask(jax, spec)
    case 'matmul':
      return { fn: differentiated(jax, spec, (a, b) => jax.numpy.matmul(a, b)) }
  }
}

function convTask(jax: Jax, spec: SpecOf<'conv'>): Task {
  const { stride, padding: p, dilation } = spec
  const padding: Pairs = [
    [p, p],
    [p, p],
  ]
  const strides = [stride, stride]
  const options = { rhsDilation: [dilation, dilation] }
  const [x, w, y] = inputsOf(spec).map((i) => i.shape)
  const map = ([n, h, width, c]: readonly number[]) => ({
    shape: [n, c, h, width],
    axes: axes.fromPlanes,
  })
  const weight = { shape: [w[3], w[2], w[0], w[1]], axes: axes.weightFromPlanes }
  return {
    fn: differentiated(jax, spec, (a, b) =>
      jax.lax.convGeneralDilated(a, b, strides, padding, options),
    ),
    inputs: [axes.toPlanes, axes.weightToPlanes, axes.toPlanes],
    results: [map(y), map(x), weight],
  }
}

function differentiated(
  jax: Jax,
  { grads }: { grads: boolean },
  fn: (...inputs: Tensor[]) => Tensor,
): Fn {
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

async function prepare(
  jax: Jax,
  device: GPUDevice,
  task: Task,
  inputs: readonly Input[],
): Promise<Prepared> {
  const placed = inputs.map(({ values, shape }, i) => {
    const order = task.inputs?.[i]
    if (!order) return jax.numpy.array(values, { shape: [...shape] })
    const to = order.map((a) => shape[a])
    return jax.numpy.array(permuted(values, shape, order), { shape: to })
  })
  const fn = jax.jit(task.fn)
  const run = () => fn(...placed.map((t) => t.ref))
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
    read: async () => {
      const values: Values[] = []
      for (const [i, t] of run().entries()) {
        const v = await nodePlatform.settle(t.data())
        const order = task.results?.[i]
        values.push(order ? permuted(v, order.shape, order.axes) : v)
      }
      return values
    },
    free: () => {
      fn.dispose()
      for (const t of placed) t.dispose()
    },
  }
}
