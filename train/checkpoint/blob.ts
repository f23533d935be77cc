// A checkpoint out of a file that a browser holds, such as one that was dropped, fetched or kept: each tensor goes from the file to
// the device by itself, so that the file is never in memory as a whole.

import type { Device } from '../../engine/device.ts'
import type { Network } from '../../models/index.ts'
import type { Optimizer } from '../optimizers.ts'
import { blobName } from '../weights/blob.ts'
import { Feed, type FeedOptions } from '../weights/feed.ts'
import { readBlobEntries, readEntryData, type SafeEntry } from '../weights/safetensors.ts'
import { type Checkpoint, modelPairs, optimizerPairs, partsOf } from './checkpoint.ts'

/** `checkpointModel` builds its network, `loadCheckpoint` gives that its values. */
export interface CheckpointFile extends Checkpoint<SafeEntry> {
  readonly blob: Blob
}

/** Reads what a checkpoint says and where its tensors lie: no byte more than its header. Throws DataError naming the file where it is
 * none, or damaged, or newer, or not whole. */
export async function openCheckpoint(
  blob: Blob,
  file: string = blobName(blob),
): Promise<CheckpointFile> {
  const { entries, metadata } = await readBlobEntries(blob, file)
  return { ...partsOf(entries, metadata, file), blob }
}

/** Writes the values of a checkpoint into a model, and into its optimiser where one is given. Alive on the host are no more bytes
 * than those of two tensors, the one that is written and the one before (and starting values of the one, where its variable had no
 * place yet), besides what the device's queue has not taken in: 64 MiB and a tensor at most. Throws DataError where the checkpoint is another model's or optimiser's, before
 * anything is written; where the file is gone in the midst of it, or the signal is aborted, a part of the values is written. */
export async function loadCheckpoint(
  device: Device,
  checkpoint: CheckpointFile,
  model: Network,
  optimizer?: Optimizer,
  options: FeedOptions = {},
): Promise<void> {
  const { blob, file } = checkpoint
  const pairs = [
    ...modelPairs(model, checkpoint),
    ...(optimizer ? optimizerPairs(optimizer, checkpoint) : []),
  ]
  const total = pairs.reduce((sum, [, { begin, end }]) => sum + end - begin, 0)
  const feed = new Feed(device, total, options)
  for (const [variable, entry] of pairs) {
    const { data } = await readEntryData(blob, entry, file)
    await feed.write(variable, data as Float32Array)
    feed.advance(data.byteLength)
  }
}
