// Who looks at every plan and at every graph with kernels that run again, when they are made: tests, which check each one.
// Otherwise nobody does.

import type { Caps } from './adapters/adapter.ts'
import type { Graph } from './graph.ts'
import type { Plan } from './plan/plan.ts'

export const witness: {
  plan?: (plan: Plan, caps: Caps) => void
  recomputed?: (before: Graph, after: Graph) => void
} = {}
