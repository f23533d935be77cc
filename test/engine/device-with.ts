// The adapter that is here, taken for another: programs get the plans of that machine, and run here.

import type { Caps } from '../../engine/adapters/adapter.ts'
import { Device } from '../../engine/device.ts'

export const deviceWith = ({ gpu, caps }: Device, changes: Partial<Caps>): Device =>
  new Device(gpu, { ...caps, ...changes }, '', [], [], () => {})

/** A discrete GPU without subgroups. */
export const discrete = { kind: 'discrete', subgroupSize: 0 } as const
