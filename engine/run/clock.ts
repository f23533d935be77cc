// How long some dispatches take, run again and again: by timestamps on GPUs; on software adapters in Node by the time of all
// processors, which other work on the machine does not lengthen, spread over the cores as the workgroups are; else by the clock on
// the wall.

import { type Processors, platform } from '../adapters/platform.ts'
import type { Device } from '../device.ts'
import { usage } from './buffers.ts'

export interface Step {
  readonly pipeline: GPUComputePipeline
  readonly group: GPUBindGroup
  readonly grid: readonly [number, number, number]
}

/** What is timed. */
export interface Work {
  readonly steps: readonly Step[]
  /** Workgroups of the largest dispatch. */
  readonly groups: number
}

export function submit(
  device: Device,
  steps: readonly Step[],
  repeat: number,
  timestampWrites?: GPUComputePassTimestampWrites,
  after?: (encoder: GPUCommandEncoder) => void,
): void {
  const encoder = device.gpu.createCommandEncoder()
  const pass = encoder.beginComputePass(timestampWrites && { timestampWrites })
  for (let k = 0; k < repeat; k++)
    for (const { pipeline, group, grid } of steps) {
      pass.setPipeline(pipeline)
      pass.setBindGroup(0, group)
      pass.dispatchWorkgroups(...grid)
    }
  pass.end()
  after?.(encoder)
  device.gpu.queue.submit([encoder.finish()])
}

/** Milliseconds of `repeat` runs. */
export type Clock = (work: Work, repeat: number) => Promise<number>

/** By what is measured. */
export type ClockKind = 'timestamps' | 'processors' | 'wall'

/** Milliseconds that a measurement takes at least. */
const LEAST_MS = 8

/** How often to run what took `ms` once, so that a measurement is long enough. */
export const repeatFor = (ms: number): number =>
  Math.max(1, Math.min(200, Math.ceil(LEAST_MS / Math.max(ms, 0.01))))

export function clockOf(device: Device): { kind: ClockKind; clock: Clock; close: () => void } {
  const { software, timestamps } = device.caps
  const processors = software ? platform().processors() : undefined
  const close = () => {}
  if (processors) return { kind: 'processors', clock: processorClock(device, processors), close }
  if (timestamps) return { kind: 'timestamps', ...timestampClock(device) }
  return { kind: 'wall', clock: wallClock(device), close }
}

/** Processor time, as long as the core with the most workgroups has them. */
const processorClock =
  (device: Device, { cores, seconds }: Processors): Clock =>
  async ({ steps, groups }, repeat) => {
    await device.idle()
    const before = seconds()
    submit(device, steps, repeat)
    await device.idle()
    return (1000 * (seconds() - before) * Math.ceil(groups / cores)) / groups
  }

const wallClock =
  (device: Device): Clock =>
  async ({ steps }, repeat) => {
    await device.idle()
    const before = performance.now()
    submit(device, steps, repeat)
    await device.idle()
    return performance.now() - before
  }

function timestampClock(device: Device): { clock: Clock; close: () => void } {
  const querySet = device.gpu.createQuerySet({ type: 'timestamp', count: 2 })
  const resolved = device.buffers.make(16, 'timestamps', usage.queryResolve | usage.copySrc)
  const writes = { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 }
  return {
    async clock({ steps }, repeat) {
      submit(device, steps, repeat, writes, (encoder) =>
        encoder.resolveQuerySet(querySet, 0, 2, resolved.gpu, 0),
      )
      const words = await device.readBuffer(resolved, { dtype: 'u32', shape: [4] })
      const [begin, end] = new BigUint64Array(words.buffer, 0, 2)
      return Number(end - begin) / 1e6
    },
    close() {
      querySet.destroy()
      device.buffers.free(resolved)
    },
  }
}
