// Training in Node: the entry for browsers, Node's way of finding an adapter, and everything that touches files.

import '../engine/node.ts'

export {
  keptCheckpoints,
  readCheckpoint,
  type Which,
  writeCheckpoint,
} from './checkpoint-files.ts'
export { codeVersion } from './code-version.ts'
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
export { type FromRunOptions, reportData, writeReport } from './report/from-run.ts'
export * from './report/index.ts'
export { type RunConfig, type RunInfo, runInfo, seriesOf, validationsOf } from './run-info.ts'
export {
  type Difference,
  differences,
  listRuns,
  type RunList,
  type SortKey,
  sortedRuns,
} from './run-list.ts'
export { type Holder, holderOf } from './run-lock.ts'
export { RunWriter, type RunWriterOptions } from './run-writer.ts'
export { createRun, type MetricsRecord, openRun, RunFolder, type RunState } from './runs.ts'
export {
  type OpenSplitOptions,
  openSplit,
  openSplits,
  type Splits,
} from './sources.ts'
export { type Watched, type WatchOptions, watchRun } from './watch-server.ts'
export { readWeights, writeWeights } from './weights/files.ts'
