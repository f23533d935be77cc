// A worker thread of a loader (Node): opens the data set by itself and makes slices of batches from it, one at a time; reads examples
// of other data sets too, which it opens as they come.

import { parentPort, workerData } from 'node:worker_threads'
import { scanExample } from '../data/scan.ts'
import { type Dataset, type Example, exampleBytes } from '../dataset.ts'
import { openSplit } from '../sources.ts'
import { plainError } from './plain-errors.ts'
import type { Answer, DatasetSpec, Setup, Task } from './pool.ts'
import { makeSlice } from './slice.ts'

const { spec, options } = workerData as Setup
const port = parentPort!
const opened = new Map<string, Promise<Dataset>>()

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
  const dataset = await once('of' in task ? task.of : spec)
  if ('slice' in task) return slice(dataset, task)
  if ('read' in task) return handed(await dataset.get(task.read))
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

function once(spec: DatasetSpec): Promise<Dataset> {
  const key = JSON.stringify(spec)
  const known = opened.get(key)
  if (known) return known
  const dataset = open(spec)
  opened.set(key, dataset)
  dataset.catch(() => opened.delete(key))
  return dataset
}

async function open(spec: DatasetSpec): Promise<Dataset> {
  if ('source' in spec) return openSplit(spec.source, spec.split, { ...spec, cacheBytes: 0 })
  const { openDataset } = await import(spec.module)
  return openDataset(spec.options)
}

/** Copies, since what a decoder made may be part of a larger buffer, which cannot be given away. (A `slice` of Node's own kind of array
 * is no copy.) */
function handed({ image, labels, instances, ...rest }: Example): Done {
  const own = {
    ...{ image: new Uint8Array(image), labels: new Uint8Array(labels) },
    ...(instances && { instances: new Uint16Array(instances) }),
  }
  const moved = Object.values(own).map(({ buffer }) => buffer as ArrayBuffer)
  return { answer: { example: { ...rest, ...own } }, moved }
}

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
