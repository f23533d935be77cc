// The ten examples of the tour: the text that is shown and run, its gaps, and the arguments of the run. What each of them
// claims is checked in claims.ts.

import { hostTensor } from '../../../../engine/index.ts'
import type { Example, Gap, Settings } from './program.ts'

const number = (label: string, first: number, step = 0.5, min = -8, max = 8): Gap => ({
  label,
  first: String(first),
  step,
  min,
  max,
})
const word = (label: string, ...options: string[]): Gap => ({ label, first: options[0], options })
const whole = (label: string, first: number, min: number, max: number): Gap =>
  number(label, first, 1, min, max)

const x = number('x', 3)
const w = number('w', 2)
const numbers =
  (...names: string[]) =>
  (settings: Settings) =>
    names.map((name) => Number(settings[name]))

/** 1. A value and a product. */
const product: Example = {
  code: `const f = (x, w) => {
  const y = [[op]](x, w)
  return { y }
}`,
  call: 'await device.compile(f).run([[x]], [[w]])',
  gaps: { op: word('Operation', 'mul', 'add', 'sub', 'div'), x, w },
  args: numbers('x', 'w'),
}

/** 2. A graph is recorded, and nothing computed. */
const recorded: Example = {
  code: `const f = (x, w, b) => {
  const a = add(mul(x, w), b)
  const y = relu(a)
  const z = exp(y)
  return { [[out]] }
}`,
  call: 'await device.compile(f).run([[x]], [[w]], [[b]])',
  gaps: { out: word('What is returned', 'y', 'z', 'y, z', 'a'), x, w, b: number('b', -1) },
  args: numbers('x', 'w', 'b'),
}

/** 3. The chain rule, by hand. One factor is wrong at first. */
const byHand: Example = {
  code: `const f = (x, w) => {
  const y = mul(x, w)
  const loss = square(y)

  const dy = mul(2, y)
  const dx = mul(dy, w)
  const dw = mul(dy, [[factor]])
  return { loss, dy, dx, dw }
}`,
  call: 'await device.compile(f).run([[x]], [[w]])',
  gaps: { factor: word('Factor of dw', 'w', 'y', 'x'), x, w },
  args: numbers('x', 'w'),
}

/** 4. grad appends nodes. */
const appended: Example = {
  code: `const f = (x, w) => {
  const y = mul(x, w)
  const loss = [[outer]](y)

  const [dx, dw] = grad(loss, [x, w])
  return { loss, dx, dw }
}`,
  call: 'await device.compile(f).run([[x]], [[w]])',
  gaps: {
    outer: word('Operation', 'square', 'sin', 'tanh', 'exp'),
    x: number('x', 1.5, 0.25, -4, 4),
    w: number('w', 0.5, 0.25, -4, 4),
  },
  args: numbers('x', 'w'),
}

/** 5. Two ways to one value. */
const fanOut: Example = {
  code: `const f = (x) => {
  const y = [[body]]
  const [dx] = grad(y, [x])
  return { y, dx }
}`,
  call: 'await device.compile(f).run([[x]])',
  gaps: {
    body: word('Function', 'mul(x, x)', 'add(square(x), x)', 'mul(mul(x, x), x)', 'sub(x, x)'),
    x,
  },
  args: numbers('x'),
}

/** 6. What a rule reads stays alive. */
const kept: Example = {
  code: `const f = (x) => {
  const h = mul(x, 0.5)
  const y = [[op]](h)
  const loss = sum(y)
  const [dx] = grad(loss, [x])
  return { loss, dx }
}`,
  call: 'await device.compile(f).run([-2, -1, 1, 2])',
  gaps: {
    op: word('Operation', 'relu', 'square', 'exp', 'sin', 'sigmoid', 'tanh', 'neg'),
  },
  args: () => [hostTensor(Float32Array.of(-2, -1, 1, 2), [4])],
}

/** 7. A matrix product or a convolution, and its two derivatives. */
const products: Example = {
  code: `const f = (x, w, g) => {
  const y = [[product]]
  const loss = sum(mul(y, g))
  const [dx, dw] = grad(loss, [x, w])
  return { loss, y, dx, dw }
}`,
  call: 'await device.compile(f).run(x, w, g)',
  gaps: { product: word('Product', 'matmul(x, w)', 'conv2d(x, w, { padding: 1 })') },
  args: ({ product }) => (product.startsWith('matmul') ? matrices : maps),
}

const small = (shape: readonly number[], values: readonly number[]) =>
  hostTensor(Float32Array.from(values), shape)
const matrices = [
  small([4, 3], [1, 2, 0, -1, 1, 3, 2, 0, 1, 0, -2, 1]),
  small([3, 2], [1, -1, 2, 0, 0, 3]),
  small([4, 2], [1, 0, 2, -1, 0, 1, 1, 1]),
]
const maps = [
  small([1, 4, 4, 1], [1, 2, 0, 1, 0, 3, 1, -1, 2, 0, 1, 2, 1, 1, -2, 0]),
  small([3, 3, 1, 1], [0, 1, 0, 1, -4, 1, 0, 1, 0]),
  small([1, 4, 4, 1], [1, 0, 0, 0, 0, 2, 0, 0, 0, 0, -1, 0, 0, 0, 0, 1]),
]

/** 8. A loss, and steps down. */
const descent: Example = {
  code: `const w1 = weights('w1', 1, 16), b1 = weights('b1', 1, 16)
const w2 = weights('w2', 16, 1)
const all = [w1, b1, w2]

const f = (x, t, rate) => {
  const h = [[act]](add(matmul(x, w1), b1))
  const y = matmul(h, w2)
  const loss = mean(square(sub(y, t)))

  const g = grad(loss, all)
  all.forEach((w, i) => assign(w, sub(w, mul(rate, g[i]))))
  const length = g.map((g) => sum(square(g))).reduce((a, b) => add(a, b))
  return { loss, y, length }
}`,
  call: 'await step.run(x, t, [[rate]])',
  gaps: {
    act: word('Activation', 'tanh', 'relu', 'sin'),
    rate: number('Rate', 0.05, 0.01, 0, 0.5),
  },
  args: ({ rate }) => [...curve, Number(rate)],
  resultsOnly: true,
}

const points = 24
const along = Array.from({ length: points }, (_, i) => (4 * i) / (points - 1) - 2)
const curve = [
  small([points, 1], along),
  small(
    [points, 1],
    along.map((v) => Math.sin(1.5 * v)),
  ),
]

/** 9. The plan, and what is made again. */
const planned: Example = {
  code: `const layers = Array.from({ length: [[layers]] }, (_, i) =>
  weights('layer' + i, 3, 3, 4, 4))
const layer = (x, w) => relu(conv2d(x, w, { padding: 1 }))

const f = (x) => {
  let y = x
  for (let i = 0; i < layers.length; i += [[size]]) {
    const part = () => layers.slice(i, i + [[size]]).reduce(layer, y)
    y = [[block]](part)
  }
  const loss = mean(square(y))
  return { loss, gradients: grad(loss, layers) }
}`,
  call: 'await device.compile(f).run(image)',
  gaps: {
    layers: whole('Layers', 6, 2, 9),
    size: whole('Layers in a block', 3, 1, 4),
    block: word('A block is', 'keep', 'checkpoint'),
  },
  args: () => [image],
  resultsOnly: true,
}

const image = hostTensor(
  Float32Array.from({ length: 64 * 64 * 4 }, (_, i) => Math.sin(i * i)),
  [1, 64, 64, 4],
)

/** 10. The residual block. */
const residual: Example = {
  code: `const blocks = Array.from({ length: [[blocks]] }, (_, i) =>
  ['a', 'b'].map((part) => weights(part + i, 3, 3, 4, 4)))

const block = (x, [a, b], gain) => {
  const h = conv2d(relu(x), a, { padding: 1 })
  const inner = conv2d(relu(h), b, { padding: 1 })
  return [[join]]
}
const f = (x, gain) => {
  const ends = [x]
  for (const pair of blocks) ends.push(block(ends.at(-1), pair, gain))
  const loss = mean(square(ends.at(-1)))
  const norms = grad(loss, ends).map((g) => sqrt(sum(square(g))))
  return { loss, norms }
}`,
  call: 'await device.compile(f).run(image, [[gain]])',
  gaps: {
    blocks: whole('Blocks', 6, 1, 8),
    join: word('What a block gives', 'add(x, mul(gain, inner))', 'mul(gain, inner)'),
    gain: number('Gain', 0.25, 0.05, 0, 1),
  },
  args: ({ gain }) => [picture, Number(gain)],
  resultsOnly: true,
}

const picture = hostTensor(
  Float32Array.from({ length: 8 * 8 * 4 }, (_, i) => Math.cos(i * i)),
  [1, 8, 8, 4],
)

/** In the order of the tour. */
export const examples = {
  product,
  recorded,
  byHand,
  appended,
  fanOut,
  kept,
  products,
  descent,
  planned,
  residual,
} as const

export type ExampleName = keyof typeof examples
