// What the host does while a compiled step is replayed: the time to encode and submit it, per dispatch, beside that of as many
// dispatches of nothing in the same device; what it leaves on the heap; and what waiting for the step takes, politely and not.
//
//   node dist/bench/host.js [--runs 30] [--only frrn-a] [--adapter swiftshader]
//
// Times of runs are those of the main thread on a processor where the system tells them (Linux), else of the clock.

import koffi from 'koffi'
import { Bench } from 'tinybench'
import { trainingStep } from '../apps/cli/step.ts'
import {
  type Device,
  type DeviceTensor,
  hostTensor,
  openDevice,
  type Tensor,
} from '../engine/node.ts'
import { drawInput, randomFrom } from '../engine/reference/index.ts'
import { usage } from '../engine/run/buffers.ts'
import { submissionEnds } from '../engine/run/submit.ts'
import { buildModel, type ImageSize } from '../models/index.ts'
import { adapter, given, named, text, whole } from './options.ts'

const { values } = given({ runs: whole(30), only: text(undefined), adapter })
const { runs } = values

const cases: readonly (readonly [name: string, options: object, size: ImageSize])[] = [
  ['frrn-a', { base: 8, lanes: 8, classes: 8 }, [4, 48, 64]],
  ['resnet-18', { width: 16, classes: 10 }, [4, 64, 64]],
  ['resnet-50', { width: 8, classes: 10 }, [1, 64, 64]],
]
const chosen = named(cases, values.only, ([name]) => name)

/** Milliseconds that this thread was on a processor, or, where the system does not tell, that have passed. */
const now = threadClock()
const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]

const device = await openDevice({ adapter: values.adapter })
console.log(`${device.line}\nmedians of ${runs} runs`)
for (const [name, options, size] of chosen) await measure(name, options, size)
device.close()

async function measure(name: string, options: object, size: ImageSize): Promise<void> {
  const model = buildModel({ name, options: { seed: 1, ...options } })
  const { fn, types } = trainingStep(model, size, 'sgd')
  using program = device.compile(fn as (...inputs: Tensor[]) => Tensor)
  const args = types.map((type, i) => drawInput(type, randomFrom(i + 1)))
  args[1] = hostTensor(1e-4)
  const run = () => program.run(...args) as Promise<DeviceTensor>
  const finish = async (result: Promise<DeviceTensor>) => {
    ;(await result).dispose()
    await device.idle()
  }
  for (let i = 0; i < 3; i++) await finish(run())

  const { plan } = program.stages(...types)
  const dispatches = plan.steps.reduce((n, s) => n + s.dispatches.length, 0)
  const moves = plan.steps.reduce((n, s) => n + s.moves.length, 0)
  console.log(
    `\n${name}, ${size.join('×')}: ${dispatches} dispatches, ${moves} copies, ${submissionEnds(plan, device.caps).size + 1} submissions`,
  )
  const floor = empty(device, dispatches)
  const heap: number[] = []
  const pending: Promise<DeviceTensor>[] = []
  const finished = async () => {
    for (const result of pending.splice(0)) await finish(result)
  }
  const bench = new Bench({ now, iterations: runs, time: 0, warmupIterations: 3, warmupTime: 0 })
  bench.add(
    'a run',
    () => {
      const before = process.memoryUsage().heapUsed
      pending.push(run())
      heap.push(process.memoryUsage().heapUsed - before)
    },
    { afterEach: finished },
  )
  // While a software driver runs kernels on the same processor, the caches forget what the host needs; here they do not.
  bench.add(
    'three runs in a row',
    () => {
      pending.push(run(), run(), run())
    },
    { afterEach: finished },
  )
  bench.add('dispatches of nothing', floor, { afterEach: () => device.idle() })
  await bench.run()
  for (const { name, result } of bench.tasks) {
    if (!('latency' in result)) throw new Error('the benchmark did not finish')
    const { p50, min } = result.latency
    const count = name.startsWith('three') ? 3 * dispatches : dispatches
    const each = (ms: number) => ((1000 * ms) / count).toFixed(2)
    console.log(
      `  ${name.padEnd(24)} ${p50.toFixed(2)} ms, ${each(p50)} µs a dispatch (least ${each(min)})`,
    )
  }
  const bytes = heap.filter((b) => b >= 0).sort((a, b) => a - b)
  console.log(
    `  on the heap              ${(bytes[bytes.length >> 1] / 1000).toFixed(1)} kB a run; buffers made ${device.stats().buffersMade}`,
  )
  await waiting('politely', () => device.idle())
  await waiting('at once', () => device.gpu.queue.onSubmittedWorkDone())

  /** A step and the wait for it. */
  async function waiting(how: string, wait: () => Promise<unknown>): Promise<void> {
    const wall: number[] = []
    const processor: number[] = []
    for (let i = 0; i < runs; i++) {
      const [used, begun] = [process.cpuUsage(), performance.now()]
      const result = await run()
      await wait()
      wall.push(performance.now() - begun)
      const { user, system } = process.cpuUsage(used)
      processor.push((user + system) / 1000)
      result.dispose()
    }
    console.log(
      `  step, waiting ${how.padEnd(10)} ${median(wall).toFixed(1)} ms by the clock, ${median(processor).toFixed(1)} ms of processors`,
    )
  }
}

function threadClock(): () => number {
  if (process.platform !== 'linux') return () => performance.now()
  const clockGettime = koffi.load('libc.so.6').func('int clock_gettime(int, _Out_ int64_t *)')
  const time = new BigInt64Array(2)
  const threadCpuTime = 3
  return () => {
    clockGettime(threadCpuTime, time)
    return Number(time[0]) * 1e3 + Number(time[1]) / 1e6
  }
}

/** Encodes and submits dispatches of two kernels by turns, which do nothing, with bind groups that are there: as many as dispatches,
 * each of a uniform block and four ranges, about what a step has. What a run takes beyond this is the engine's. */
function empty({ gpu, buffers }: Device, dispatches: number): () => void {
  const bindings = [1, 2, 3, 4]
  const layout = gpu.createBindGroupLayout({
    entries: [0, ...bindings].map((binding) => ({
      binding,
      visibility: 4,
      buffer: { type: binding ? 'storage' : 'uniform' },
    })),
  })
  const pipelines = ['1u', '2u'].map((value) =>
    gpu.createComputePipeline({
      layout: gpu.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: {
        module: gpu.createShaderModule({
          code: `@group(0) @binding(1) var<storage, read_write> x: array<u32>;
@compute @workgroup_size(1) fn main(@builtin(workgroup_id) g: vec3u) { if (g.x == 7u) { x[0] = ${value}; } }`,
        }),
      },
    }),
  )
  const words = buffers.make(256, 'words', usage.uniform).gpu
  const slabs = bindings.map(() => buffers.make(1024 * dispatches, 'nothing').gpu)
  const groups = Array.from({ length: dispatches }, (_, i) =>
    gpu.createBindGroup({
      layout,
      entries: [
        { binding: 0, resource: { buffer: words, size: 64 } },
        ...slabs.map((buffer, k) => ({
          binding: k + 1,
          resource: { buffer, offset: 256 * ((i * (2 * k + 1)) % (4 * dispatches)), size: 256 },
        })),
      ],
    }),
  )
  return () => {
    const encoder = gpu.createCommandEncoder()
    const pass = encoder.beginComputePass()
    for (let i = 0; i < dispatches; i++) {
      pass.setPipeline(pipelines[i % 2])
      pass.setBindGroup(0, groups[i])
      pass.dispatchWorkgroups(1)
    }
    pass.end()
    gpu.queue.submit([encoder.finish()])
  }
}
