// How long kernels take, roughly, on a kind of machine: what the planner of recomputation weighs. These are orders of magnitude,
// of no adapter in particular but the two software ones, which were measured; only their ratios decide.

import type { AdapterKind } from '../adapters/adapter-kind.ts'
import { storedBytes } from '../dtype.ts'
import type { Cost } from '../op.ts'
import type { Node } from '../tensor.ts'

export interface DeviceProfile {
  readonly name: string
  /** Of arithmetic in f32. */
  readonly flopsPerSecond: number
  /** To and from memory. */
  readonly bytesPerSecond: number
  readonly secondsPerDispatch: number
}

const discrete = {
  name: 'a discrete GPU',
  flopsPerSecond: 2e13,
  bytesPerSecond: 6e11,
  secondsPerDispatch: 5e-6,
}

export const deviceProfiles: Readonly<Record<AdapterKind, DeviceProfile>> = {
  discrete,
  integrated: {
    name: 'an integrated GPU',
    flopsPerSecond: 1.5e12,
    bytesPerSecond: 6e10,
    secondsPerDispatch: 1e-5,
  },
  lavapipe: {
    name: 'lavapipe on two cores',
    flopsPerSecond: 2.4e10,
    bytesPerSecond: 8e9,
    secondsPerDispatch: 1.7e-5,
  },
  swiftshader: {
    name: 'SwiftShader on two cores',
    flopsPerSecond: 5e9,
    bytesPerSecond: 5e9,
    secondsPerDispatch: 1.5e-5,
  },
  unknown: { ...discrete, name: 'an unknown machine, taken for a discrete GPU' },
}

/** Seconds that a kernel node takes: its arithmetic or its traffic, whichever lasts longer, and a dispatch. */
export function secondsOf(
  { op, inputs, types, attrs }: Node,
  profile: DeviceProfile,
  { flops }: Cost = op.cost(inputs, types, attrs),
): number {
  const bytes = storedBytes(inputs) + storedBytes(types)
  const { flopsPerSecond, bytesPerSecond, secondsPerDispatch } = profile
  return Math.max(flops / flopsPerSecond, bytes / bytesPerSecond) + secondsPerDispatch
}
