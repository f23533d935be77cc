// The checkers that every plan of every test goes through find each error that is planted in the plan of a small training
// step: all ways of swapping, moving, dropping and repeating.

import * as assert from 'uvu/assert'
import { baseOf, type Graph, outputsOf } from '../../engine/graph.ts'
import {
  assign,
  conv2d,
  defaultCaps,
  dropout,
  grad,
  mean,
  mul,
  Node,
  relu,
  scalar,
  square,
  sub,
  sum,
  type Tensor,
  Variable,
} from '../../engine/index.ts'
import { assignedBy, jointOf } from '../../engine/passes/fused.ts'
import type { Place, Plan, PlannedValue, PlanStep, ValuePlace } from '../../engine/plan/plan.ts'
import { stages } from '../../engine/stages.ts'
import { test } from '../harness.ts'
import { checkPlan } from './plan-checker.ts'
import { checkRecomputed } from './recompute-checker.ts'

type VariablePlace = Extract<Place, { kind: 'variable' }>

const f32 = (...shape: number[]) => ({ dtype: 'f32', shape }) as const
const variable = (name: string, ...shape: number[]) =>
  new Variable(f32(...shape), () => new Float32Array(shape.reduce((a, b) => a * b, 1)), name)
const weights = [0, 1, 2].map((i) => variable(`w${i}`, 3, 3, 4, 4))
const average = variable('average')

/** Convolutions, dropout, a running average that the forward pass moves, and updates in place. */
function step(x: Tensor, rate: Tensor): Tensor[] {
  const key = { seed: scalar(3, 'u32'), step: scalar(5, 'u32') }
  const y = weights.reduce((t, w) => dropout(relu(conv2d(t, w, { padding: 1 })), 0.5, key), x)
  const loss = mean(square(y))
  assign(average, sub(mul(average, 0.9), loss))
  const slopes = grad(loss, weights)
  weights.forEach((w, i) => {
    assign(w, sub(w, mul(slopes[i], rate)))
  })
  return [loss, sum(y, [1, 2])]
}

const made = stages(step, [f32(2, 6, 8, 4), f32()], defaultCaps)
const { plan } = made
const numbers = plan.steps.map((_, i) => i)

const found = (p: Plan): boolean => {
  try {
    checkPlan(p, defaultCaps)
    return false
  } catch (error) {
    assert.match((error as Error).message, /^plan: /)
    return true
  }
}

const withSteps = (steps: readonly PlanStep[]): Plan => ({ ...plan, steps })
const reads = (node: Node, of: Node) => node.inputs.some((x) => baseOf(x).node === of)

/** The plan with every place changed that `change` gives another for. */
const moved = (change: (place: Place, step: number) => Place, values = plan.values): Plan => ({
  ...plan,
  values,
  steps: plan.steps.map((s, i) => ({
    ...s,
    dispatches: s.dispatches.map((d) => ({ ...d, places: d.places.map((p) => change(p, i)) })),
  })),
})
const isAt = (p: Place, { offset, from, to }: PlannedValue, step: number) =>
  p.kind === 'slab' && p.offset === offset && from <= step && step <= to

/** Asserts that all plans are found wrong, and that there are so many. */
function allFound(plans: readonly Plan[], least: number): void {
  assert.ok(plans.length >= least, `${plans.length} errors were planted`)
  assert.equal(
    plans.flatMap((p, i) => (found(p) ? [] : [i])),
    [],
  )
}

test('plan checker: a right plan passes', () => {
  assert.not(found(plan))
})

test('plan checker: a step before one that it reads from', () => {
  const pairs = numbers.filter((i) => i && reads(plan.steps[i].node, plan.steps[i - 1].node))
  allFound(
    pairs.map((i) => withSteps(plan.steps.with(i - 1, plan.steps[i]).with(i, plan.steps[i - 1]))),
    8,
  )
})

test('plan checker: an update before the last that reads the old value', () => {
  const wrong = weights.map((w) => {
    const update = plan.steps.findIndex(({ node }) =>
      node.types.some((_, i) => assignedBy(node, i)?.attrs.variable === w),
    )
    const old = made.recomputed.nodes.find((n) => n.attrs.variable === w)!
    const reader = plan.steps.findLastIndex(
      ({ node }, i) => i < update && reads(node, old) && !reads(plan.steps[update].node, node),
    )
    const steps = plan.steps.toSpliced(update, 1)
    return withSteps(steps.toSpliced(reader, 0, plan.steps[update]))
  })
  allFound(wrong, 3)
})

test('plan checker: steps that are missing or run twice', () => {
  allFound(
    numbers.flatMap((i) => [
      withSteps(plan.steps.toSpliced(i, 1)),
      withSteps(plan.steps.toSpliced(i, 0, plan.steps[i])),
    ]),
    20,
  )
})

test('plan checker: one place of one step shifted', () => {
  const wrong = plan.steps.flatMap((s, step) =>
    s.dispatches.flatMap((d, n) =>
      d.places.flatMap((p, k) => {
        // Scratch memory may be anywhere that is free.
        if (p.kind !== 'slab' || d.dispatch.buffers[k].kind === 'scratch') return []
        return [256, 16, -256].map((by) => {
          const places = d.places.with(k, { ...p, offset: p.offset + by })
          const dispatches = s.dispatches.with(n, { ...d, places })
          return withSteps(plan.steps.with(step, { ...s, dispatches }))
        })
      }),
    ),
  )
  allFound(wrong, 60)
})

test('plan checker: any two values that are alive together at one offset', () => {
  const { values } = plan
  const wrong = values.flatMap((a) =>
    values.flatMap((b) => {
      const together = a !== b && a.from <= b.to && b.from <= a.to
      if (!together) return []
      const to = { ...b, offset: a.offset }
      const change = (p: Place, i: number) =>
        isAt(p, b, i) ? ({ ...p, offset: a.offset } as Place) : p
      return [moved(change, values.with(values.indexOf(b), to))]
    }),
  )
  allFound(wrong, 40)
})

test('plan checker: a lifetime that ends a step early, or begins a step late', () => {
  const { values } = plan
  const wrong = values.flatMap((v, i) => [
    { ...plan, values: values.with(i, { ...v, to: v.to - 1 }) },
    { ...plan, values: values.with(i, { ...v, from: v.from + 1 }) },
  ])
  allFound(wrong, 20)
})

test('plan checker: results, arguments and variables at the place of another', () => {
  const swap = (kind: 'output' | 'input') =>
    moved((p) => (p.kind === kind ? { ...p, position: 1 - p.position } : p))
  const other = (p: Place): Place =>
    p.kind === 'variable' && p.variable === weights[0] ? { ...p, variable: weights[1] } : p
  const { graph } = plan
  allFound(
    [
      swap('output'),
      swap('input'),
      moved(other),
      { ...plan, graph: { ...graph, outputs: [...graph.outputs].reverse() } },
      { ...plan, graph: { ...graph, assigns: graph.assigns.slice(1) } },
    ],
    5,
  )
})

test('plan checker: slabs that are smaller, memory that is less, figures that are wrong', () => {
  allFound(
    [
      { ...plan, slabBytes: 2048 },
      { ...plan, activationBytes: plan.activationBytes - 256 },
      { ...plan, lowerBound: plan.lowerBound - 256 },
      withSteps(plan.steps.with(3, { ...plan.steps[3], live: plan.steps[3].live + 256 })),
    ],
    4,
  )
})

test('plan checker: a buffer that is bound for reading and for writing', () => {
  const wrong = numbers.flatMap((i) => {
    const s = plan.steps[i]
    return s.dispatches.flatMap((d, n) => {
      if (d.places.filter((p) => p.kind === 'slab').length < 2) return []
      const access = d.dispatch.kernel.access.with(
        d.places.findIndex((p) => p.kind === 'slab'),
        'read',
      )
      const dispatch = { ...d.dispatch, kernel: { ...d.dispatch.kernel, access } }
      const dispatches = s.dispatches.with(n, { ...d, dispatch })
      return [withSteps(plan.steps.with(i, { ...s, dispatches }))]
    })
  })
  allFound(wrong, 8)
})

test('recompute checker: another kernel, another value, an update that runs again or not at all', () => {
  const { fused } = made
  const rebuilt = (change: (node: Node, inputs: readonly Tensor[]) => Node | undefined): Graph => {
    const now = new Map<Tensor, Tensor>()
    const at = (t: Tensor) => now.get(t) ?? t
    const nodes = fused.nodes.flatMap((node) => {
      const next = change(node, node.inputs.map(at))
      if (!next) return []
      for (const t of outputsOf(node)) now.set(t, next.output(t.index))
      return [next]
    })
    return { ...fused, nodes, outputs: fused.outputs.map(at), assigns: fused.assigns.map(at) }
  }
  const copyOf = (n: Node, inputs = n.inputs, attrs = n.attrs) =>
    new Node(n.op, inputs, attrs, n.types, n)
  const same = rebuilt((n, inputs) => (n.op.kind === 'source' ? n : copyOf(n, inputs)))
  checkRecomputed(fused, same)
  const updates = fused.nodes.filter((n) => n.types.some((_, i) => assignedBy(n, i)))
  const kernels = fused.nodes.filter((n) => n.op.kind === 'fused' && !updates.includes(n))
  const wrong = [
    ...kernels.map((k) =>
      rebuilt((n, inputs) =>
        n.op.kind === 'source' ? n : copyOf(n, inputs, n === k ? { ...n.attrs } : n.attrs),
      ),
    ),
    ...updates.map((u) => ({ ...fused, nodes: [...fused.nodes, copyOf(u)] })),
    { ...fused, assigns: fused.assigns.slice(1) },
    { ...fused, outputs: [...fused.outputs].reverse() },
    { ...fused, nodes: [...fused.nodes].reverse() },
  ]
  assert.ok(kernels.length > 5 && updates.length > 1)
  for (const graph of wrong) assert.throws(() => checkRecomputed(fused, graph), /recompute: /)
})

test('plan checker: values of joint updates that are elsewhere, or variables that share no buffer', () => {
  const at = plan.steps.findIndex(({ node }) => jointOf(node))
  const s = plan.steps[at]
  const [d] = s.dispatches
  const withDispatch = (dispatch: PlanStep['dispatches'][number]) =>
    withSteps(plan.steps.with(at, { ...s, dispatches: [dispatch] }))
  const shifted = d.places.flatMap((p, k) =>
    p.kind === 'span'
      ? p.places.flatMap((part, i) => {
          const to =
            part.kind === 'slab'
              ? { ...part, offset: part.offset + 256 }
              : {
                  ...part,
                  variable: weights[(weights.indexOf((part as VariablePlace).variable) + 1) % 3],
                }
          return [
            withDispatch({
              ...d,
              places: d.places.with(k, { ...p, places: p.places.with(i, to as ValuePlace) }),
            }),
          ]
        })
      : [],
  )
  const access = d.dispatch.kernel.access.map((a, i) => (d.places[i].kind === 'span' ? 'read' : a))
  const kernel = { ...d.dispatch.kernel, access }
  allFound(
    [
      ...shifted,
      { ...plan, pools: [] },
      { ...plan, pools: plan.pools.map((pool) => pool.slice(1)) },
      withDispatch({ ...d, dispatch: { ...d.dispatch, kernel } }),
      withDispatch({ ...d, places: d.places.slice(1) }),
    ],
    9,
  )
})
