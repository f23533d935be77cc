// The networks in jax-js: each one jit-compiled function of its parameters, planes first.

import { nodePlatform } from '../../engine/adapters/platform-node.ts'
import type { Values } from './engine.ts'
import { inputsOf, labelsOf, startOf, training, watched } from './inputs.ts'
import { around, batchNorm, crossEntropy, maxPool, ours, place, type Task } from './jax.ts'
import type { Jax, Tensor } from './jax-api.ts'
import { type Builder, folded, type Layer, layersOf, resnet } from './network.ts'
import type { SpecOf } from './rows.ts'

type Params = Record<string, Tensor>
const orderOf = (shape: readonly number[]) => (shape.length === 4 ? 'weight' : 'same')

/** Parameters are used by reference, so that the caller keeps its own. */
function builder(jax: Jax, of: (name: string) => Tensor, conv: Builder<Tensor>['conv']) {
  const all: Builder<Tensor> = {
    conv,
    maxPool: (x) => maxPool(jax, x, { kernel: 3, padding: 1, zeros: true }),
    // Either may be the other's origin, which its branch has used up by reference.
    join: (x, y) => jax.nn.relu(x.add(y)),
    head: (x) => jax.numpy.matmul(jax.numpy.mean(x, [2, 3]), of('fc.weight')).add(of('fc.bias')),
  }
  return all
}

const convolved = (jax: Jax, x: Tensor, w: Tensor, { kernel, stride }: Layer): Tensor =>
  jax.lax.convGeneralDilated(x.ref, w, [stride, stride], around((kernel - 1) / 2))

export function forwardOf(jax: Jax, spec: SpecOf<'forward'>): Task {
  const start = startOf(50, spec.classes)
  const params: Params = {}
  for (const name of ['fc.weight', 'fc.bias']) params[name] = place(jax, start.get(name)!, 'same')
  for (const { layer } of layersOf(50, spec.x[1])) {
    const { weight, bias } = folded(start, layer)
    params[`${layer.conv}.weight`] = place(jax, weight, 'weight')
    params[`${layer.conv}.bias`] = place(jax, bias, 'same')
  }
  const [image] = inputsOf(spec).map((i) => place(jax, i, 'planes'))
  const fn = jax.jit((p: Params, x: Tensor) => {
    const of = (name: string) => p[name].ref
    const conv = (input: Tensor, layer: Layer) => {
      const y = convolved(jax, input, of(`${layer.conv}.weight`), layer)
      const z = y.add(of(`${layer.conv}.bias`).reshape([1, -1, 1, 1]))
      return layer.relu ? jax.nn.relu(z) : z
    }
    return [resnet(50, builder(jax, of, conv), x)]
  })
  const refs = () => Object.fromEntries(Object.entries(params).map(([name, t]) => [name, t.ref]))
  const run = () => fn(refs(), image.ref)
  return {
    run,
    read: async () => [await nodePlatform.settle(run()[0].data())],
    free: () => {
      fn.dispose()
      for (const t of [image, ...Object.values(params)]) t.dispose()
    },
  }
}

export function stepOf(jax: Jax, spec: SpecOf<'step'>): Task {
  const [n] = spec.x
  const [image] = inputsOf(spec).map((i) => place(jax, i, 'planes'))
  const labels = jax.numpy.array(labelsOf(n, spec.classes), { shape: [n], dtype: 'int32' })
  const start = [...startOf(18, spec.classes)].filter(([name]) => !name.includes('running'))
  const shapes = new Map(start.map(([name, { shape }]) => [name, shape]))
  const placed = (zero: boolean): Params =>
    Object.fromEntries(
      start.map(([name, { shape, values }]) => {
        const input = { shape, values: zero ? new Float32Array(values.length) : values }
        return [name, place(jax, input, orderOf(shape))]
      }),
    )
  let [params, velocity] = [placed(false), placed(true)]
  const lossOf = (p: Params, x: Tensor, classes: Tensor) => {
    const of = (name: string) => p[name].ref
    const conv = (input: Tensor, layer: Layer) => {
      const y = convolved(jax, input, of(`${layer.conv}.weight`), layer)
      const z = batchNorm(jax, y, of(`${layer.norm}.weight`), of(`${layer.norm}.bias`))
      return layer.relu ? jax.nn.relu(z) : z
    }
    return crossEntropy(jax, resnet(18, builder(jax, of, conv), x), classes, spec.classes)
  }
  const fn = jax.jit(
    (p: Params, v: Params, x: Tensor, classes: Tensor): [Tensor, Params, Params] => {
      const kept = Object.fromEntries(Object.entries(p).map(([name, t]) => [name, t.ref]))
      const [loss, gradient] = jax.valueAndGrad(lossOf)(kept, x, classes)
      const faster: Params = {}
      const moved: Params = {}
      for (const name of Object.keys(p)) {
        faster[name] = v[name].mul(training.momentum).add(gradient[name])
        moved[name] = p[name].sub(faster[name].ref.mul(training.rate))
      }
      return [loss, moved, faster]
    },
  )
  const run = () => {
    const [loss, moved, faster] = fn(params, velocity, image.ref, labels.ref)
    params = moved
    velocity = faster
    // What is kept stands for the step: a loss alone would leave the update undone.
    return [loss, ...Object.values(params).map((t) => t.ref)]
  }
  const read = async () => {
    const losses: number[] = []
    for (let i = 0; i < 2; i++) {
      const [loss, ...rest] = run()
      losses.push((await nodePlatform.settle(loss.data()))[0])
      for (const t of rest) t.dispose()
    }
    const results: Values[] = [Float32Array.from(losses)]
    for (const name of watched) {
      const shape = shapes.get(name)!
      const values = await nodePlatform.settle(params[name].ref.data())
      results.push(ours(values, [orderOf(shape), shape]))
    }
    return results
  }
  const free = () => {
    fn.dispose()
    for (const t of [image, labels, ...Object.values(params), ...Object.values(velocity)])
      t.dispose()
  }
  return { run, read, free }
}
