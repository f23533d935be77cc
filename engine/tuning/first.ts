// Tuning on first use: a program measures, before its first run with arguments of new types, what is the fastest for them. It
// does so in that run's turn, so that nothing else runs on the device meanwhile.

import { bindStatic } from '../compile.ts'
import type { Device } from '../device.ts'
import type { TensorType } from '../dtype.ts'
import { OptionError } from '../errors.ts'
import { keyOf, type Parameter, type Static } from '../run/arguments.ts'
import type { StageOptions } from '../stages.ts'
import type { TuneOptions } from './run.ts'

/** What has to be done before a run with arguments of these types, if anything: `seconds` of tuning in all. */
export function tunedFirst<R>(
  device: Device,
  fn: (...args: Parameter[]) => R,
  { seconds = 60, ...options }: TuneOptions,
  stages: StageOptions,
): (types: readonly (TensorType | Static)[]) => (() => Promise<void>) | undefined {
  if (!(seconds > 0))
    throw new OptionError(`tune: ${seconds} s are no time`, 'use a number above 0')
  const tuning = new Map<string, 'waits' | 'done'>()
  let left = seconds

  const tune = async (types: readonly (TensorType | Static)[]): Promise<void> => {
    if (!(left > 0)) return
    const begun = performance.now()
    const { bound, tensors } = bindStatic(fn, types)
    // What is wrong with the function or its arguments is told by the run itself.
    await device.tune(bound, tensors, { ...options, stages, seconds: left }).catch(() => undefined)
    left -= (performance.now() - begun) / 1000
  }
  return (types) => {
    const key = keyOf(types)
    const state = tuning.get(key)
    if (state === 'done' || !(state || left > 0)) return undefined
    // Another run of these types is to be planned with what the first one finds.
    if (state === 'waits') return async () => {}
    tuning.set(key, 'waits')
    return async () => {
      await tune(types)
      tuning.set(key, 'done')
    }
  }
}
