// Devices that choose every schedule there is, on whatever adapter is here: its own, those of a GPU, those without
// subgroups, and grids that must be folded and cut.

import type { Caps } from '../../engine/adapters/adapter.ts'
import { Device } from '../../engine/device.ts'
import { testDevice } from '../device.ts'

const changes: Readonly<Record<string, Partial<Caps>>> = {
  own: {},
  gpu: { kind: 'discrete', subgroupSize: 0 },
  'no subgroups': { subgroupSize: 0 },
  'small grids': { maxWorkgroupsPerDimension: 3 },
}
export type Machine = 'own' | 'gpu' | 'no subgroups' | 'small grids'
export const machines = Object.keys(changes) as Machine[]

const opened = new Map<Machine, Device>()

/** The adapter that is here, taken for such a machine. */
export async function deviceAs(machine: Machine): Promise<Device> {
  const { gpu, caps } = await testDevice()
  if (machine === 'own') return testDevice()
  const known = opened.get(machine)
  if (known?.gpu === gpu) return known
  const device = new Device(gpu, { ...caps, ...changes[machine] }, '', [], [], () => {})
  opened.set(machine, device)
  return device
}
