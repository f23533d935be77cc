// One program run on a device from given state, and everything it left read back at once: a round trip a result would
// take longer than the kernels.

import type { Device } from '../../engine/device.ts'
import { bytesOf, type HostArray, hostArray, sizeOf, type TensorType } from '../../engine/dtype.ts'
import type { DeviceTensor, HostTensor, Program, Tensor, Variable } from '../../engine/index.ts'
import { type Buffer, usage } from '../../engine/run/buffers.ts'

/** Values of variables. */
export type Values = ReadonlyMap<Variable, HostArray>

/** What a run left: its results in order, and the variables. */
export interface Left {
  readonly outputs: readonly HostArray[]
  readonly variables: Values
}

/** Sets the variables, runs once and reads what came of it. */
export async function runFrom(
  d: Device,
  program: Program<readonly Tensor[]>,
  args: readonly HostTensor[],
  start: Values,
): Promise<Left> {
  for (const [v, data] of start) d.write(v, data)
  // Pipelines are made meanwhile, by threads that need the processor.
  const results: DeviceTensor[] = [...(await d.settle(program.run(...args)))]
  const variables = [...start.keys()]
  const all = await readTogether(d, [
    ...results.map((type) => ({ buffer: type.buffer, type })),
    ...variables.map((type) => ({ buffer: d.place(type), type })),
  ])
  for (const r of results) r.dispose()
  const outputs = all.splice(0, results.length)
  return { outputs, variables: new Map(variables.map((v, i) => [v, all[i]])) }
}

interface Place {
  readonly buffer: Buffer
  readonly type: TensorType
}

const staging = new WeakMap<Device, Buffer>()

function stagingFor(d: Device, bytes: number): Buffer {
  const known = staging.get(d)
  if (known && known.bytes >= bytes) return known
  if (known) d.buffers.free(known)
  const made = d.buffers.make(2 * bytes, 'read-back', usage.mapRead | usage.copyDst)
  staging.set(d, made)
  return made
}

async function readTogether(d: Device, places: readonly Place[]): Promise<HostArray[]> {
  const sizes = places.map(({ type }) => Math.ceil(bytesOf(type) / 4) * 4)
  const total = sizes.reduce((a, b) => a + b, 0)
  const out = places.map(({ type }) => hostArray(type.dtype, sizeOf(type.shape)))
  if (!total) return out
  const to = stagingFor(d, total)
  const encoder = d.gpu.createCommandEncoder()
  let at = 0
  places.forEach(({ buffer }, i) => {
    if (sizes[i]) encoder.copyBufferToBuffer(buffer.gpu, buffer.offset, to.gpu, at, sizes[i])
    at += sizes[i]
  })
  d.gpu.queue.submit([encoder.finish()])
  await d.settle(to.gpu.mapAsync(usage.mapRead, 0, total))
  const bytes = new Uint8Array(to.gpu.getMappedRange(0, total))
  at = 0
  out.forEach((data, i) => {
    new Uint8Array(data.buffer).set(bytes.subarray(at, at + data.byteLength))
    at += sizes[i]
  })
  to.gpu.unmap()
  d.check()
  return out
}
