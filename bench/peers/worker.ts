// The process of one engine. It is told what to do by messages, one at a time, and answers each with one message.

import type { AdapterChoice } from '../../engine/adapters/platform.ts'
import { driverTime, threads } from './driver-time.ts'
import type { Engine, Prepared, Values } from './engine.ts'
import { countCalls, counts, installGpu } from './gpu.ts'
import { openJax } from './jax.ts'
import { openOrt } from './ort.ts'
import { openOurs } from './ours.ts'
import { peers } from './packages.ts'
import type { Spec } from './rows.ts'
import { openTfjs } from './tfjs.ts'

export type Task =
  | {
      readonly do: 'open'
      readonly engine: EngineName
      readonly adapter: AdapterChoice | undefined
      readonly folder: string
    }
  | { readonly do: 'prepare'; readonly spec: Spec }
  /** A first run, in a process that has done nothing else. */
  | { readonly do: 'first'; readonly spec: Spec }
  | { readonly do: 'time'; readonly runs: number }
  | { readonly do: 'free' }

export type EngineName = 'atrous' | keyof typeof peers

export interface Opened {
  readonly name: string
  readonly adapter: string
}
export interface Ready {
  readonly results: readonly Values[]
  /** Milliseconds until the first results were here, and of one more run. */
  readonly first: number
  readonly second: number
  /** Of one run. */
  readonly dispatches: number
  /** Made for the first run. */
  readonly pipelines: number
}
export interface First {
  /** Milliseconds since the process began, and those that its threads were on a processor. */
  readonly wall: number
  readonly processor: number
  readonly pipelines: number
  /** Of the second run. */
  readonly dispatches: number
}
/** Milliseconds of one run. */
export interface Timing {
  readonly device: number
  readonly wall: number
}

const before = threads()
let engine: Engine
let prepared: Prepared | undefined

process.on('message', (task: Task) => {
  work(task).then(
    (value) => process.send!({ value }),
    (error: unknown) => process.send!({ error: oneLine(error) }),
  )
})

/** The words of an error, without its stack; whole numbers that are thrown are addresses in WebAssembly. */
function oneLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.replace(/\s+/g, ' ').trim() || 'failed without a message'
}

async function work(task: Task): Promise<unknown> {
  switch (task.do) {
    case 'open':
      return open(task)
    case 'prepare':
      return prepare(task.spec)
    case 'first':
      return first(task.spec)
    case 'time':
      return time(prepared!, task.runs)
    case 'free':
      prepared?.free()
      prepared = undefined
      return engine.device.queue.onSubmittedWorkDone()
  }
}

async function open({
  engine: name,
  adapter,
  folder,
}: Extract<Task, { do: 'open' }>): Promise<Opened> {
  installGpu(adapter)
  countCalls()
  const openers = {
    atrous: () => openOurs(adapter),
    tfjs: () => openTfjs(folder),
    jax: () => openJax(folder, peers.jax.version),
    ort: () => openOrt(folder, peers.ort.version),
  }
  engine = await openers[name]()
  engine.device.onuncapturederror = ({ error }) => {
    problem ??= error.message
  }
  const { description, device, vendor } = engine.device.adapterInfo
  return { name: engine.name, adapter: description || device || vendor }
}

/** The first WebGPU error since the last row: a result that came in spite of one does not count. */
let problem: string | undefined

async function prepare(spec: Spec): Promise<Ready> {
  problem = undefined
  const start = performance.now()
  const { pipelines } = counts
  prepared = await engine.prepare(spec)
  const results = await prepared.read()
  const first = performance.now() - start
  const made = counts.pipelines - pipelines
  const { dispatches } = counts
  const { wall: second } = await time(prepared, 1)
  if (problem) throw new Error(problem)
  return { results, first, second, dispatches: counts.dispatches - dispatches, pipelines: made }
}

async function first(spec: Spec): Promise<First> {
  const { run, done } = await engine.prepare(spec)
  await run()
  await done()
  const wall = performance.now()
  const { user, system } = process.cpuUsage()
  const { pipelines, dispatches } = counts
  await run()
  await done()
  const processor = (user + system) / 1000
  return { wall, processor, pipelines, dispatches: counts.dispatches - dispatches }
}

async function time({ run, done }: Prepared, runs: number): Promise<Timing> {
  await done()
  const start = performance.now()
  const device = driverTime(before)
  for (let i = 0; i < runs; i++) await run()
  await done()
  return {
    device: (driverTime(before) - device) / runs,
    wall: (performance.now() - start) / runs,
  }
}
