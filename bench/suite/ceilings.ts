// What the adapter at hand can do at most, measured in the same run: multiply-adds that need no memory, and a copy that needs no
// arithmetic. Shares of other kernels are shares of these.

import { globals } from 'webgpu'
import type { Device } from '../../engine/node.ts'

const { GPUBufferUsage, GPUMapMode } = globals as typeof globalThis

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
export async function measureCeilings({ gpu, caps }: Device): Promise<Ceilings> {
  // About 1 ms each, so that on a shared machine some runs are not interrupted.
  const [count, rounds, vectors] = caps.software
    ? [2 ** 13, 2 ** 7, 2 ** 18]
    : [2 ** 18, 2 ** 12, Math.min(2 ** 24, caps.maxBindingBytes / 16)]
  const multiply = await best(
    gpu,
    arithmetic,
    { count, rounds },
    Math.ceil(count / LANES),
    16 * count,
  )
  const move = await best(
    gpu,
    copy,
    { count: vectors, rounds: 0 },
    Math.ceil(vectors / LANES / COPIES),
    16 * vectors,
  )
  return {
    flopsPerSecond: (2 * 4 * CHAINS * rounds * count) / multiply,
    bytesPerSecond: (2 * 16 * vectors) / move,
  }
}

/** Seconds of the fastest of several dispatches, by timestamps where there are some. */
async function best(
  gpu: GPUDevice,
  code: string,
  { count, rounds }: { count: number; rounds: number },
  groups: number,
  bytes: number,
): Promise<number> {
  const storage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST
  const [x, y] = [0, 1].map(() => gpu.createBuffer({ size: bytes, usage: storage }))
  const params = gpu.createBuffer({
    size: 16,
    usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
  })
  gpu.queue.writeBuffer(params, 0, Uint32Array.of(count, rounds))
  const pipeline = await gpu.createComputePipelineAsync({
    layout: 'auto',
    compute: { module: gpu.createShaderModule({ code }), entryPoint: 'main' },
  })
  // Layout 'auto' leaves out nothing here: every binding is used.
  const group = gpu.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [params, x, y].map((buffer, binding) => ({ binding, resource: { buffer } })),
  })
  const clock = gpu.features.has('timestamp-query') ? timestamps(gpu) : undefined
  let seconds = Number.POSITIVE_INFINITY
  for (let i = 0; i < RUNS; i++) {
    const encoder = gpu.createCommandEncoder()
    const pass = encoder.beginComputePass(clock?.descriptor ?? {})
    pass.setPipeline(pipeline)
    pass.setBindGroup(0, group)
    pass.dispatchWorkgroups(groups)
    pass.end()
    clock?.resolve(encoder)
    const begun = performance.now()
    gpu.queue.submit([encoder.finish()])
    await gpu.queue.onSubmittedWorkDone()
    const wall = (performance.now() - begun) / 1000
    seconds = Math.min(seconds, clock ? await clock.read() : wall)
  }
  for (const b of [x, y, params]) b.destroy()
  clock?.free()
  return seconds
}

/** The time between the beginning and the end of a pass. */
function timestamps(gpu: GPUDevice) {
  const querySet = gpu.createQuerySet({ type: 'timestamp', count: 2 })
  const usage = GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC
  const resolved = gpu.createBuffer({ size: 16, usage })
  const staging = gpu.createBuffer({
    size: 16,
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
  })
  return {
    descriptor: {
      timestampWrites: { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 },
    },
    resolve(encoder: GPUCommandEncoder) {
      encoder.resolveQuerySet(querySet, 0, 2, resolved, 0)
      encoder.copyBufferToBuffer(resolved, 0, staging, 0, 16)
    },
    async read() {
      await staging.mapAsync(GPUMapMode.READ)
      const [begin, end] = new BigUint64Array(staging.getMappedRange())
      staging.unmap()
      return Number(end - begin) / 1e9
    },
    free() {
      for (const b of [resolved, staging]) b.destroy()
      querySet.destroy()
    },
  }
}
