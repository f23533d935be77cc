// Products of matrices, and convolutions both ways.

import { add, conv2d, convTranspose2d, matmul } from '../../engine/index.ts'
import type { Tensor } from '../../engine/tensor.ts'
import type { Attributes } from './attributes.ts'
import { expression, type Inputs, type Operator } from './trial.ts'

/** What a case says of its weights again: it must be so. */
function checkKernel({ w, b }: Inputs, a: Attributes): void {
  const kernel = a.pair('kernel')
  if (kernel.join() !== w.shape.slice(0, 2).join())
    throw new Error(`its attribute kernel is [${kernel}] and its weight is [${w.shape}] here`)
  if (a.flag('bias') !== Boolean(b))
    throw new Error(`its attribute bias is ${a.flag('bias')}, which its tensors contradict`)
  a.fixed('groups', 1)
}

const biased = (y: Tensor, b: Tensor | undefined) => (b ? add(y, b) : y)

export const matrix: Record<string, Operator> = {
  matmul: expression(({ a, b }, attributes) => {
    const transposeA = attributes.flag('transpose_a')
    const transposeB = attributes.flag('transpose_b')
    return matmul(a, b, { transposeA, transposeB })
  }),
  conv2d: expression((inputs, a) => {
    checkKernel(inputs, a)
    const { x, w, b } = inputs
    const { top, bottom, left, right } = a.sides('padding')
    const mode = a.text('padding_mode', ['explicit', 'same', 'valid'])
    const padding = mode === 'same' ? 'same' : ([top, left, bottom, right] as const)
    const [stride, dilation] = [a.pair('stride'), a.pair('dilation')]
    return biased(conv2d(x, w, { stride, dilation, padding }), b)
  }),
  conv_transpose2d: expression((inputs, a) => {
    checkKernel(inputs, a)
    a.rule(
      'output_size_rule',
      '(in-1)*stride - 2*padding + dilation*(kernel-1) + output_padding + 1',
    )
    const { x, w, b } = inputs
    const y = convTranspose2d(x, w, {
      stride: a.pair('stride'),
      dilation: a.pair('dilation'),
      padding: a.pair('padding'),
      outputPadding: a.pair('output_padding'),
    })
    return biased(y, b)
  }),
}
