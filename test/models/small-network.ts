// A segmentation network small enough for any test, with one of everything: convolutions, batch normalisation, pooling,
// a skip, bilinear resizing, cross-entropy and gradient descent.

import {
  add,
  assign,
  concat,
  conv2d,
  grad,
  logSoftmax,
  maxPool2d,
  mean,
  moments,
  mul,
  normalize,
  relu,
  resizeBilinear,
  rsqrt,
  sub,
  type Tensor,
  type TensorType,
  takeLabel,
  Variable,
} from '../../engine/index.ts'
import { drawn, f32 } from '../agree.ts'

/** A small encoder and decoder with a skip, trained by plain gradient descent. */
export function network(classes = 4, width = 8) {
  const weights = [
    [3, 3, 3, width],
    [3, 3, width, 2 * width],
    [3, 3, 3 * width, width],
    [1, 1, width, classes],
  ].map((shape, i) => {
    const random = drawn([f32(...shape)], i + 1)[0]
    return new Variable(
      f32(...shape),
      () => (random.data as Float32Array).map((x) => x / 5),
      `w${i}`,
    )
  })
  const block = (x: Tensor, w: Variable) => {
    const y = conv2d(x, w, { padding: 1 })
    const { mean: m, variance } = moments(y)
    const one = mul(rsqrt(add(variance, 1e-3)), 1)
    return relu(normalize(y, m, one, mul(m, 0)))
  }
  const step = (image: Tensor, labels: Tensor) => {
    const a = block(image, weights[0])
    const b = block(maxPool2d(a, { kernel: 2 }), weights[1])
    const c = block(concat([a, resizeBilinear(b, [a.shape[1], a.shape[2]])], 3), weights[2])
    const logits = conv2d(c, weights[3])
    const loss = mul(mean(takeLabel(logSoftmax(logits), labels)), -1)
    grad(loss, weights).forEach((g, i) => {
      assign(weights[i], sub(weights[i], mul(g, 0.5)))
    })
    return [loss]
  }
  return { step, weights }
}

/** Types of n images of h×w and their labels. */
export const types = (h: number, w: number, n = 2): TensorType[] => [
  f32(n, h, w, 3),
  { dtype: 'u8', shape: [n, h, w] },
]
/** Images and labels below 4. */
export const batch = (h: number, w: number) => {
  const [image, labels] = drawn(types(h, w), 3)
  return [image, { ...labels, data: (labels.data as Uint8Array).map((l) => l % 4) }]
}
