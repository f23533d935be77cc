// From the gradient of a softmax, or of its logarithm, to that of its input, along one axis of y and dy [outer, c, inner]:
//
//   softmax      dx = y · (dy − Σ_j dy_j y_j)
//   logSoftmax   dx = dy − exp(y) · Σ_j dy_j
//
// Nothing but the output y is needed. Short axes: one invocation a column sums and writes, and finds what it reads again in
// the cache. Long axes: the sums are a reduction, and every element is written alone.

import { sumFold } from './folds.ts'
import {
  type Access,
  type Caps,
  input,
  output,
  overIndex,
  perIndex,
  type Recipe,
  scratch,
} from './kernel.ts'
import { reduce } from './reduce.ts'
import { type Axis, across, inLanes, isShort, typesOf } from './softmax.ts'

export interface SoftmaxGradSpec extends Axis {
  /** y is the logarithm of the softmax. */
  readonly log: boolean
  readonly access: readonly Access[]
  readonly caps: Caps
}

/** Inputs dy, y; outputs dx. */
export function softmaxGrad({ log, access, caps, ...axis }: SoftmaxGradSpec): Recipe {
  const { lanes, outer, c, inner } = inLanes(axis)
  const { element } = typesOf(lanes)
  const vec = lanes !== 'single'
  const key = `${log ? 'logSoftmax' : 'softmax'}/grad/${lanes}`
  const value = log ? 'dy[j] - exp(y[j]) * sum' : 'y[j] * (dy[j] - sum)'
  const bindings = [
    { name: 'dy', access: access[0], elem: 'f32', vec },
    { name: 'y', access: access[1], elem: 'f32', vec },
    { name: 'dx', access: 'read_write', elem: 'f32', vec },
  ] as const
  const slots = [input(0), input(1), output(0)]
  if (isShort({ outer, c, inner })) {
    const kernel = perIndex({
      key,
      params: 'c: u32, inner: u32',
      bindings,
      functions: 'fn add(a: f32, b: f32) -> f32 { return a + b; }',
      body: /* wgsl */ `
  let begin = (i / p.inner) * p.c * p.inner + i % p.inner;
  let end = begin + p.c * p.inner;
  var sums = ${element}();
  for (var j = begin; j < end; j += p.inner) { sums += ${log ? 'dy[j]' : 'dy[j] * y[j]'}; }
  let sum = ${across(lanes, (a, b) => `add(${a}, ${b})`, 'sums')};
  for (var j = begin; j < end; j += p.inner) { dx[j] = ${value}; }`,
    })
    return { scratch: [], dispatches: [overIndex(kernel, c && outer * inner, slots, c, inner)] }
  }
  const operands = access.map((a) => ({ access: a, elem: 'f32', mode: 'same' }) as const)
  const summed = reduce(
    {
      ...axis,
      fold: sumFold('f32'),
      elem: 'f32',
      reduce: axis.c,
      values: 1,
      load: log
        ? {
            key: 'dy',
            operands: operands.slice(0, 1),
            emit: ([dy]) => ({ code: '', results: [dy] }),
          }
        : { key: 'dy·y', operands, emit: ([dy, y]) => ({ code: '', results: [`(${dy} * ${y})`] }) },
    },
    caps,
  )
  const sums = scratch(summed.scratch.length)
  const kernel = perIndex({
    key: `${key}/finish`,
    params: 'c: u32, inner: u32',
    bindings: [
      ...bindings,
      { name: 'sums', access: 'read_write', elem: 'f32', vec: lanes === 'columns' },
    ],
    body: /* wgsl */ `
  let j = i;
  let sum = sums[i / (p.c * p.inner) * p.inner + i % p.inner];
  dx[j] = ${value};`,
  })
  return {
    scratch: [...summed.scratch, Math.ceil((axis.outer * axis.inner) / 4) * 16],
    dispatches: [
      ...summed.dispatches.map((d) => ({
        ...d,
        buffers: d.buffers.map((b) => (b.kind === 'output' ? sums : b)),
      })),
      overIndex(kernel, outer * c * inner, [...slots, sums], c, inner),
    ],
  }
}
