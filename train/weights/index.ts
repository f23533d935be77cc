// Weights in files, ours and those of other libraries, for browsers and everything else: no Node module is reachable from here.

export { decodeWeights } from './decode.ts'
export type { FeedOptions } from './feed.ts'
export { type FetchOptions, type FetchProgress, fetchWeights } from './fetch.ts'
export { forgetWeights, type KeptRecord, keptWeights } from './kept.ts'
export { type LoadOptions, loadWeights, matchWeights } from './load.ts'
export { loadWeightFile, openWeights, type WeightFile } from './open.ts'
export { checkReport, type LoadReport } from './report.ts'
export { type Exported, type ExportOptions, exportWeights } from './save.ts'
export {
  decodeShards,
  type EncodedFile,
  encodeShards,
  type ShapedValues,
  type ShardOptions,
} from './shards.ts'
export {
  type WeightDtype,
  type WeightFormat,
  type Weights,
  type WeightTensor,
  weightTensor,
} from './tensor.ts'
