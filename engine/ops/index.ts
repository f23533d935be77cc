// Every op there is, by name. What runs over all of them (checks, fuzzing, the docs table) starts here.

import type { Op } from '../op.ts'
import { activationOps } from './activation.ts'
import { argOps } from './arg.ts'
import { arithmeticOps } from './arithmetic.ts'
import { avgPoolOps } from './avgpool.ts'
import { bicubicOps } from './bicubic.ts'
import { compareOps } from './compare.ts'
import { concatOps } from './concat.ts'
import { convOps } from './conv.ts'
import { convertOps } from './convert.ts'
import { crossEntropyOps } from './cross-entropy.ts'
import { edgeOps } from './edge.ts'
import { functionOps } from './functions.ts'
import { histogramOps } from './histogram.ts'
import { takeOps } from './index-select.ts'
import { matmulOps } from './matmul.ts'
import { normOps } from './norm.ts'
import { poolOps } from './pool.ts'
import { randomOps } from './random.ts'
import { reduceOps } from './reduce.ts'
import { resizeOps } from './resize.ts'
import { scanOps } from './scan.ts'
import { scatterOps } from './scatter.ts'
import { selectOps } from './select.ts'
import { shapeOps } from './shape.ts'
import { softmaxOps } from './softmax.ts'
import { sortOps } from './sort.ts'
import { assignOp, constantOp, copyOp, inputOp, scalarOp, variableOp } from './source.ts'
import { statisticsOps } from './statistics.ts'
import { unpoolOps } from './unpool.ts'
import { upsampleOps } from './upsample.ts'

export const ops: readonly Op[] = [
  ...[inputOp, constantOp, variableOp, scalarOp, assignOp, copyOp],
  ...arithmeticOps,
  ...functionOps,
  ...activationOps,
  ...compareOps,
  ...convertOps,
  ...shapeOps,
  ...edgeOps,
  ...concatOps,
  ...reduceOps,
  ...argOps,
  ...scanOps,
  ...statisticsOps,
  ...matmulOps,
  ...convOps,
  ...normOps,
  ...poolOps,
  ...unpoolOps,
  ...avgPoolOps,
  ...upsampleOps,
  ...resizeOps,
  ...bicubicOps,
  ...softmaxOps,
  ...crossEntropyOps,
  ...takeOps,
  ...scatterOps,
  ...selectOps,
  ...sortOps,
  ...histogramOps,
  ...randomOps,
] as readonly Op[]
