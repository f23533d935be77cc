// Training in Node: the entry for browsers, Node's way of finding an adapter, and everything that touches files.

import '../engine/node.ts'

export {
  keptCheckpoints,
  readCheckpoint,
  type Which,
  writeCheckpoint,
} from './checkpoint/files.ts'
export * from './data/index.ts'
export * from './index.ts'
export { type AheadOptions, readAhead } from './loader/ahead.ts'
export {
  defaultWorkers,
  type OpenAheadOptions,
  type OpenLoaderOptions,
  openAhead,
  openLoader,
  specOf,
} from './loader/open.ts'
export type { DatasetSpec } from './loader/pool.ts'
export {
  decodeImage,
  imageSize,
  readImage,
  readLabels,
  readPhoto,
  resizeImage,
  writeLabelsPng,
  writePng,
} from './pictures/images.ts'
export { type FromRunOptions, reportData, writeReport } from './report/from-run.ts'
export * from './report/index.ts'
export { codeVersion } from './runs/code-version.ts'
export { createRun, type MetricsRecord, openRun, RunFolder, type RunState } from './runs/folder.ts'
export { type RunConfig, type RunInfo, runInfo, seriesOf, validationsOf } from './runs/info.ts'
export {
  type Difference,
  differences,
  listRuns,
  type RunList,
  type SortKey,
  sortedRuns,
} from './runs/list.ts'
export { type Holder, holderOf } from './runs/lock.ts'
export { type Watched, type WatchOptions, watchRun } from './runs/watch-server.ts'
export { RunWriter, type RunWriterOptions } from './runs/writer.ts'
export {
  type OpenSplitOptions,
  openSplit,
  openSplits,
  type Splits,
} from './sources.ts'
export { readWeights, writeWeights } from './weights/files.ts'
