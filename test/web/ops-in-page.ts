// What ops.test.ts runs inside the page: the quick set of the operator tests, on one device. No Node in here.

import { copyOf } from '../../engine/graph.ts'
import { type Device, openDevice, ops } from '../../engine/index.ts'
import { compareGradients, compareOp, gradients } from '../ops/op-runs.ts'

let opened: Promise<Device> | undefined

const cases = ops.filter((op) => op.samples.length)

export interface OpNames {
  readonly values: string[]
  readonly gradients: string[]
  readonly line: string
}

/** The ops that have samples, those that have gradients, and the adapter. */
export async function names(): Promise<OpNames> {
  opened ??= openDevice({ alignment: 256, tuning: 'shipped' })
  const { line } = await opened
  const of = (list: typeof cases) => list.map(({ name }) => name)
  return {
    values: of(cases),
    gradients: of(cases.filter((op) => gradients(op).length)),
    line,
  }
}

/** The problems of each op's values on all samples, from buffers and from activation memory, and twice to the bit; and of its gradient with one draw. */
export async function check(names: readonly string[]): Promise<string[]> {
  const d = await opened!
  const problems: string[] = []
  for (const op of cases.filter(({ name }) => names.includes(name))) {
    try {
      await compareOp(d, op, (x) => x)
      // Values inside a program share slabs and start anywhere: other variants of the same kernels.
      if (op.kind === 'structured') await compareOp(d, op, copyOf)
      if (gradients(op).length) await compareGradients(d, op, [1])
    } catch (error) {
      problems.push(`${op.name}: ${(error as Error).message}`)
    }
  }
  return problems
}
