// Opening a device: an adapter, and the tuning table that is in force on it.

import { Device } from '../device.ts'
import { openTuning, type TuningOption } from '../tuning/open.ts'
import { adapterId } from '../tuning/table.ts'
import { type AdapterOptions, openAdapter, type Problem } from './adapter.ts'

export interface DeviceOptions extends Omit<AdapterOptions, 'onError'> {
  /** Which measured choices of kernels to use. They change how fast a program is, and the last bits of some sums. Default: what
   * `Device.tune` or `atrous tune` has kept for this adapter, else the shipped defaults; nothing is measured unasked. */
  readonly tuning?: TuningOption
}

/** Opens the fastest adapter that is here (GPU, else a software driver). Throws DeviceError with what to do, and DataError
 * for a tuning table that is damaged or of another adapter. */
export async function openDevice(options: DeviceOptions = {}): Promise<Device> {
  const problems: Problem[] = []
  const { adapter, device, caps, line, warnings } = await openAdapter({
    ...options,
    onError: (problem) => problems.push(problem),
  })
  const say = options.say ?? ((sentence) => console.warn(sentence))
  try {
    const tuned = await openTuning(options.tuning, adapterId(adapter.info), caps)
    return new Device(device, caps, line, [...warnings, ...tuned.warnings], problems, say, tuned)
  } catch (error) {
    device.destroy()
    throw error
  }
}
