// Devices that choose every schedule there is, on whatever adapter is here: its own, those of a GPU, those without
// subgroups, and grids that must be folded and cut.

import type { Caps } from '../../engine/adapters/adapter.ts'
import type { Device } from '../../engine/device.ts'
import { testDevice } from '../device.ts'
import { deviceWith, discrete } from './device-with.ts'

const changes: Readonly<Record<string, Partial<Caps>>> = {
  own: {},
  gpu: discrete,
  'no subgroups': { subgroupSize: 0 },
  'small grids': { maxWorkgroupsPerDimension: 3 },
}
export type Machine = 'own' | 'gpu' | 'no subgroups' | 'small grids'
export const machines = Object.keys(changes) as Machine[]

const opened = new Map<Machine, Device>()

/** The adapter that is here, taken for such a machine. */
export async function deviceAs(machine: Machine): Promise<Device> {
  const own = await testDevice()
  if (machine === 'own') return own
  const known = opened.get(machine)
  if (known?.gpu === own.gpu) return known
  const device = deviceWith(own, changes[machine])
  opened.set(machine, device)
  return device
}
