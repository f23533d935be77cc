// The engine's main entry, for browsers and everything else: no Node module is reachable from here.

export { type AdapterCandidate, type Caps, listAdapters } from './adapters/adapter.ts'
export { type DeviceOptions, openDevice } from './adapters/open-device.ts'
export { type Support, webgpuSupport } from './adapters/support.ts'
export { checkpoint } from './checkpoint.ts'
export type { Argument, CompileOptions, CompileProgress, Program } from './compile.ts'
export { Device, type DeviceStats } from './device.ts'
export { DeviceTensor } from './device-tensor.ts'
export {
  type DType,
  type HostArray,
  hostArray,
  type Shape,
  showType,
  sizeOf,
  type TensorType,
} from './dtype.ts'
export * from './errors.ts'
export {
  defaultCaps,
  type Explanation,
  explain,
  type StageName,
  stageNames,
} from './explain.ts'
export { grad } from './grad.ts'
export { type Graph, graphOf, rewrite, withInputs } from './graph.ts'
export {
  type Attrs,
  apply,
  type Box,
  noCost,
  none,
  type Op,
  type PointwiseOp,
  type StructuredOp,
  sample,
  type TensorLike,
  type Windows,
} from './op.ts'
export { argmax, argmin } from './ops/arg.ts'
export {
  abs,
  add,
  broadcastTo,
  cast,
  ceil,
  clamp,
  cos,
  div,
  equal,
  exp,
  expm1,
  floor,
  gate,
  greater,
  greaterEqual,
  isFinite,
  isNaN,
  leakyRelu,
  less,
  lessEqual,
  log,
  log1p,
  logicalAnd,
  logicalNot,
  logicalOr,
  logicalXor,
  maximum,
  minimum,
  mod,
  mul,
  neg,
  notEqual,
  pow,
  reciprocal,
  relu,
  round,
  rsqrt,
  sigmoid,
  sign,
  sin,
  softplus,
  sqrt,
  square,
  stopGradient,
  sub,
  tanh,
  trunc,
  where,
} from './ops/arithmetic.ts'
export {
  type AvgPoolOptions,
  adaptiveAvgPool2d,
  avgPool2d,
  globalAvgPool2d,
} from './ops/avgpool.ts'
export type { ReduceOptions } from './ops/axes.ts'
export { type BicubicOptions, resizeBicubic } from './ops/bicubic.ts'
export { concat, split, stack } from './ops/concat.ts'
export { conv2d } from './ops/conv.ts'
export type { ConvOptions } from './ops/conv-options.ts'
export { type ConvTransposeOptions, convTranspose2d } from './ops/conv-transpose.ts'
export { padReflect, padReplicate } from './ops/edge.ts'
export { histogram } from './ops/histogram.ts'
export { ops } from './ops/index.ts'
export { gather, indexSelect, type OneHotOptions, oneHot } from './ops/index-select.ts'
export { dot, linear, outer } from './ops/linear.ts'
export { type MatmulOptions, matmul, transpose } from './ops/matmul.ts'
export { moments, normalize } from './ops/norm.ts'
export { type PointwiseSpec, pointwise } from './ops/pointwise.ts'
export { maxPool2d, maxPool2dWithIndices } from './ops/pool.ts'
export type { PoolOptions } from './ops/pool-window.ts'
export {
  bernoulli,
  dropout,
  permutation,
  type RandomKey,
  randomBits,
  randomNormal,
  randomUniform,
} from './ops/random.ts'
export { channelSums, max, mean, min, sum } from './ops/reduce.ts'
export { resizeBilinear, resizeNearest } from './ops/resize.ts'
export { type CumsumOptions, cumsum } from './ops/scan.ts'
export { scatterAdd } from './ops/scatter.ts'
export { kthLargest, selectLargest, topK } from './ops/select.ts'
export {
  flip,
  iota,
  pad,
  permute,
  reshape,
  roll,
  slice,
} from './ops/shape.ts'
export { logSoftmax, softmax, takeLabel } from './ops/softmax.ts'
export { assign, constant, hostTensor, read, scalar } from './ops/source.ts'
export {
  all,
  any,
  countNonzero,
  logSumExp,
  type VarianceOptions,
  variance,
} from './ops/statistics.ts'
export { maxUnpool2d } from './ops/unpool.ts'
export { repeatUpsample } from './ops/upsample.ts'
export { expandDims, squeeze, swapAxes, tile } from './ops/views.ts'
export { CanvasView, type ViewOptions } from './pictures/canvas-view.ts'
export {
  type Crop,
  type ImageInput,
  type ImageOptions,
  type ImageSource,
  imageSize,
  imageTensor,
} from './pictures/image-tensor.ts'
export { heatRamp, type Rgb, rampColour } from './pictures/ramp.ts'
export { type Account, account, type LiveValue, type Moment, type Peak } from './plan/account.ts'
export { type PlanSummary, printGraph, printPlan, showBytes, showFlops } from './print.ts'
export { type HostTensor, Node, Tensor, Variable } from './tensor.ts'
export { collect, scope, tap } from './trace.ts'
export type { TuningOption } from './tuning/open.ts'
export type { TunedClass, TuneOptions, TuningReport } from './tuning/run.ts'
export type { Tuning, TuningTable } from './tuning/table.ts'
