// Networks on paper: traced without a device, and compared with the counts of counts.json.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { sizeOf, type TensorType } from '../../engine/dtype.ts'
import { graphOf } from '../../engine/graph.ts'
import { apply } from '../../engine/op.ts'
import { inputOp } from '../../engine/ops/source.ts'
import type { Tensor, Variable } from '../../engine/tensor.ts'
import { tracing } from '../../engine/trace.ts'
import type { Network } from '../../models/index.ts'
import { capture } from '../../nn/capture.ts'
import { countParameters } from '../../nn/state.ts'
import { needShared } from '../harness.ts'

/** Applies `fn` to an image [n, h, w, c] without a device. */
export function onPaper<R>(shape: readonly number[], fn: (image: Tensor) => R): R {
  const type: TensorType = { dtype: 'f32', shape }
  return tracing(() => fn(apply(inputOp, [], { type, position: 0 })[0])).result
}

/** Multiply-adds of everything that `y` needs. */
export const macsOf = (y: Tensor): number =>
  graphOf([], [y], []).nodes.reduce(
    (n, { op, inputs, types, attrs }) => n + op.cost(inputs, types, attrs).macs,
    0,
  )

/** A row of counts.json; shapes are those of one image, channels first. */
export interface CountsRow {
  readonly family: string
  readonly classes: number
  readonly input: readonly [c: number, h: number, w: number]
  readonly output: readonly number[]
  readonly params: Readonly<Record<string, number>>
  readonly macs: number
  readonly fov?: number
  readonly stages?: readonly (readonly [name: string, ...shape: number[]])[]
}

export const countsRows = (): Readonly<Record<string, CountsRow>> =>
  JSON.parse(readFileSync(needShared('reference/counts.json'), 'utf8')).models

/** [c, h, w] or [c], as a batch of one with its channels last. */
const batchOf = ([c, ...size]: readonly number[]): number[] => [1, ...size, c]

/** What a network's variables are, in the terms of counts.json. */
function paramsOf(network: Network): CountsRow['params'] {
  const state = network.stateDict()
  const normalised = (name: string) => state.has(name.replace(/\w+$/, 'running_mean'))
  const kind = (name: string, v: Variable) =>
    /\.running_\w+$/.test(name)
      ? 'bn_running'
      : normalised(name)
        ? 'bn_affine'
        : v.shape.length > 1
          ? 'weights'
          : 'biases'
  const counts = { trainable: countParameters(network), weights: 0, biases: 0 }
  const all = { ...counts, bn_affine: 0, bn_running: 0 }
  for (const [name, v] of state) all[kind(name, v)] += sizeOf(v.shape)
  return all
}

/** Asserts everything that row `id` of counts.json says of a network: its parameters by kind, its multiply-adds, its output,
 * and each of its stages. `stages` gives the path of the module that returns a stage (`backbone.0`), or after a colon the
 * op inside it (`backbone:maxPool2d`); a list of them where the row has several stages of one name. */
export function checkCounts(
  id: string,
  network: Network,
  stages: Readonly<Record<string, string | readonly string[]>> = {},
): void {
  const row = countsRows()[id]
  assert.ok(row, `there is no row ${id}`)
  assert.deepEqual(paramsOf(network), row.params, id)
  const seen: string[] = []
  const names = (row.stages ?? []).map(([stage]) => {
    const name = [stages[stage]].flat()[seen.filter((s) => s === stage).length]
    seen.push(stage)
    return name ?? assert.fail(`${id}: no module is named for stage ${stage}`)
  })
  const modules = names.filter((name) => !name.includes(':'))
  const { result, values } = onPaper(batchOf(row.input), (image) =>
    capture(network, modules)(image, { train: false }),
  )
  assert.deepEqual(result.shape, batchOf(row.output), id)
  assert.equal(macsOf(result), row.macs, id)
  const { nodes } = graphOf([], [result], [])
  const shapeOf = (name: string) => {
    const [path, op] = name.split(':')
    return op
      ? nodes.find((node) => node.path === path && node.op.name === op)?.types[0].shape
      : values[name].shape
  }
  row.stages?.forEach(([stage, ...shape], i) => {
    assert.deepEqual(shapeOf(names[i]), batchOf(shape), `${id}: ${stage}`)
  })
}
