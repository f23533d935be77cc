// Training in Node: the entry for browsers, Node's way of finding an adapter, and everything that touches files.

import '../engine/node.ts'

export { readCheckpoint, type Which, writeCheckpoint } from './checkpoint-files.ts'
export * from './data/index.ts'
export {
  decodeImage,
  imageSize,
  readImage,
  readLabels,
  readPhoto,
  resizeImage,
  writeLabelsPng,
  writePng,
} from './images.ts'
export * from './index.ts'
export { defaultWorkers, type OpenLoaderOptions, openLoader } from './loader/open.ts'
export type { DatasetSpec } from './loader/pool.ts'
export { createRun, type MetricsRecord, openRun, RunFolder } from './runs.ts'
export {
  type OpenSplitOptions,
  openSplit,
  openSplits,
  type Splits,
} from './sources.ts'
export { readWeights, writeWeights } from './weights/files.ts'
