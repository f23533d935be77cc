// Small graphs in which a value is used more than once, each known by its definition.

import {
  add,
  concat,
  conv2d,
  convTranspose2d,
  maxPool2d,
  moments,
  mul,
  normalize,
  relu,
  repeatUpsample,
  rsqrt,
  sum,
} from '../../engine/index.ts'
import type { Tensor } from '../../engine/tensor.ts'
import { crossEntropy } from '../../nn/index.ts'
import { expression, type Inputs, type Operator } from './trial.ts'

const graphs: Readonly<Record<string, (inputs: Inputs) => Tensor>> = {
  'y = relu(x)*x + x + x': ({ x }) => add(add(mul(relu(x), x), x), x),
  'y = conv(relu(conv(x,w)),w) + x, 3x3 padding 1: w is used twice, x feeds a skip connection': ({
    x,
    w,
  }) => {
    const conv = (of: Tensor) => conv2d(of, w, { padding: 1 })
    return add(conv(relu(conv(x))), x)
  },
  'a = x*s (s has shape 1,C,1,1); b = maxpool_k2s2(a); u = repeat_upsample_2(b); y = concat(a, u, axis 1) * sum(a over all elements)':
    ({ x, s }) => {
      const a = mul(x, s)
      const u = repeatUpsample(maxPool2d(a, { kernel: 2 }), [2, 2])
      return mul(concat([a, u], 3), sum(a))
    },
  'y = mean cross entropy (ignore 255) of conv_transpose2d(relu(batch_norm_train(x, gamma, beta, eps 1e-5)), w, kernel 4, stride 2, padding 1)':
    ({ x, gamma, beta, w, labels }) => {
      const { mean, variance } = moments(x)
      const inverse = rsqrt(add(variance, 1e-5))
      const z = relu(normalize(x, mean, mul(gamma, inverse), beta))
      const logits = convTranspose2d(z, w, { stride: 2, padding: 1 })
      return crossEntropy(logits, labels, { ignore: 255 }).loss
    },
}

export const graph: Record<string, Operator> = {
  graph: expression((inputs, a) => graphs[a.text('definition', Object.keys(graphs))](inputs)),
}
