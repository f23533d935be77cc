// Runs single convolution kernels for bench/conv-kernels.ts and reports what came back.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { create, globals } from 'webgpu'
import { adapterKind } from '../engine/adapters/adapter-kind.ts'
import type { Caps, Kernel, Recipe, Slot } from '../shaders/kernel.ts'

Object.assign(globalThis, globals)
// The instance must stay reachable, or pending promises never settle.
const gpu = create(['disable-dawn-features=timestamp_quantization'])

/** Milliseconds that the process's threads were on a processor, without the main one, which waits by asking again and
 * again; where the system does not tell, with it. */
function driverTime(): number {
  if (!existsSync('/proc/self/task')) {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1000
  }
  let sum = 0
  for (const thread of readdirSync('/proc/self/task')) {
    if (thread === String(process.pid)) continue
    sum += Number(readFileSync(`/proc/self/task/${thread}/schedstat`, 'utf8').split(' ')[0])
  }
  return sum / 1e6
}

export type Data = Float32Array | Uint32Array
const typeOf = { read: 'read-only-storage', read_write: 'storage' } as const

export async function openConvRunner() {
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' })
  if (!adapter) throw new Error('no adapter')
  const wanted = ['subgroups', 'shader-f16', 'timestamp-query'] as const
  const device = await adapter.requestDevice({
    requiredFeatures: wanted.filter((f) => adapter.features.has(f)),
  })
  const { info, limits } = adapter
  const fixed = info.subgroupMinSize === info.subgroupMaxSize && adapter.features.has('subgroups')
  const caps: Caps = {
    kind: adapterKind(info).kind,
    subgroupSize: fixed ? (info.subgroupMinSize ?? 0) : 0,
    maxWorkgroupStorage: device.limits.maxComputeWorkgroupStorageSize,
    maxInvocations: device.limits.maxComputeInvocationsPerWorkgroup,
    maxWorkgroupsPerDimension: limits.maxComputeWorkgroupsPerDimension,
    maxBindingBytes: device.limits.maxStorageBufferBindingSize,
  }
  let errors = 0
  device.onuncapturederror = (e) => {
    if (errors++ < 3) console.log(`  GPU ERROR ${e.error.message.slice(0, 1500)}`)
  }
  const pipelines = new Map<string, { code: string; pipeline: GPUComputePipeline }>()
  function pipelineOf(kernel: Kernel): GPUComputePipeline {
    const known = pipelines.get(kernel.key)
    if (known && known.code !== kernel.code) throw new Error(`${kernel.key} names two kernels`)
    if (known) return known.pipeline
    const types = ['uniform' as const, ...kernel.access.map((a) => typeOf[a])]
    const layout = device.createBindGroupLayout({
      entries: types.map((type, binding) => ({ binding, visibility: 4, buffer: { type } })),
    })
    const pipeline = device.createComputePipeline({
      layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module: device.createShaderModule({ code: kernel.code }), entryPoint: 'main' },
    })
    pipelines.set(kernel.key, { code: kernel.code, pipeline })
    return pipeline
  }

  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST
  function bufferOf(data: Data | Uint8Array): GPUBuffer {
    const bytes = Math.max(16, Math.ceil(data.byteLength / 16) * 16)
    const buffer = device.createBuffer({ size: bytes, usage })
    const padded = new Uint8Array(bytes)
    padded.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    device.queue.writeBuffer(buffer, 0, padded)
    return buffer
  }

  function place(recipe: Recipe, inputs: readonly Data[], outputs: readonly Data[]) {
    const buffers = {
      input: inputs.map(bufferOf),
      output: outputs.map(bufferOf),
      scratch: recipe.scratch.map((b) => bufferOf(new Uint8Array(b).fill(0xff))),
    }
    const steps = recipe.dispatches.map(({ kernel, buffers: slots, params, grid }) => {
      const uniform = device.createBuffer({
        size: params.byteLength,
        usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
      })
      device.queue.writeBuffer(uniform, 0, params as Uint32Array<ArrayBuffer>)
      const pipeline = pipelineOf(kernel)
      const bound = [uniform, ...slots.map((s: Slot) => buffers[s.kind][s.index])]
      const group = device.createBindGroup({
        layout: pipeline.getBindGroupLayout(0),
        entries: bound.map((buffer, binding) => ({ binding, resource: { buffer } })),
      })
      return { pipeline, group, grid }
    })
    const submit = (repeat = 1) => {
      const encoder = device.createCommandEncoder()
      const pass = encoder.beginComputePass()
      for (let k = 0; k < repeat; k++)
        for (const { pipeline, group, grid } of steps) {
          pass.setPipeline(pipeline)
          pass.setBindGroup(0, group)
          pass.dispatchWorkgroups(...grid)
        }
      pass.end()
      device.queue.submit([encoder.finish()])
    }
    const free = () => {
      for (const b of Object.values(buffers).flat()) b.destroy()
    }
    return { submit, free, buffers }
  }

  /** The outputs of a recipe, which hold `outputs` before. */
  async function run(recipe: Recipe, inputs: readonly Data[], outputs: readonly Data[]) {
    const { submit, free, buffers } = place(recipe, inputs, outputs)
    submit()
    const results: Float32Array[] = []
    for (const [k, buffer] of buffers.output.entries()) {
      const read = device.createBuffer({
        size: buffer.size,
        usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
      })
      const encoder = device.createCommandEncoder()
      encoder.copyBufferToBuffer(buffer, 0, read, 0, buffer.size)
      device.queue.submit([encoder.finish()])
      await read.mapAsync(GPUMapMode.READ)
      results.push(new Float32Array(read.getMappedRange().slice(0)).subarray(0, outputs[k].length))
      read.destroy()
    }
    free()
    return results
  }

  /** Milliseconds: the first use, and per run the best by the wall clock and the median of the driver's
   * processor time, which a busy machine inflates less. */
  async function time(recipe: Recipe, inputs: readonly Data[], outputs: readonly Data[]) {
    const start = performance.now()
    const { submit, free } = place(recipe, inputs, outputs)
    submit()
    await device.queue.onSubmittedWorkDone()
    const first = performance.now() - start
    const wall: number[] = []
    const cpu: number[] = []
    const probe = performance.now()
    submit()
    await device.queue.onSubmittedWorkDone()
    const repeat = Math.ceil(20 / (performance.now() - probe))
    for (let k = 0; k < 7; k++) {
      const t = performance.now()
      const u = driverTime()
      submit(repeat)
      await device.queue.onSubmittedWorkDone()
      wall.push((performance.now() - t) / repeat)
      cpu.push((driverTime() - u) / repeat)
    }
    free()
    return { first, wall: Math.min(...wall), cpu: cpu.sort((a, b) => a - b)[3] }
  }
  return { caps, info, device, run, time, errors: () => errors }
}
export type ConvRunner = Awaited<ReturnType<typeof openConvRunner>>
