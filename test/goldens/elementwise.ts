// One number in, one number out, with every broadcast.

import {
  abs,
  add,
  clamp,
  div,
  exp,
  log,
  maximum,
  minimum,
  mul,
  neg,
  pow,
  reciprocal,
  relu,
  rsqrt,
  sigmoid,
  sqrt,
  square,
  sub,
  tanh,
  where,
} from '../../engine/index.ts'
import type { Tensor } from '../../engine/tensor.ts'
import type { Attributes } from './attributes.ts'
import { expression, type Operator } from './trial.ts'

const unary = (f: (x: Tensor) => Tensor): Operator => expression(({ x }) => f(x))

const binary = (f: (a: Tensor, b: Tensor) => Tensor, rules?: (a: Attributes) => void): Operator =>
  expression(({ a, b }, attributes) => {
    attributes.passOver('broadcast')
    rules?.(attributes)
    return f(a, b)
  })

const halves = (a: Attributes) => a.rule('gradient_on_tie', 'half to each operand')

export const elementwise: Record<string, Operator> = {
  add: binary(add),
  sub: binary(sub),
  mul: binary(mul),
  div: binary(div),
  maximum: binary(maximum, halves),
  minimum: binary(minimum, halves),
  pow: binary(pow),
  pow_scalar: expression(({ x }, a) => pow(x, a.number('exponent'))),
  neg: unary(neg),
  abs: unary(abs),
  exp: unary(exp),
  log: unary(log),
  sqrt: unary(sqrt),
  rsqrt: unary(rsqrt),
  square: unary(square),
  reciprocal: unary(reciprocal),
  sigmoid: unary(sigmoid),
  tanh: unary(tanh),
  relu: expression(({ x }, a) => {
    a.fixed('gradient_at_zero', 0)
    return relu(x)
  }),
  clamp: expression(({ x }, a) => {
    a.fixed('gradient_on_boundary', 1)
    return clamp(x, a.maybe('min'), a.maybe('max'))
  }),
  where: expression(({ cond, a, b }, attributes) => {
    attributes.rule('cond', 'U8, nonzero selects a')
    return where(cond, a, b)
  }),
  masked_mul: expression(({ x, mask }, a) => {
    a.rule('definition', 'y = x*mask*scale')
    return mul(mul(x, mask), a.number('scale'))
  }),
}
