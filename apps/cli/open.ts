// Opening the device for a command, and saying what it is.

import { type Device, openDevice, type TuningOption } from '../../engine/node.ts'

/** The fastest device that is here; `say` gets its line and what the person should know of it. */
export async function openSaying(
  say: (line: string) => void,
  tuning?: TuningOption,
): Promise<Device> {
  const device = await openDevice({ say, ...(tuning && { tuning }) })
  say(`device: ${device.line}`)
  for (const warning of device.warnings) say(`note: ${warning}`)
  return device
}
