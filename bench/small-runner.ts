// Runs recipes for bench/small-kernels.ts: once with inputs in buffers of their own ('read'), once with everything in one
// slab at 256-byte offsets ('read_write'), whose gaps must stay untouched.

import { create, globals } from 'webgpu'
import type { Access, Elem, Kernel, Recipe, Slot } from '../shaders/kernel.ts'

Object.assign(globalThis, globals)
// The instance must stay reachable, or pending promises never settle.
const gpu = create([])

export type Data = Float32Array | Int32Array | Uint32Array | Uint8Array
export interface Expected {
  readonly elem: Elem
  readonly values: ArrayLike<number>
  /** Allowed error, relative to max(1, |value|). Default 0. */
  readonly tolerance?: number
  /** What the output holds before. */
  readonly before?: Data
}
type Make = (access: readonly Access[]) => Recipe

const typeOf = { read: 'read-only-storage', read_write: 'storage' } as const
const GAP = 0xa5
/** Larger slabs are not filled with GAP first. */
const GUARDED = 1 << 22
const bytesOf = { f32: 4, i32: 4, u32: 4, f16: 2, u8: 1 } as const
const align = (bytes: number) => Math.ceil(bytes / 256) * 256

export async function openRunner() {
  const adapter = await gpu.requestAdapter()
  if (!adapter) throw new Error('no adapter')
  const features = (['shader-f16'] as const).filter((f) => adapter.features.has(f))
  const device = await adapter.requestDevice({ requiredFeatures: [...features] })
  const pipelines = new Map<string, { code: string; pipeline: GPUComputePipeline }>()
  const results = new Map<string, { cases: number; failed: number; worst: number; ms?: number }>()
  const fail = (name: string, text: string) => {
    const r = result(name)
    if (r.failed++ < 3) console.log(`  WRONG ${name} ${text}`)
  }
  const result = (name: string) => {
    const r = results.get(name) ?? { cases: 0, failed: 0, worst: 0 }
    results.set(name, r)
    return r
  }
  device.onuncapturederror = (e) => {
    console.log(e.error.message)
    process.exit(1)
  }

  function pipelineOf(kernel: Kernel): GPUComputePipeline {
    const known = pipelines.get(kernel.key)
    if (known && known.code !== kernel.code) fail('key', `${kernel.key} names two kernels`)
    if (known) return known.pipeline
    const visibility = GPUShaderStage.COMPUTE
    const storage = kernel.access.map((a) => typeOf[a])
    const layout = device.createBindGroupLayout({
      entries: ['uniform' as const, ...storage].map((type, binding) => ({
        binding,
        visibility,
        buffer: { type },
      })),
    })
    const pipeline = device.createComputePipeline({
      layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module: device.createShaderModule({ code: kernel.code }), entryPoint: 'main' },
    })
    pipelines.set(kernel.key, { code: kernel.code, pipeline })
    return pipeline
  }

  /** Buffers for a recipe and a function that encodes it. */
  function place(
    recipe: Recipe,
    inputs: readonly Data[],
    outputs: readonly number[],
    slab: boolean,
  ) {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST
    const own: GPUBuffer[] = []
    const ranges: { start: number; size: number }[] = []
    let end = 256
    const range = (bytes: number) => {
      const at = { start: end, size: Math.ceil(bytes / 4) * 4 }
      ranges.push(at)
      end = align(end + at.size + 4)
      return at
    }
    const at = {
      input: slab ? inputs.map((x) => range(x.byteLength)) : [],
      output: outputs.map(range),
      scratch: recipe.scratch.map(range),
    }
    const main = device.createBuffer({ size: end, usage })
    if (end < GUARDED) device.queue.writeBuffer(main, 0, new Uint8Array(end).fill(GAP))
    inputs.forEach((x, k) => {
      const padded = new Uint8Array(Math.ceil(x.byteLength / 4) * 4)
      padded.set(new Uint8Array(x.buffer, x.byteOffset, x.byteLength))
      if (!slab) own.push(device.createBuffer({ size: padded.byteLength, usage }))
      device.queue.writeBuffer(slab ? main : own[k], slab ? at.input[k].start : 0, padded)
    })
    const entry = ({ kind, index }: Slot) => {
      if (kind === 'input' && !slab) return { buffer: own[index] }
      const { start, size } = at[kind][index]
      return { buffer: main, offset: start, size }
    }
    const steps = recipe.dispatches.map(({ kernel, buffers, params, grid }) => {
      const uniform = device.createBuffer({
        size: params.byteLength,
        usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
      })
      device.queue.writeBuffer(uniform, 0, params as Uint32Array<ArrayBuffer>)
      const pipeline = pipelineOf(kernel)
      const entries = [{ buffer: uniform }, ...buffers.map(entry)]
      const group = device.createBindGroup({
        layout: pipeline.getBindGroupLayout(0),
        entries: entries.map((resource, binding) => ({ binding, resource })),
      })
      return { pipeline, group, grid }
    })
    const encode = (encoder: GPUCommandEncoder) => {
      const pass = encoder.beginComputePass()
      for (const { pipeline, group, grid } of steps) {
        pass.setPipeline(pipeline)
        pass.setBindGroup(0, group)
        pass.dispatchWorkgroups(...grid)
      }
      pass.end()
    }
    return { main, end, ranges, at, encode, buffers: [main, ...own] }
  }

  async function outputsOf(
    recipe: Recipe,
    inputs: readonly Data[],
    expected: readonly Expected[],
    slab: boolean,
  ) {
    const sizes = expected.map((e) => e.values.length * bytesOf[e.elem])
    const placed = place(recipe, inputs, sizes, slab)
    expected.forEach((e, k) => {
      if (e.before) device.queue.writeBuffer(placed.main, placed.at.output[k].start, e.before)
    })
    const read = device.createBuffer({
      size: placed.end,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    })
    const encoder = device.createCommandEncoder()
    placed.encode(encoder)
    encoder.copyBufferToBuffer(placed.main, 0, read, 0, placed.end)
    device.queue.submit([encoder.finish()])
    await read.mapAsync(GPUMapMode.READ)
    const bytes = new Uint8Array(read.getMappedRange().slice(0))
    read.destroy()
    for (const b of placed.buffers) b.destroy()
    const used = new Uint8Array(placed.end)
    for (const r of placed.ranges) used.fill(1, r.start, r.start + r.size)
    const clean = placed.end >= GUARDED || bytes.every((b, k) => used[k] === 1 || b === GAP)
    return { values: placed.at.output.map((r, k) => view(bytes, r.start, expected[k])), clean }
  }

  /** Compares a recipe's outputs with what is expected, in both ways of binding. */
  async function check(
    name: string,
    what: string,
    make: Make,
    inputs: readonly Data[],
    expected: readonly Expected[],
  ) {
    for (const slab of [false, true]) {
      const recipe = make(inputs.map(() => (slab ? 'read_write' : 'read')))
      const { values, clean } = await outputsOf(recipe, inputs, expected, slab)
      const r = result(name)
      r.cases++
      if (!clean) fail(name, `${what}: wrote outside of its outputs`)
      expected.forEach((e, k) => {
        const { error, at } = compare(values[k], e)
        r.worst = Math.max(r.worst, error)
        if (!(error <= (e.tolerance ?? 0)))
          fail(name, `${what}: output ${k} [${at}] is ${values[k][at]}, expected ${e.values[at]}`)
      })
    }
  }

  /** Milliseconds of a recipe on buffers in one slab: the best of a few submissions. */
  async function time(
    name: string,
    make: Make,
    inputs: readonly Data[],
    outputs: readonly number[],
  ) {
    const recipe = make(inputs.map(() => 'read_write'))
    const placed = place(recipe, inputs, outputs, true)
    let best = Infinity
    for (let k = 0; k < 4; k++) {
      await device.queue.onSubmittedWorkDone()
      const start = performance.now()
      const encoder = device.createCommandEncoder()
      placed.encode(encoder)
      device.queue.submit([encoder.finish()])
      await device.queue.onSubmittedWorkDone()
      best = Math.min(best, performance.now() - start)
    }
    for (const b of placed.buffers) b.destroy()
    result(name).ms = best
  }

  function report(): boolean {
    console.log(`${adapter!.info.description || adapter!.info.device}: ${pipelines.size} pipelines`)
    for (const [name, { cases, failed, worst, ms }] of results) {
      const timed = ms === undefined ? '' : `${ms.toFixed(2)} ms`
      const state = failed ? `${failed} WRONG` : 'ok'
      console.log(
        `${name.padEnd(28)} ${state.padEnd(8)} ${String(cases).padStart(5)} runs  max error ${worst.toExponential(1)}  ${timed}`,
      )
    }
    return [...results.values()].every((r) => r.failed === 0)
  }
  return { check, time, report, device }
}
export type Runner = Awaited<ReturnType<typeof openRunner>>

function view(
  bytes: Uint8Array,
  start: number,
  { elem, values: { length } }: Expected,
): ArrayLike<number> {
  if (elem === 'u8') return bytes.slice(start, start + length)
  if (elem === 'f16') return new Uint16Array(bytes.buffer.slice(start, start + 2 * length))
  const part = bytes.buffer.slice(start, start + 4 * length)
  if (elem === 'i32') return new Int32Array(part)
  return elem === 'u32' ? new Uint32Array(part) : new Float32Array(part)
}

function compare(got: ArrayLike<number>, { values }: Expected): { error: number; at: number } {
  let error = 0
  let at = 0
  for (let k = 0; k < values.length; k++) {
    const same = Object.is(got[k], values[k]) || got[k] === values[k]
    const e = same ? 0 : Math.abs(got[k] - values[k]) / Math.max(1, Math.abs(values[k]))
    // A NaN on one side only compares false with everything.
    if (!(e <= error)) [error, at] = [Number.isNaN(e) ? Infinity : e, k]
  }
  return { error, at }
}

/** A small deterministic generator of numbers in [0, 1). */
export function randomOf(seed: number): () => number {
  let s = seed >>> 0
  return () => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0
    return (s >>> 8) / 2 ** 24
  }
}
