// What lib-weights.test.ts runs inside the page: fetches from a server of another origin, that keeps what browsers keep.

import { AtrousError, openDevice } from '../../engine/index.ts'
import { buildModel } from '../../models/index.ts'
import {
  checkpointModel,
  encodeCheckpoint,
  type FetchOptions,
  type FetchProgress,
  fetchWeights,
  forgetWeights,
  keptWeights,
  loadCheckpoint,
  loadWeightFile,
  openCheckpoint,
  openWeights,
} from '../../train/index.ts'

export interface Asked extends Omit<FetchOptions, 'signal' | 'onProgress'> {
  readonly url: string
  /** Bytes after which the signal is aborted. */
  readonly abortAt?: number
}

/** A file with the sum of its bytes, where they came from and how often it was told of; or what went wrong. */
export type Fetched = Partial<FetchProgress> & {
  readonly name?: string
  readonly size?: number
  readonly sum?: number
  readonly times?: number
  readonly reason?: string
  readonly message?: string
  readonly isOurs?: boolean
}

export async function fetched({ url, abortAt, ...options }: Asked): Promise<Fetched> {
  const told: FetchProgress[] = []
  const stop = new AbortController()
  const onProgress = (progress: FetchProgress) => {
    told.push(progress)
    if (abortAt !== undefined && progress.loaded >= abortAt) stop.abort(new Error('enough'))
  }
  try {
    const file = await fetchWeights(url, { ...options, signal: stop.signal, onProgress })
    const bytes = new Uint8Array(await file.arrayBuffer())
    const sum = bytes.reduce((a, b) => (a * 31 + b) % 65521, 7)
    const { from, loaded, total } = told.at(-1)!
    return { name: file.name, size: bytes.length, sum, from, loaded, total, times: told.length }
  } catch (error) {
    const { reason, message } = error as { reason?: string; message: string }
    return { reason, message, isOurs: error instanceof AtrousError }
  }
}

export const kept = async () => (await keptWeights()).map(({ url, bytes }) => ({ url, bytes }))

export const forget = (url: string): Promise<void> => forgetWeights(url)

/** A checkpoint that this page writes, as its bytes in base 64. */
export async function checkpointText(): Promise<string> {
  const { bytes } = await encodeCheckpoint(await openDevice(), network(1), undefined, {
    recipe: {},
    classes: [],
    size: [8, 8],
    progress: { step: 1, seconds: 1 },
  } as never)
  return btoa(String.fromCharCode(...bytes))
}

const network = (seed: number) =>
  buildModel({ name: 'resnet-18', options: { width: 2, classes: 3, seed } })

/** Fetches it, keeps it, and gives its values to networks by both ways; each variable of both agrees with what was saved. */
export async function loadedFrom(url: string): Promise<boolean[]> {
  const file = await fetchWeights(url)
  const device = await openDevice()
  const checkpoint = await openCheckpoint(file)
  const first = checkpointModel(checkpoint)
  await loadCheckpoint(device, checkpoint, first)
  const second = network(2)
  await loadWeightFile(device, second, await openWeights(file))
  const expected = network(1).stateDict()
  const agree: boolean[] = []
  for (const model of [first, second])
    for (const [path, variable] of model.stateDict()) {
      const [a, b] = [await device.read(variable), await device.read(expected.get(path)!)]
      agree.push(a.length === b.length && a.every((v, i) => v === b[i]))
    }
  return agree
}
