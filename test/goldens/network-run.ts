// One pass of a network and, where a case wants it, steps of SGD: on a device in float32, and in float64 as it is defined.

import type { Program } from '../../engine/compile.ts'
import type { Device } from '../../engine/device.ts'
import type { DeviceTensor } from '../../engine/device-tensor.ts'
import type { Shape, TensorType } from '../../engine/dtype.ts'
import { grad } from '../../engine/grad.ts'
import { type Graph, graphOf } from '../../engine/graph.ts'
import { relu } from '../../engine/index.ts'
import { apply } from '../../engine/op.ts'
import { inputOp } from '../../engine/ops/source.ts'
import { interpret } from '../../engine/reference/index.ts'
import type { HostTensor, Tensor, Variable } from '../../engine/tensor.ts'
import { tracing } from '../../engine/trace.ts'
import type { Network } from '../../models/network.ts'
import { capture } from '../../nn/capture.ts'
import type { Sgd } from '../../train/optimizers.ts'
import type { Activation } from './networks/topology.ts'

/** Values of parameters and running statistics. */
export type Start = ReadonlyMap<Variable, Float32Array>

/** What is run, all in our names and layout. */
export interface Experiment {
  readonly model: Network
  readonly train: boolean
  readonly image: HostTensor
  readonly labels: HostTensor
  readonly lossOf: (logits: Tensor, labels: Tensor) => Tensor
  readonly start: Start
  /** In the order of their gradients. */
  readonly parameters: readonly Variable[]
  /** Running statistics, which a pass in training changes. */
  readonly buffers: readonly Variable[]
  readonly activations: readonly Activation[]
  /** So many steps on the one batch. */
  readonly descent: { readonly sgd: Sgd; readonly lr: number; readonly steps: number } | undefined
}

/** Numbers in our layout. */
export interface Numbers {
  readonly shape: Shape
  readonly data: Float32Array | Float64Array
}

/** What comes of it. */
export interface Outcome {
  readonly logits: Numbers
  readonly dInput: Numbers
  readonly gradients: readonly Numbers[]
  readonly activations: readonly Numbers[]
  /** After the first pass. */
  readonly buffers: readonly Numbers[]
  /** Before the first step and after each. */
  readonly losses: readonly number[]
}

/** The loss, the logits, the gradients of the image and of all parameters, and the activations. */
const traceOf =
  ({ model, train, lossOf, parameters, activations, descent }: Experiment) =>
  (image: Tensor, labels: Tensor): Tensor[] => {
    const names = activations.map((a) => a.module)
    const { result: logits, values } = capture(model, names)(image, { train })
    const loss = lossOf(logits, labels)
    const [dInput, ...gradients] = grad(loss, [image, ...parameters])
    descent?.sgd.step(parameters, gradients, descent.lr)
    const shown = activations.map((a) => (a.relu ? relu(values[a.module]) : values[a.module]))
    return [loss, logits, dInput, ...gradients, ...shown]
  }

const outcomeOf = (
  { parameters }: Experiment,
  [, logits, dInput, ...rest]: readonly Numbers[],
  buffers: readonly Numbers[],
  losses: readonly number[],
): Outcome => ({
  ...{ logits, dInput, buffers, losses },
  gradients: rest.slice(0, parameters.length),
  activations: rest.slice(parameters.length),
})

/** An experiment on a device, from any values of its parameters: compiled once. */
export class DeviceRun {
  readonly #device: Device
  readonly #experiment: Experiment
  readonly #program: Program<Tensor[]>

  constructor(device: Device, experiment: Experiment) {
    this.#device = device
    this.#experiment = experiment
    this.#program = device.compile(traceOf(experiment))
  }

  async from(start: Start): Promise<Outcome> {
    const { image, labels, buffers, descent } = this.#experiment
    for (const [variable, data] of start) this.#device.write(variable, data)
    for (const moment of this.#moments()) this.#device.release(moment)
    const first = await readAll(await this.#program.run(image, labels))
    const after: Numbers[] = []
    for (const b of buffers)
      after.push({ shape: b.shape, data: (await this.#device.read(b)) as Float32Array })
    const losses = [first[0].data[0]]
    for (let step = 0; step < (descent?.steps ?? 0); step++) {
      const results = await this.#program.run(image, labels)
      losses.push(await results[0].value())
      for (const t of results) t.dispose()
    }
    return outcomeOf(this.#experiment, first, after, losses)
  }

  /** Gives all memory back. */
  dispose(): void {
    this.#program.dispose()
    for (const v of [...this.#experiment.start.keys(), ...this.#moments()]) this.#device.release(v)
  }

  #moments(): Variable[] {
    return [...(this.#experiment.descent?.sgd.stateDict().values() ?? [])]
  }
}

async function readAll(results: readonly DeviceTensor[]): Promise<Numbers[]> {
  const all = []
  for (const t of results) {
    all.push({ shape: t.shape, data: (await t.read()) as Float32Array })
    t.dispose()
  }
  return all
}

/** In float64, by the definitions alone. */
export function runInFloat64(experiment: Experiment): Outcome {
  const { image, labels, start, buffers, descent } = experiment
  const graph = graphFor(traceOf(experiment), [image, labels])
  const state = new Map([...start].map(([variable, data]) => [variable, Float64Array.from(data)]))
  const pass = () =>
    interpret(graph, [image, labels], state).map((data, i) => ({
      shape: graph.outputs[i].shape,
      data,
    }))
  const first = pass()
  const after = buffers.map((b) => ({ shape: b.shape, data: state.get(b)! }))
  const losses = [first[0].data[0]]
  for (let step = 0; step < (descent?.steps ?? 0); step++) losses.push(pass()[0].data[0])
  return outcomeOf(experiment, first, after, losses)
}

function graphFor(fn: (...inputs: Tensor[]) => Tensor[], types: readonly TensorType[]): Graph {
  const { result, trace } = tracing(() =>
    fn(...types.map((type, position) => apply(inputOp, [], { type, position })[0])),
  )
  return graphOf(types, result, trace.assigns)
}
