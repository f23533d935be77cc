// A worker thread of a loader (Node): opens the data set by itself and makes slices of batches from it, one at a time.

import { parentPort, workerData } from 'node:worker_threads'
import { scanExample } from '../data/scan.ts'
import type { Dataset, Example } from '../dataset.ts'
import { openSplit } from '../sources.ts'
import { plainError } from './plain-errors.ts'
import type { Answer, DatasetSpec, Setup, Task } from './pool.ts'
import { makeSlice } from './slice.ts'

const { spec, options } = workerData as Setup
const port = parentPort!
let opened: Promise<Dataset> | undefined

port.on('message', async (task: Task) => {
  try {
    const { answer, moved } = await done(task)
    port.postMessage(answer, moved)
  } catch (error) {
    const answer: Answer = { error: plainError(error) }
    port.postMessage(answer)
  }
})

interface Done {
  readonly answer: Answer
  readonly moved: ArrayBuffer[]
}

async function done(task: Task): Promise<Done> {
  opened ??= open(spec)
  const dataset = await opened.catch((error) => {
    opened = undefined
    throw error
  })
  if ('slice' in task) return slice(dataset, task)
  const scan = scanExample(await dataset.get(task.scan))
  return { answer: { scan }, moved: [] }
}

async function slice(
  dataset: Dataset,
  { slice, known, room }: Extract<Task, { slice: unknown }>,
): Promise<Done> {
  const fresh = new Map<number, Example>()
  let left = room
  const get = async (index: number): Promise<Example> => {
    const before = known.get(index)
    if (before) return before
    const example = await dataset.get(index)
    left -= exampleBytes(example)
    if (left >= 0) fresh.set(index, shared(example))
    return example
  }
  const made = await makeSlice({ ...dataset, get }, slice, options)
  const { image, targets, names, height, width } = made
  const buffers = [image.buffer, ...targets.map(({ data }) => data.buffer)]
  return {
    answer: { batch: { image, targets, names, height, width }, fresh },
    moved: buffers as ArrayBuffer[],
  }
}

async function open(spec: DatasetSpec): Promise<Dataset> {
  if ('source' in spec) return openSplit(spec.source, spec.split, { ...spec, cacheBytes: 0 })
  const { openDataset } = await import(spec.module)
  return openDataset(spec.options)
}

const exampleBytes = ({ image, labels, instances }: Example): number =>
  image.byteLength + labels.byteLength + (instances?.byteLength ?? 0)

/** In memory that all threads see. */
function shared({ image, labels, instances, ...rest }: Example): Example {
  const bytes = (data: Uint8Array) => {
    const copy = new Uint8Array(new SharedArrayBuffer(data.length))
    copy.set(data)
    return copy
  }
  const numbers = instances && new Uint16Array(new SharedArrayBuffer(instances.byteLength))
  if (instances) numbers!.set(instances)
  return {
    ...rest,
    image: bytes(image),
    labels: bytes(labels),
    ...(numbers && { instances: numbers }),
  }
}
