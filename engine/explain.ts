// explain: what a function becomes, stage by stage, without running it and without a device.

import type { Caps } from './adapters/adapter.ts'
import type { TensorType } from './dtype.ts'
import { OptionError } from './errors.ts'
import {
  type PlanSummary,
  printGraph,
  printKernels,
  printKinds,
  printPlan,
  summarizePlan,
} from './print.ts'
import { type StageOptions, type Stages, stages } from './stages.ts'
import type { Tensor } from './tensor.ts'

export const stageNames = [
  'traced',
  'simplified',
  'fused',
  'recomputed',
  'plan',
  'kinds',
  'wgsl',
] as const
export type StageName = (typeof stageNames)[number]

export interface Explanation<R> {
  readonly stages: Stages<R>
  readonly summary: PlanSummary
  /** The stage as text: a graph one node a line, the plan as a timeline of live bytes, its dispatches and pipelines by kind of
   * kernel, or every kernel's WGSL. */
  text(stage: StageName): string
}

/** WebGPU's default limits and no optional feature: what every device has. Plans made with these are the same on
 * every machine. */
export const defaultCaps: Caps = {
  kind: 'unknown',
  software: false,
  name: 'a device with default limits',
  subgroupSize: 0,
  f16: false,
  matrixUnits: [],
  timestamps: false,
  maxWorkgroupStorage: 16384,
  maxInvocations: 256,
  maxWorkgroupsPerDimension: 65535,
  maxStorageBuffers: 8,
  maxBindingBytes: 128 * 2 ** 20,
  maxBufferBytes: 256 * 2 ** 20,
  maxTextureSide: 8192,
  alignment: 256,
}

/** Takes a function through all stages for arguments of the given types. Throws what building the graph throws. */
export function explain<R>(
  fn: (...inputs: Tensor[]) => R,
  types: readonly TensorType[],
  caps: Caps = defaultCaps,
  options: StageOptions = {},
): Explanation<R> {
  const made = stages(fn, types, caps, options)
  return {
    stages: made,
    summary: summarizePlan(made.plan),
    text(stage) {
      if (stage === 'plan') return printPlan(made.plan)
      if (stage === 'kinds') return printKinds(made.plan)
      if (stage === 'wgsl') return printKernels(made.plan)
      const graph = made[stage]
      if (!graph)
        throw new OptionError(`no stage '${stage}'`, `use one of ${stageNames.join(', ')}`)
      return printGraph(graph)
    },
  }
}
