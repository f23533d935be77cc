import * as assert from 'uvu/assert'
import { changeOf, differentiatedBy, holdersOf, originsOf } from '../../engine/lineage.ts'
import {
  checkpoint,
  conv2d,
  defaultCaps,
  explain,
  type Graph,
  grad,
  mean,
  mul,
  type Node,
  relu,
  square,
  sum,
  tanh,
} from '../../engine/node.ts'
import { bodyOf } from '../../engine/passes/fused.ts'
import { titleOf } from '../../engine/print.ts'
import { type Tensor, Variable } from '../../engine/tensor.ts'
import { BatchNorm2d, Conv2d, joined, type Mode, Module } from '../../nn/index.ts'
import { Sgd } from '../../train/index.ts'
import { test } from '../harness.ts'

const f32 = (...shape: number[]) => ({ dtype: 'f32', shape }) as const

class Block extends Module {
  readonly conv1 = new Conv2d(8, 8, 3, { padding: 1, bias: false })
  readonly bn1 = new BatchNorm2d(8)
  readonly conv2 = new Conv2d(8, 8, 3, { padding: 1, bias: false })
  readonly bn2 = new BatchNorm2d(8)
  protected forward(x: Tensor, mode: Mode) {
    const y = relu(this.bn1.apply(this.conv1.apply(x), mode))
    return relu(joined(x, this.bn2.apply(this.conv2.apply(y), mode), mode))
  }
}

/** A step of training through a residual block, with kernels that run again and updates that run together. */
function trained() {
  const block = new Block()
  const optimizer = new Sgd(block.parameters(), { momentum: 0.9 })
  const step = (x: Tensor) =>
    optimizer.minimize(mean(square(checkpoint(() => block.apply(x, { train: true })))), 0.1)
  return explain(step, [f32(1, 64, 64, 8)], undefined, { recompute: 'cheap' }).stages
}

const same = (a: readonly Node[], b: readonly Node[]) =>
  a.length === b.length && a.every((n, i) => n === b[i])

const count = (values: Iterable<{ readonly how: string }>) => {
  const counts: Record<string, number> = {}
  for (const { how } of values) counts[how] = (counts[how] ?? 0) + 1
  return counts
}

test('lineage: every node of every stage is, or holds, nodes that were traced, but for what a pass adds', () => {
  const { traced, simplified, fused, recomputed, plan } = trained()
  const written = new Set(traced.nodes.map((n) => n.origin ?? n))
  for (const graph of [traced, simplified, fused, recomputed, plan.graph]) {
    const strangers = graph.nodes.filter((n) => !originsOf(n).every((o) => written.has(o)))
    const names = strangers.map((n) => n.op.name)
    assert.ok(
      names.every((name) => name === 'constant' || name === 'copy'),
      names.join(),
    )
  }
})

test('lineage: a kernel names the nodes of its steps, op for op', () => {
  const { fused } = trained()
  const kernels = fused.nodes.filter((n) => n.op.kind === 'fused')
  assert.ok(kernels.length > 5)
  for (const kernel of kernels)
    for (const step of bodyOf(kernel).steps) {
      assert.is(step.origin?.op, step.op)
      assert.is(step.origin?.attrs, step.attrs)
    }
})

test('lineage: what is equal to another is said to be, and what nothing needs', () => {
  const twice = (x: Tensor) => {
    const [a, b] = [square(x), square(x)]
    return mul(sum(mul(a, 1)), sum(b))
  }
  const { traced, simplified, replaced } = explain(twice, [f32(4)]).stages
  const { fates, sources } = changeOf(traced, simplified, replaced)
  const of = (name: string) =>
    traced.nodes.filter((n) => n.op.name === name).map((n) => fates.get(n)!)
  assert.equal(
    of('square').map((f) => f.how),
    ['kept', 'equal'],
  )
  // a·1 is a.
  assert.equal(
    of('mul').map((f) => f.how),
    ['equal', 'kept'],
  )
  assert.equal(
    of('scalar').map((f) => f.how),
    ['unneeded'],
  )
  assert.is(of('square')[1].into[0], of('square')[0].into[0])
  assert.is(of('mul')[0].into[0], of('square')[0].into[0])
  assert.equal(count(sources.values()), { kept: simplified.nodes.length })
})

test('lineage: stages account for every node of the one before and of the one after', () => {
  const { traced, simplified, fused, recomputed, plan, replaced } = trained()
  const graphs = [traced, simplified, fused, recomputed, plan.graph]
  graphs.slice(1).forEach((after, i) => {
    const { fates, sources } = changeOf(graphs[i], after, replaced)
    assert.ok(same([...fates.keys()], graphs[i].nodes))
    assert.ok(same([...sources.keys()], after.nodes))
    const there = new Set(after.nodes)
    for (const { into } of fates.values()) assert.ok(into.every((n) => there.has(n)))
  })
  const again = count(changeOf(fused, recomputed).sources.values())['again'] ?? 0
  assert.is(again, recomputed.nodes.length - fused.nodes.length)
  assert.ok(again > 0, 'nothing ran again')
})

test('lineage: updates that run together name what each of them was', () => {
  const { recomputed, plan } = trained()
  const { fates } = changeOf(recomputed, plan.graph)
  const joint = plan.graph.nodes.find((n) => titleOf(n).includes('×('))!
  const kernels = recomputed.nodes.filter((n) => n.op.kind === 'fused')
  for (const n of kernels) assert.ok(fates.get(n)!.into.length === 1, titleOf(n))
  const members = [...fates].filter(([, { into }]) => into.includes(joint))
  assert.ok(members.length > 1)
  const [[member]] = members
  for (const origin of originsOf(member))
    assert.ok(holdersOf(plan.graph).get(origin)!.includes(joint))
})

test('lineage: backward nodes are tied to what they differentiate, in every stage', () => {
  const { traced, simplified, fused, replaced } = trained()
  const tied = differentiatedBy(traced)
  for (const node of traced.nodes)
    assert.ok(same(tied.get(node) ?? [], node.source ? [node.source] : []))
  for (const graph of [simplified, fused] as Graph[]) {
    const of = differentiatedBy(graph, replaced)
    const backward = graph.nodes.filter((n) => n.source && n.op.kind !== 'source')
    assert.ok(backward.length > 5)
    for (const node of backward) assert.ok(of.get(node), `${titleOf(node)} is tied to nothing`)
  }
})

test('lineage: kernels of a convolution that gives its statistics name both', () => {
  const weight = new Variable(f32(3, 3, 8, 8), () => new Float32Array(576), 'w')
  const norm = new BatchNorm2d(8)
  const fn = (x: Tensor) => norm.apply(conv2d(x, weight, { padding: 1 }), { train: true })
  const caps = { ...defaultCaps, kind: 'discrete' as const }
  const { fused } = explain(fn, [f32(2, 6, 8, 8)], caps).stages
  const both = fused.nodes.find((n) => titleOf(n) === 'conv2d+moments')!
  assert.equal(
    originsOf(both).map((n) => n.op.name),
    ['conv2d', 'moments'],
  )
})

test('lineage: grad notes the derivative with respect to what it passes, of several the first', () => {
  let y: Node | undefined
  const fn = (x: Tensor) => {
    const inner = tanh(x)
    y = inner.node
    const [dx] = grad(sum(square(inner)), [x])
    return [dx, ...grad(sum(dx), [x])]
  }
  const { cotangents, result, traced } = explain(fn, [f32(5)]).stages
  const input = traced.nodes.find((n) => n.op.name === 'input')!
  assert.is(cotangents.get(input.output()), (result as unknown[])[0])
  assert.is(cotangents.get(y!.output())!.node.source!.op.name, 'square')
})
