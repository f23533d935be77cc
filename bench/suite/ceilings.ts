// What the adapter at hand can do at most, measured in the same run: multiply-adds that need no memory, and a copy that needs no
// arithmetic. Shares of other kernels are shares of these.

import type { Device } from '../../engine/index.ts'
import { usage } from '../../engine/run/buffers.ts'
import { STEPS, type Timer } from './timer.ts'

export interface Ceilings {
  /** Of multiply-adds in f32, two operations each. */
  readonly flopsPerSecond: number
  /** Read and written. */
  readonly bytesPerSecond: number
}

const LANES = 64
/** Independent vec4 chains: as many as software adapters keep in registers, and enough to hide a GPU's latency. */
const CHAINS = 8

/** Each invocation: `rounds` times CHAINS multiply-adds of vec4. What depends on no input would be computed beforehand. */
const arithmetic = /* wgsl */ `
struct Params { count: u32, rounds: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@compute @workgroup_size(${LANES})
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= p.count) { return; }
  let start = x[id.x];
  let a = start * 0.25 + 0.5;
  ${chains((k) => `var s${k} = start + ${k}.0;`)}
  for (var i = 0u; i < p.rounds; i++) {
    ${chains((k) => `s${k} = s${k} * a + a;`)}
  }
  y[id.x] = ${Array.from({ length: CHAINS }, (_, k) => `s${k}`).join(' + ')};
}`

/** vec4 that each invocation copies; those of a workgroup lie side by side. */
const COPIES = 16

const copy = /* wgsl */ `
struct Params { count: u32, rounds: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  for (var i = 0u; i < ${COPIES}u; i++) {
    let at = (group.x * ${COPIES}u + i) * ${LANES}u + lane;
    if (at < p.count) { y[at] = x[at]; }
  }
}`

function chains(line: (k: number) => string): string {
  return Array.from({ length: CHAINS }, (_, k) => line(k)).join('\n  ')
}

/** Runs of each, of which the fastest counts: on a shared machine most are not. */
const RUNS = 24

/** The best of several runs of each. */
export async function measureCeilings(device: Device, timer: Timer): Promise<Ceilings> {
  const { caps } = device
  // About 1 ms each, so that on a shared machine some runs are not interrupted.
  const [count, rounds, vectors] = caps.software
    ? [2 ** 13, 2 ** 7, 2 ** 18]
    : [2 ** 18, 2 ** 12, Math.min(2 ** 24, caps.maxBindingBytes / 16)]
  const multiply = await best(device, timer, {
    code: arithmetic,
    params: [count, rounds],
    groups: Math.ceil(count / LANES),
    bytes: 16 * count,
  })
  const move = await best(device, timer, {
    code: copy,
    params: [vectors, 0],
    groups: Math.ceil(vectors / LANES / COPIES),
    bytes: 16 * vectors,
  })
  return {
    flopsPerSecond: (2 * 4 * CHAINS * rounds * count) / multiply,
    bytesPerSecond: (2 * 16 * vectors) / move,
  }
}

interface Work {
  readonly code: string
  readonly params: readonly number[]
  readonly groups: number
  readonly bytes: number
}

/** Seconds of the fastest of several dispatches; of as many at once as the clock's steps ask for. */
async function best(
  device: Device,
  timer: Timer,
  { code, params, groups, bytes }: Work,
): Promise<number> {
  const { gpu, buffers } = device
  const [x, y] = [0, 1].map(() => buffers.make(bytes, 'ceiling'))
  const words = buffers.make(16, 'ceiling', usage.uniform | usage.copyDst)
  try {
    gpu.queue.writeBuffer(words.gpu, 0, Uint32Array.from(params))
    const pipeline = await gpu.createComputePipelineAsync({
      layout: 'auto',
      compute: { module: gpu.createShaderModule({ code }), entryPoint: 'main' },
    })
    // Layout 'auto' leaves out nothing here: every binding is used.
    const group = gpu.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [words, x, y].map((b, binding) => ({ binding, resource: { buffer: b.gpu } })),
    })
    const clocked = async (repeat: number) => {
      const encode = (pass: GPUComputePassEncoder) => {
        pass.setPipeline(pipeline)
        pass.setBindGroup(0, group)
        for (let i = 0; i < repeat; i++) pass.dispatchWorkgroups(groups)
      }
      return timer.timestampStep === undefined
        ? onTheWall(device, timer, encode)
        : timer.pass(encode)
    }
    const step = timer.timestampStep ?? Math.max(timer.wallStep, timer.roundTrip / STEPS)
    let repeat = 1
    let least = Number.POSITIVE_INFINITY
    for (let i = 0; i < RUNS; i++) {
      const ms = await clocked(repeat)
      if (ms < STEPS * step && repeat < 1024) {
        repeat *= 2
        i--
      } else least = Math.min(least, ms / repeat)
    }
    return least / 1000
  } finally {
    for (const b of [x, y, words]) buffers.free(b)
  }
}

async function onTheWall(
  device: Device,
  { roundTrip }: Timer,
  encode: (pass: GPUComputePassEncoder) => void,
): Promise<number> {
  const encoder = device.gpu.createCommandEncoder()
  const pass = encoder.beginComputePass()
  encode(pass)
  pass.end()
  const begun = performance.now()
  device.gpu.queue.submit([encoder.finish()])
  await device.idle()
  return performance.now() - begun - roundTrip
}
