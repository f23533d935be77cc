// The networks in TensorFlow.js: fused convolutions for the forward pass, its own optimiser for the training step.

import { nodePlatform } from '../../engine/adapters/platform-node.ts'
import type { Values } from './engine.ts'
import { type Input, inputsOf, labelsOf, startOf, training, watched } from './inputs.ts'
import { type Builder, epsilon, folded, layersOf, resnet } from './network.ts'
import type { SpecOf } from './rows.ts'
import type { Task } from './tfjs.ts'
import type { Tensor, Tf, Variable } from './tfjs-api.ts'

/** What inference and training have in common. */
const common = (tf: Tf, weight: Tensor, bias: Tensor): Omit<Builder<Tensor>, 'conv'> => ({
  maxPool: (x) => tf.maxPool(x, 3, 2, 1, 'floor'),
  join: (x, y) => tf.relu(tf.add(x, y)),
  head: (x) => tf.add(tf.matMul(tf.mean(x, [1, 2]), weight), bias),
})

export function forwardOf(tf: Tf, spec: SpecOf<'forward'>): Task {
  const start = startOf(50, spec.classes)
  const placed = ({ values, shape }: Input) => tf.tensor(values, shape)
  const [image] = inputsOf(spec).map(placed)
  const [weight, bias] = [placed(start.get('fc.weight')!), placed(start.get('fc.bias')!)]
  const layers = new Map<string, { filter: Tensor; bias: Tensor }>()
  for (const { layer } of layersOf(50, spec.x[1])) {
    const f = folded(start, layer)
    layers.set(layer.conv, { filter: placed(f.weight), bias: placed(f.bias) })
  }
  const builder: Builder<Tensor> = {
    ...common(tf, weight, bias),
    conv: (x, { conv, kernel, stride, relu }) =>
      tf.fused.conv2d({
        ...{ x, strides: stride, pad: (kernel - 1) / 2, dimRoundingMode: 'floor' },
        ...layers.get(conv)!,
        activation: relu ? 'relu' : 'linear',
      }),
  }
  const kept = [image, weight, bias, ...[...layers.values()].flatMap((l) => [l.filter, l.bias])]
  return { run: () => [resnet(50, builder, image)], kept }
}

export function stepOf(tf: Tf, spec: SpecOf<'step'>): Task {
  const [n] = spec.x
  const [image] = inputsOf(spec).map(({ values, shape }) => tf.tensor(values, shape))
  const labels = tf.tensor(labelsOf(n, spec.classes), [n], 'int32')
  const variables = new Map<string, Variable>()
  for (const [name, { values, shape }] of startOf(18, spec.classes))
    if (!name.includes('running'))
      variables.set(name, tf.variable(tf.tensor(values, shape), true, name))
  const of = (name: string) => variables.get(name)!
  const builder: Builder<Tensor> = {
    ...common(tf, of('fc.weight'), of('fc.bias')),
    conv: (x, { conv, norm, kernel, stride, relu }) => {
      const y = tf.conv2d(x, of(`${conv}.weight`), stride, (kernel - 1) / 2, 'NHWC', 1, 'floor')
      const { mean, variance } = tf.moments(y, [0, 1, 2])
      const shift = of(`${norm}.bias`)
      const z = tf.batchNorm(y, mean, variance, shift, of(`${norm}.weight`), epsilon)
      return relu ? tf.relu(z) : z
    },
  }
  const optimizer = tf.train.momentum(training.rate, training.momentum)
  const list = [...variables.values()]
  const loss = () =>
    tf.losses.softmaxCrossEntropy(tf.oneHot(labels, spec.classes), resnet(18, builder, image))
  const run = () => [optimizer.minimize(loss, true, list)]
  const read = async () => {
    const losses: number[] = []
    for (let i = 0; i < 2; i++) {
      const [cost] = tf.tidy(run)
      losses.push((await nodePlatform.settle(cost.data()))[0])
      cost.dispose()
    }
    const results: Values[] = [Float32Array.from(losses)]
    for (const name of watched) results.push(await nodePlatform.settle(of(name).data()))
    return results
  }
  const free = { dispose: () => optimizer.dispose() } as Tensor
  return { run, read, kept: [image, labels, ...list, free] }
}
