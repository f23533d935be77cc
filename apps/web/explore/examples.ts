// Functions to begin with, as a person would type them. The body returns the function; its arguments are said by their shapes.

export interface Example {
  readonly title: string
  readonly code: string
  readonly inputs: string
}

export const examples: Readonly<Record<string, Example>> = {
  square: {
    title: 'x · x',
    inputs: 'f32[]',
    code: `// A value that is used twice: its derivative has two parts, and they are added.
return (x) => {
  const y = mul(x, x)
  return [y, ...grad(y, [x])]
}`,
  },
  neuron: {
    title: 'Logistic neuron',
    inputs: 'f32[4,3] f32[4,1]',
    code: `// σ(x·w + b) for four examples of three numbers, and how far it is from a target.
const w = weights('w', 3, 1)
const b = weights('b', 1)

return (x, target) => {
  const y = sigmoid(add(matmul(x, w), b))
  const loss = mean(square(sub(y, target)))
  return [loss, ...grad(loss, [w, b])]
}`,
  },
  crossentropy: {
    title: 'Softmax cross entropy',
    inputs: 'f32[8,5] i32[8]<5',
    code: `// −log of the share that the softmax gives the right class, written out. The
// derivative is known to be softmax − one hot; see what reverse mode finds.
return (scores, labels) => {
  const loss = neg(mean(takeLabel(logSoftmax(scores), labels)))
  return [loss, ...grad(loss, [scores])]
}`,
  },
  convnorm: {
    title: 'Convolution, batch norm, ReLU',
    inputs: 'f32[2,16,24,3]',
    code: `// The unit that most of the networks are made of.
class Unit extends Module {
  conv = new Conv2d(3, 8, 3, { padding: 1, bias: false })
  norm = new BatchNorm2d(8)
  forward(image) {
    return relu(this.norm.apply(this.conv.apply(image), { train: true }))
  }
}
const unit = new Unit()

return (image) => {
  const loss = mean(square(unit.apply(image)))
  return [loss, ...grad(loss, unit.parameters())]
}`,
  },
  residual: {
    title: 'Residual block',
    inputs: 'f32[1,64,64,8]',
    code: `// x + F(x): the gradient reaches x on two ways, one of them without a single
// multiplication. Two blocks, so that there is something to recompute.
class Net extends Module {
  blocks = [8, 8].map((c) => new ResidualUnit(c, c, { seed: 1, norm: {} }))
  forward(x) {
    return this.blocks.reduce((y, block) => block.apply(y, { train: true }), x)
  }
}
const net = new Net()

return (x) => {
  const loss = mean(square(net.apply(x)))
  return [loss, ...grad(loss, net.parameters())]
}`,
  },
  atrous: {
    title: 'Atrous convolutions',
    inputs: 'f32[1,48,64,4]',
    code: `// Holes between the taps: with dilation 1, 2 and 4 one output sees 3, 7 and 15
// pixels on a side, at the price of 3 taps each.
const [a, b, c] = ['a', 'b', 'c'].map((name) => weights(name, 3, 3, 4, 4))

return (image) => {
  const near = relu(conv2d(image, a, { padding: 1 }))
  const far = relu(conv2d(near, b, { padding: 2, dilation: 2 }))
  const wide = conv2d(far, c, { padding: 4, dilation: 4 })
  const loss = mean(square(wide))
  return [loss, ...grad(loss, [a, b, c])]
}`,
  },
  frrn: {
    title: 'FRRN unit with an SGD step',
    inputs: 'f32[1,16,24,8] f32[1,32,48,4]',
    code: `// A full-resolution residual unit reads a pooling stream y and a residual stream z,
// renews one and adds to the other (Pohlen et al. 2017); then a step of gradient
// descent with momentum changes its parameters.
const unit = new FullResolutionUnit(8, 8, 4, 2, { seed: 1, norm: {} })
const optimizer = new Sgd(unit.parameters(), { momentum: 0.9 })

return (y, z) => {
  const streams = unit.apply({ y, z }, { train: true })
  const loss = add(mean(square(streams.y)), mean(square(streams.z)))
  return optimizer.minimize(loss, 0.1)
}`,
  },
}

export const firstExample = 'neuron'
