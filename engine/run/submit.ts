// Commands on their way: how many go into one submission, and the same with a clock beside each.

import type { Caps } from '../adapters/adapter.ts'
import type { Device } from '../device.ts'
import type { Plan } from '../plan/plan.ts'
import { deviceProfiles, secondsOf } from '../recompute/device-profile.ts'
import { usage } from './buffers.ts'

/** A copy from buffer to buffer. */
export interface BoundMove {
  readonly from: GPUBuffer
  readonly fromByte: number
  readonly to: GPUBuffer
  readonly toByte: number
  readonly bytes: number
}

/** One dispatch with everything bound. */
export interface Bound {
  readonly pipeline: GPUComputePipeline
  readonly group: GPUBindGroup
  readonly grid: readonly [number, number, number]
  /** A submission ends after this command, so that none keeps the adapter busy for long. */
  readonly submit: boolean
}

export type Step = Bound | BoundMove
const isMove = (s: Step): s is BoundMove => 'from' in s
const encodeMove = (encoder: GPUCommandEncoder, m: BoundMove) =>
  encoder.copyBufferToBuffer(m.from, m.fromByte, m.to, m.toByte, m.bytes)

/** Longest submission, as estimated. Profiles of GPUs are orders of magnitude, of which kernels reach a part. */
const longest = (caps: Caps): number => (caps.software ? 0.1 : 0.025)

/** Numbers of the dispatches after which a submission ends, so that each keeps the adapter busy for less than about 100 ms. */
export function submissionEnds(plan: Plan, caps: Caps): Set<number> {
  const profile = deviceProfiles[caps.kind]
  const most = longest(caps)
  const ends = new Set<number>()
  let busy = 0
  let i = 0
  for (const { node, dispatches } of plan.steps) {
    // The time of a kernel node is that of one dispatch; the others of its recipe divide its work.
    const each =
      (secondsOf(node, profile) - profile.secondsPerDispatch) / dispatches.length +
      profile.secondsPerDispatch
    for (const _ of dispatches) {
      if (i && busy + each > most) {
        ends.add(i - 1)
        busy = 0
      }
      busy += each
      i++
    }
  }
  return ends
}

/** Encodes and submits all commands. */
export function submit(gpu: GPUDevice, commands: readonly Step[]): void {
  let encoder = gpu.createCommandEncoder()
  let pass = encoder.beginComputePass()
  let last: GPUComputePipeline | undefined
  let open = 0
  for (const c of commands) {
    if (isMove(c)) {
      pass.end()
      encodeMove(encoder, c)
      pass = encoder.beginComputePass()
      last = undefined
      open++
      continue
    }
    if (c.pipeline !== last) pass.setPipeline(c.pipeline)
    last = c.pipeline
    pass.setBindGroup(0, c.group)
    pass.dispatchWorkgroups(c.grid[0], c.grid[1], c.grid[2])
    open++
    if (!c.submit) continue
    pass.end()
    gpu.queue.submit([encoder.finish()])
    encoder = gpu.createCommandEncoder()
    pass = encoder.beginComputePass()
    last = undefined
    open = 0
  }
  pass.end()
  if (open) gpu.queue.submit([encoder.finish()])
}

/** Submits all commands with a timestamp around each dispatch; milliseconds of each. */
export async function timed(device: Device, commands: readonly Step[]): Promise<number[]> {
  const { gpu } = device
  const most = 2048
  const ms: number[] = []
  const resolve = device.buffers.make(16 * most, 'timestamps', usage.queryResolve | usage.copySrc)
  try {
    for (let from = 0; from < commands.length; from += most) {
      const steps = commands.slice(from, from + most)
      const part = steps.filter((c) => !isMove(c))
      const set = gpu.createQuerySet({ type: 'timestamp', count: 2 * steps.length })
      const encoder = gpu.createCommandEncoder()
      let i = 0
      for (const c of steps) {
        if (isMove(c)) {
          encodeMove(encoder, c)
          continue
        }
        const pass = encoder.beginComputePass({
          timestampWrites: {
            querySet: set,
            beginningOfPassWriteIndex: 2 * i,
            endOfPassWriteIndex: 2 * i + 1,
          },
        })
        i++
        pass.setPipeline(c.pipeline)
        pass.setBindGroup(0, c.group)
        pass.dispatchWorkgroups(...c.grid)
        pass.end()
      }
      if (!part.length) {
        gpu.queue.submit([encoder.finish()])
        set.destroy()
        continue
      }
      encoder.resolveQuerySet(set, 0, 2 * part.length, resolve.gpu, 0)
      gpu.queue.submit([encoder.finish()])
      const words = await device.readBuffer(resolve, { dtype: 'u32', shape: [4 * part.length] })
      const ticks = new BigUint64Array(words.buffer, 0, 2 * part.length)
      part.forEach((_, i) => {
        ms.push(Number(ticks[2 * i + 1] - ticks[2 * i]) / 1e6)
      })
      set.destroy()
    }
  } finally {
    device.buffers.free(resolve)
  }
  return ms
}
