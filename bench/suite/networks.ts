// Whole networks: forward passes and training steps. Each is checked in a narrow form on small images, against the reference
// interpreter, before its full form is timed.

import { forwardPass, type StepProgram, trainingStep } from '../../apps/cli/step.ts'
import type { TensorType } from '../../engine/dtype.ts'
import { type Device, type HostTensor, hostTensor, type Tensor } from '../../engine/index.ts'
import { drawInput, interpret, randomFrom } from '../../engine/reference/index.ts'
import { buildModel, type ImageSize } from '../../models/index.ts'
import { product, uniform } from '../peers/engine.ts'
import { TOLERANCE } from './check.ts'
import { type Failed, type Measured, timed, type Yardstick } from './measure.ts'

export interface NetworkCase {
  readonly name: string
  readonly family: 'forward' | 'training step'
  readonly full: Form
  readonly small: Form
}

interface Form {
  readonly model: string
  readonly options: object
  readonly size: ImageSize
}

/** In the papers' sizes, or in such as a processor computes in a second; if `quick` one of each. */
export function networkCases(share: number, quick: boolean): NetworkCase[] {
  const narrow = { frrn: { base: 4, lanes: 4 }, others: { width: 4 } }
  const small = (model: string): Form => {
    const options = { ...(model.startsWith('frrn') ? narrow.frrn : narrow.others), classes: 4 }
    return { model, options, size: model.startsWith('frrn') ? [1, 32, 32] : [2, 64, 64] }
  }
  const make = (
    family: NetworkCase['family'],
    model: string,
    size: ImageSize,
    options: object = {},
  ): NetworkCase => {
    const [n, ...sides] = size
    const given = Object.entries(options).map(([k, v]) => `${k} ${v}`)
    const name = [`${family}, ${model}`, ...given, `${n} of ${sides.join('×')}`].join(' ')
    return { name, family, full: { model, options, size }, small: small(model) }
  }
  const [forward, step] = ['forward', 'training step'] as const
  const frrn = { base: 8, lanes: 8 }
  const slow = [
    make(forward, 'resnet-18', [1, 224, 224]),
    make(forward, 'resnet-50', [1, 224, 224]),
    make(forward, 'frrn-a', [1, 96, 128], frrn),
    make(forward, 'gcn-50', [1, 128, 128]),
    make(forward, 'model-a', [1, 96, 96], { width: 16 }),
    make(step, 'resnet-18', [4, 64, 64]),
    make(step, 'frrn-a', [2, 96, 128], frrn),
    make(step, 'fcrn-18', [1, 129, 161], { width: 16 }),
  ]
  const fast = [
    make(forward, 'resnet-50', [10, 224, 224]),
    make(forward, 'frrn-a', [1, 256, 512]),
    make(forward, 'frrn-b', [1, 512, 1024]),
    make(forward, 'fcrn-101', [1, 504, 504]),
    make(forward, 'gcn-152', [1, 512, 512]),
    make(forward, 'model-a', [1, 504, 504]),
    make(step, 'resnet-50', [32, 224, 224]),
    make(step, 'frrn-a', [3, 256, 512]),
    make(step, 'fcrn-101', [4, 504, 504]),
    make(step, 'model-a', [4, 504, 504]),
  ]
  const cases = share < 1 ? slow : fast
  if (!quick) return cases
  return [forward, step].map((family) => cases.find((c) => c.family === family)!)
}

type Fn = (...inputs: Tensor[]) => Tensor

function programOf({ model, options, size }: Form, family: NetworkCase['family']) {
  const network = buildModel({ name: model, options: { seed: 1, ...options } })
  const made: StepProgram =
    family === 'forward' ? forwardPass(network, size) : trainingStep(network, size, 'sgd')
  return { fn: made.fn as Fn, args: made.types.map(argument) }
}

function argument({ dtype, shape }: TensorType, i: number): HostTensor {
  if (dtype === 'f32' && !shape.length) return hostTensor(1e-3)
  if (dtype === 'f32') return hostTensor(uniform(product(shape), i + 1) as Float32Array, shape)
  const drawn = drawInput({ dtype, shape }, randomFrom(i + 1))
  for (let k = 0; k < drawn.data.length; k++) drawn.data[k] = Math.abs(drawn.data[k]) % 4
  return drawn
}

export async function measureNetwork(
  device: Device,
  c: NetworkCase,
  by: Yardstick,
  seconds: number,
): Promise<Measured | Failed> {
  const { name, family } = c
  try {
    const error = await checked(device, c)
    if (!(error <= 10 * TOLERANCE)) throw new Error(`wrong: ${error.toPrecision(2)} off`)
    const { fn, args } = programOf(c.full, family)
    const program = device.compile(fn)
    const { plan } = program.stages(...args)
    const measured = await timed(device, c, program, plan, args, by, seconds)
    program.dispose()
    for (const v of plan.variables) device.release(v)
    return { ...measured, error }
  } catch (error) {
    return { name, family, problem: (error as Error).message.split('\n')[0] }
  }
}

/** The scores, or the loss, of the small form against the interpreter. */
async function checked(device: Device, { small, family }: NetworkCase): Promise<number> {
  const { fn, args } = programOf(small, family)
  const program = device.compile(fn)
  const { traced, plan } = program.stages(...args)
  const result = await program.run(...args)
  const got = await result.read()
  result.dispose()
  const [expected] = interpret(traced, args)
  program.dispose()
  for (const v of plan.variables) device.release(v)
  const largest = expected.reduce((m, v) => Math.max(m, Math.abs(v)), 1e-30)
  return expected.reduce((m, v, i) => Math.max(m, Math.abs(v - got[i])), 0) / largest
}
