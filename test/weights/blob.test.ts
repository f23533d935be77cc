// Weights and checkpoints out of files that are read part by part, as browsers hold them: the same values as of whole bytes, and no
// more memory than one tensor takes.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import * as assert from 'uvu/assert'
import { sizeOf } from '../../engine/dtype.ts'
import { DataError } from '../../engine/errors.ts'
import { buildModel, type Network } from '../../models/index.ts'
import { loadCheckpoint, openCheckpoint } from '../../train/checkpoint/blob.ts'
import { checkpointModel, encodeCheckpoint } from '../../train/checkpoint/checkpoint.ts'
import { Adam } from '../../train/optimizers.ts'
import { decodeWeights } from '../../train/weights/decode.ts'
import { loadWeights } from '../../train/weights/load.ts'
import { loadWeightFile, openWeights } from '../../train/weights/open.ts'
import { readSafetensors } from '../../train/weights/safetensors.ts'
import { exportWeights } from '../../train/weights/save.ts'
import { encodeShards } from '../../train/weights/shards.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

/** Reads between two looks at the memory, which take long. */
const PERIOD = 9

/** A file that knows which of the bytes that were read from it are still in memory. */
class CountingBlob extends Blob {
  /** The most that were at once; and all that were read. */
  most = 0
  read = 0
  readonly #given: WeakRef<ArrayBuffer>[] = []

  override slice(begin?: number, end?: number): Blob {
    const part = super.slice(begin, end)
    const arrayBuffer = async () => {
      const bytes = await part.arrayBuffer()
      this.read += bytes.byteLength
      if (this.#given.length % PERIOD === 0) {
        // What is asked about in a turn of the event loop lives through that turn.
        await new Promise(setImmediate)
        gc()
        const alive = this.#given.reduce((sum, ref) => sum + (ref.deref()?.byteLength ?? 0), 0)
        this.most = Math.max(this.most, alive + bytes.byteLength)
      }
      this.#given.push(new WeakRef(bytes))
      return bytes
    }
    return { arrayBuffer } as Blob
  }
}

const small = (seed: number, classes = 3): Network =>
  buildModel({ name: 'resnet-18', options: { width: 2, classes, seed } })

const adam = (model: Network) => new Adam(model.parameters())

async function checkpointOf(model: Network): Promise<Uint8Array<ArrayBuffer>> {
  const device = await testDevice()
  const { bytes } = await encodeCheckpoint(device, model, adam(model), {
    recipe: {},
    classes: [],
    size: [8, 8],
    progress: { step: 1, seconds: 1 },
  } as never)
  return bytes as Uint8Array<ArrayBuffer>
}

async function assertSame(a: Network, b: Network): Promise<void> {
  const device = await testDevice()
  for (const [path, variable] of a.stateDict()) {
    const [mine, its] = [await device.read(variable), await device.read(b.stateDict().get(path)!)]
    assert.equal([...mine], [...its], path)
  }
}

const refused = (work: Promise<unknown>, message: RegExp) =>
  work.then(
    () => assert.unreachable('was taken'),
    (error) => {
      assert.instance(error, DataError)
      assert.match(error.message, message)
    },
  )

const largest = (model: Network): number =>
  4 * Math.max(...[...model.stateDict().values()].map(({ shape }) => sizeOf(shape)))

test('checkpoint file: tensors go to the device one by one, two at most in memory', async () => {
  const device = await testDevice()
  const bytes = await checkpointOf(small(1))
  const blob = new CountingBlob([bytes])
  const file = await openCheckpoint(blob, 'a.safetensors')
  const header = blob.read
  assert.ok(header < bytes.length / 3, `the header takes ${header} of ${bytes.length}`)
  const model = checkpointModel(file)
  const told: number[] = []
  blob.most = 0
  await loadCheckpoint(device, file, model, adam(model), {
    onProgress: ({ loaded, total }) => told.push(loaded / total),
  })
  await assertSame(small(1), model)
  // Each byte once (and the eight that say how long the header is), and of the last tensor until the next is there.
  assert.is(blob.read, bytes.length + 8)
  assert.ok(blob.most <= 2 * largest(model), `${blob.most} of tensors up to ${largest(model)}`)
  assert.is(told[0], 0)
  assert.is(told.at(-1), 1)
  assert.equal(
    told,
    [...told].sort((a, b) => a - b),
  )
})

test('checkpoint file: what does not fit is refused before anything is written', async () => {
  const device = await testDevice()
  const bytes = await checkpointOf(small(1))
  await refused(openCheckpoint(new Blob([bytes.subarray(0, -4)]), 'cut'), /cut: is truncated/)
  const part = new File([bytes.subarray(0, 900)], 'part.bin')
  await refused(openCheckpoint(part), /part.bin: is truncated/)
  const file = await openCheckpoint(new Blob([bytes]))
  const [other, same] = [small(2, 4), small(2, 4)]
  await refused(loadCheckpoint(device, file, other), /the file: is a checkpoint of resnet-18/)
  await assertSame(other, same)
  const stop = new AbortController()
  stop.abort(new Error('enough'))
  const ended = loadCheckpoint(device, file, small(1), undefined, { signal: stop.signal })
  assert.is(await ended.catch((error) => error.message), 'enough')
})

test('weight file: a model gets from it what it gets from whole bytes, in all its layouts', async () => {
  const device = await testDevice()
  const from = small(1)
  const exported = await exportWeights(device, from, { keys: 'torch' })
  const files: [string, Uint8Array][] = [['own', await checkpointOf(from)]]
  for (const dtype of ['f32', 'f16', 'bf16'] as const) {
    const [{ bytes }] = encodeShards(exported.tensors, { dtype, metadata: exported.metadata })
    files.push([dtype, bytes])
  }
  for (const [name, bytes] of files) {
    const [whole, parted] = [small(2), small(3)]
    const expected = loadWeights(device, whole, await decodeWeights(bytes, name))
    const blob = new CountingBlob([bytes as Uint8Array<ArrayBuffer>])
    const file = await openWeights(blob, name)
    assert.is(file.format, 'safetensors')
    blob.most = 0
    const report = await loadWeightFile(device, parted, file)
    assert.equal(report, expected, name)
    await assertSame(whole, parted)
    assert.ok(blob.most <= largest(from), `${name}: ${blob.most} of ${largest(from)}`)
  }
})

test('weight file: what does not fit leaves the model as it was', async () => {
  const device = await testDevice()
  const bytes = await checkpointOf(small(1))
  const [other, same] = [small(2, 5), small(2, 5)]
  const file = await openWeights(new Blob([bytes]), 'three classes')
  await refused(loadWeightFile(device, other, file), /three classes: does not fit/)
  await assertSame(other, same)
  const { tensors } = readSafetensors(bytes, '')
  const [name] = [...tensors.keys()].filter((key) => key.startsWith('model.'))
  const damaged = bytes.slice()
  readSafetensors(damaged, '').tensors.get(name)!.data[0] = Number.NaN
  const bad = await openWeights(new Blob([damaged]), 'bad')
  await refused(loadWeightFile(device, small(2), bad), /bad: holds values that are not finite/)
  await refused(openWeights(new Blob(['<!doctype html>']), 'page'), /page: is a web page/)
  await refused(openWeights(new Blob([]), 'none'), /none: is empty/)
})

test('weight file: a file that is gone is told of', async () => {
  const device = await testDevice()
  const bytes = await checkpointOf(small(1))
  const blob = new CountingBlob([bytes])
  const file = await openWeights(blob, 'gone')
  blob.slice = () =>
    ({
      arrayBuffer: () => Promise.reject(new DOMException('not there', 'NotReadableError')),
    }) as never
  await refused(
    loadWeightFile(device, small(2), file),
    /gone: cannot be read: not there[\s\S]*choose it again/,
  )
})
