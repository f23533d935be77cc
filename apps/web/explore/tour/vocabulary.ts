// The words that the tour's examples are written in: the library's own functions, and two small ones.

import {
  add,
  assign,
  checkpoint,
  conv2d,
  div,
  exp,
  grad,
  matmul,
  mean,
  mul,
  neg,
  relu,
  sigmoid,
  sin,
  sqrt,
  square,
  stopGradient,
  sub,
  sum,
  tanh,
  Variable,
} from '../../../../engine/index.ts'
import { heNormal } from '../../../../nn/init.ts'

/** A variable with normal starting values, of variance 2 / fan in; its name and shape decide them. */
const weights = (name: string, ...shape: number[]): Variable =>
  new Variable({ dtype: 'f32', shape }, () => heNormal()(name, shape), name)

/** What `checkpoint` is compared with. */
const keep = <R>(build: () => R): R => build()

export const vocabulary = {
  add,
  assign,
  checkpoint,
  conv2d,
  div,
  exp,
  grad,
  keep,
  matmul,
  mean,
  mul,
  neg,
  relu,
  sigmoid,
  sin,
  sqrt,
  square,
  stopGradient,
  sub,
  sum,
  tanh,
  weights,
}
