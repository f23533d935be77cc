// From a joint node to its dispatch.

import { type JointOperand, joint } from '../../shaders/joint.ts'
import { type Dispatch, input, output } from '../../shaders/kernel.ts'
import { sizeOf } from '../dtype.ts'
import { assignedBy, bodyOf, type Joint } from '../passes/fused.ts'
import type { Node, Tensor } from '../tensor.ts'
import { constantsOf, pasted } from './expressions.ts'
import type { LowerInfo } from './lower.ts'

export function lowerJoint(node: Node, { each, members }: Joint, info: LowerInfo): Dispatch {
  const own = (m: number) => members[m].map((i) => node.inputs[i])
  const results = each.results.length
  const inputs = own(0)
  const size = sizeOf(node.types[0].shape)
  const space = (x: Tensor) =>
    info.variableOf(x) ? 'variables' : info.isActivation(x) ? 'activations' : info.access(x)
  const operands: JointOperand[] = inputs.map((x) => ({
    space: space(x),
    scalar: size > 1 && sizeOf(x.shape) === 1,
  }))
  const writes = each.results.map((_, r) => {
    const variable = assignedBy(node, r)?.attrs.variable
    const old = inputs.findIndex((x) => info.variableOf(x) === variable)
    return old >= 0 ? old : operands.push({ space: 'variables', scalar: false, fresh: true }) - 1
  })
  const fresh = [...each.results.keys()].filter((r) => writes[r] >= inputs.length)
  const { key, emit } = pasted(each, inputs)
  const { steps } = bodyOf(node)
  const length = each.steps.length
  return joint({
    key,
    emit,
    operands,
    writes,
    members: members.map((numbers, m) => ({
      count: sizeOf(node.types[m * results].shape),
      constants: constantsOf(steps.slice(m * length, (m + 1) * length)),
      slots: [...numbers.map(input), ...fresh.map((r) => output(m * results + r))],
    })),
  })
}
