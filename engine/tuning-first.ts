// Tuning on first use: a program that measures, before its first run with arguments of new types, what is the fastest for
// them. Runs that are asked for meanwhile wait, and run in the order in which they were asked for.

import {
  type Argument,
  checkArguments,
  copied,
  isStatic,
  keyOf,
  type Parameter,
  type Static,
  typesOf,
  type Value,
} from './arguments.ts'
import { bindStatic, type Program } from './compile.ts'
import type { Device } from './device.ts'
import type { TensorType } from './dtype.ts'
import { OptionError } from './errors.ts'
import type { TuneOptions } from './tuning-run.ts'

/** The program with tuning before what it meets for the first time, `seconds` of it in all. */
export function tunedFirst<R>(
  device: Device,
  fn: (...args: Parameter[]) => R,
  program: Program<R>,
  { seconds = 60, ...options }: TuneOptions,
): Program<R> {
  if (!(seconds > 0))
    throw new OptionError(`tune: ${seconds} s are no time`, 'use a number above 0')
  const met = new Set<string>()
  let left = seconds
  let queue: Promise<void> | undefined

  const tune = async (types: readonly (TensorType | Static)[]): Promise<void> => {
    if (!(left > 0)) return
    const begun = performance.now()
    const { bound, tensors } = bindStatic(fn, types)
    // What is wrong with the function or its arguments is told by the run itself.
    await device.tune(bound, tensors, { ...options, seconds: left }).catch(() => undefined)
    left -= (performance.now() - begun) / 1000
  }
  /** What a run with these arguments must wait for, if anything. */
  const before = (args: readonly (Value | Static)[]): Promise<void> | undefined => {
    const types = typesOf(args)
    const key = keyOf(types)
    if (met.has(key) || !(left > 0)) return queue
    met.add(key)
    const mine = (queue ?? Promise.resolve()).then(() => tune(types))
    queue = mine
    // A turn later, so that whoever waits goes first.
    mine
      .then(() => Promise.resolve())
      .then(() => {
        if (queue === mine) queue = undefined
      })
    return mine
  }
  const after = async <T>(args: readonly Argument[], run: (...args: Argument[]) => Promise<T>) => {
    const checked = checkArguments(args)
    const wait = before(checked)
    if (!wait) return run(...args)
    const own = checked.map((arg) => (isStatic(arg) ? arg : copied([arg])[0]))
    await wait
    return run(...own)
  }
  return {
    ...program,
    run: (...args) => after(args, program.run),
    profile: (...args) => after(args, program.profile),
    profileApart: (...args) => after(args, program.profileApart),
  }
}
