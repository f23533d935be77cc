// The self-test of `atrous doctor`: every kernel family once on a small case, against the interpreter. About a second
// on a software adapter.

import type { Device } from '../device.ts'
import type { HostArray } from '../dtype.ts'
import { grad } from '../grad.ts'
import { graphOf } from '../graph.ts'
import { apply, type SampleInput, sample } from '../op.ts'
import { argmax } from '../ops/arg.ts'
import {
  add,
  cast,
  clamp,
  exp,
  greater,
  isFinite,
  isNaN,
  log,
  maximum,
  minimum,
  mul,
  relu,
  sin,
  square,
} from '../ops/arithmetic.ts'
import { concat } from '../ops/concat.ts'
import { conv2d } from '../ops/conv.ts'
import { padReflect } from '../ops/edge.ts'
import { matmul } from '../ops/matmul.ts'
import { moments, normalize } from '../ops/norm.ts'
import { maxPool2d } from '../ops/pool.ts'
import { randomUniform } from '../ops/random.ts'
import { max, min, sum } from '../ops/reduce.ts'
import { resizeBilinear } from '../ops/resize.ts'
import { selectLargest } from '../ops/select.ts'
import { permute, reshape } from '../ops/shape.ts'
import { logSoftmax, takeLabel } from '../ops/softmax.ts'
import { constant, inputOp, scalar } from '../ops/source.ts'
import { repeatUpsample } from '../ops/upsample.ts'
import type { Tensor } from '../tensor.ts'
import { tracing } from '../trace.ts'
import { drawInput, randomFrom } from './draw.ts'
import { asStored, interpretAll } from './interpret.ts'
import { roundingErrors } from './rounding.ts'
import { largestDifference } from './tolerance.ts'

export interface SelfTestResult {
  /** Which kernels, as a person calls them. */
  readonly family: string
  readonly ok: boolean
  /** What went wrong, in one sentence; undefined where ok. */
  readonly error: string | undefined
  /** Compiling, running and reading back, in milliseconds. */
  readonly ms: number
}

interface Case {
  readonly inputs: readonly SampleInput[]
  /** Every result must be the very number that the interpreter gives. */
  readonly exact?: boolean
  /** Activations are stored as f16; left out where the adapter has none. */
  readonly mixed?: boolean
  build(...inputs: Tensor[]): readonly Tensor[]
}

/** A value and its gradients, so that both directions run. */
const both = (y: Tensor, wrt: readonly Tensor[]): Tensor[] => [y, ...grad(sum(square(y)), wrt)]

const image = sample([1, 6, 8, 8])

/** NaN of either sign and with several payloads among other numbers, as [rows, 4]. */
const withNaN = (): Tensor => {
  const bits = Uint32Array.of(
    ...[0x7fc00000, 0xbf800000, 0x40000000, 0, 0x3f800000, 0xff800001, 0x7f800000, 0xff800000],
    ...[
      0xffc00000, 0x7f800001, 0x7fffffff, 0xffffffff, 0x40400000, 0x80000000, 0xc0400000,
      0x7fc01234,
    ],
  )
  return constant(new Float32Array(bits.buffer), [4, 4])
}

const families: Readonly<Record<string, Case>> = {
  elementwise: {
    inputs: [image, sample([8])],
    build: (x, b) => both(relu(add(mul(x, b), 0.5)), [x, b]),
  },
  'functions of one number': {
    inputs: [sample([4, 9], [0.1, 20])],
    build: (x) => [mul(add(exp(mul(x, -0.5)), sin(x)), log(x))],
  },
  'NaN and infinities': {
    inputs: [],
    exact: true,
    build: () => {
      const x = withNaN()
      const map = reshape(x, [1, 4, 4, 1])
      return [
        ...[relu(x), clamp(x, -1, 1), maximum(x, 0), maximum(0, x), minimum(x, 0), minimum(0, x)],
        ...[max(x, [1]), max(x, [0]), min(x, [1]), maxPool2d(map, { kernel: 2 })],
        ...[isNaN(x), isFinite(x)],
      ]
    },
  },
  reductions: {
    inputs: [sample([3, 700])],
    build: (x) => [sum(x), sum(x, [0]), max(x, [1])],
  },
  'moving and joining': {
    inputs: [sample([3, 4, 5]), sample([3, 4, 5])],
    build: (x, y) => [
      concat([permute(x, [1, 0, 2]), permute(y, [1, 0, 2])], 2),
      padReflect(x, [1, 2, 0], [0, 1, 3]),
    ],
  },
  'matrix product': {
    inputs: [sample([9, 20]), sample([20, 12])],
    build: (a, b) => both(matmul(a, b), [a, b]),
  },
  convolution: {
    inputs: [image, sample([3, 3, 8, 8])],
    build: (x, w) => both(conv2d(x, w, { padding: 1 }), [x, w]),
  },
  'strided convolution of odd channels': {
    inputs: [sample([1, 7, 6, 3]), sample([3, 3, 3, 5])],
    build: (x, w) => both(conv2d(x, w, { padding: 2, stride: 2, dilation: 2 }), [x, w]),
  },
  normalisation: {
    inputs: [image, sample([8])],
    build: (x, s) => both(normalize(x, moments(x).mean, s, moments(x).variance), [x, s]),
  },
  pooling: {
    inputs: [image],
    build: (x) => both(maxPool2d(x, { kernel: 2 }), [x]),
  },
  'resizing and repetition': {
    inputs: [image],
    build: (x) => [
      ...both(resizeBilinear(x, [9, 5]), [x]),
      ...both(repeatUpsample(x, [2, 2]), [x]),
    ],
  },
  'classes and labels': {
    inputs: [sample([2, 30, 5], [-4, 4]), { dtype: 'u8', shape: [2, 30], range: [0, 5] }],
    build: (x, l) => [argmax(x), ...both(takeLabel(logSoftmax(x), l), [x])],
  },
  'selection of the largest': {
    inputs: [{ ...sample([2, 500]), steps: 60 }],
    build: (x) => Object.values(selectLargest(x, cast(greater(x, -0.9), 'u8'), 100)),
  },
  'f16 in memory': {
    inputs: [],
    exact: true,
    mixed: true,
    // The first product is stored as f16: to nearest even, and as infinity from 65520 on, which loss scaling counts on.
    build: () => {
      const numbers = [2049, 2051, -65519, 65520, 1e6, -1e6, 1.00048828125, 0.1, Number.NaN]
      const x = constant(numbers, [1, 1, numbers.length, 1])
      const one = constant([1], [1, 1, 1, 1])
      return [conv2d(conv2d(x, one), one)]
    },
  },
  'random numbers': {
    inputs: [],
    build: () => [
      randomUniform([1000], { seed: scalar(4294967291, 'u32'), step: scalar(70001, 'u32') }),
    ],
  },
}

/** Runs every family of kernels on the device and compares with the interpreter. A family that cannot run is reported
 * like one that computes something else; nothing is thrown. */
export async function selfTest(device: Device): Promise<SelfTestResult[]> {
  const results: SelfTestResult[] = []
  for (const [family, test] of Object.entries(families)) {
    if (test.mixed && !device.caps.f16) continue
    const begun = performance.now()
    const error = await check(device, test).catch((e: Error) => e.message.split('\n')[0])
    results.push({ family, ok: !error, error, ms: performance.now() - begun })
  }
  return results
}

async function check(
  device: Device,
  { inputs, build, exact, mixed }: Case,
): Promise<string | undefined> {
  const random = randomFrom(1)
  const args = inputs.map((x) => drawInput(x, random))
  const program = device.compile(build, mixed ? { precision: 'mixed' } : {})
  const graph = mixed ? program.stages().fused : trace(inputs, build)
  try {
    const got: HostArray[] = []
    for (const t of await program.run(...args)) {
      got.push(await t.read())
      t.dispose()
    }
    const values = interpretAll(graph, args, new Map(), asStored)
    const expected = graph.outputs.map((t) => values.get(t)!.data)
    const allowed = roundingErrors(graph, args)
    const wrong = expected.flatMap((y, i) => {
      const off = largestDifference(got[i], y)
      const most = exact ? 0 : allowed.get(graph.outputs[i])!
      return off <= most
        ? []
        : [`result ${i} is off by ${off.toPrecision(2)}; rounding explains ${most.toPrecision(2)}`]
    })
    return wrong[0]
  } finally {
    program.dispose()
  }
}

function trace(types: readonly SampleInput[], build: Case['build']) {
  const plain = types.map(({ dtype, shape }) => ({ dtype, shape }))
  const { result } = tracing(() =>
    build(...plain.map((type, position) => apply(inputOp, [], { type, position })[0])),
  )
  return graphOf(plain, result, [])
}
