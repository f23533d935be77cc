// Whole networks: built as the attributes say, with parameters from the recipe, one pass, gradients of everything, and steps of
// SGD where a case has them.

import { type Shape, sameShape } from '../../engine/dtype.ts'
import type { HostTensor, Variable } from '../../engine/tensor.ts'
import type { Network } from '../../models/network.ts'
import { listed } from '../../nn/near.ts'
import { isBuffer } from '../../nn/parameter.ts'
import { Sgd } from '../../train/optimizers.ts'
import type { Attributes } from './attributes.ts'
import { inverse, ourOrder, permuted } from './layout.ts'
import { type Comparisons, compareNetwork } from './network-check.ts'
import { lossOf } from './network-loss.ts'
import {
  DeviceRun,
  type Experiment,
  type Numbers,
  type Outcome,
  type Start,
} from './network-run.ts'
import { onOneSide } from './network-sides.ts'
import { fcrn } from './networks/fcrn.ts'
import { frrn } from './networks/frrn.ts'
import { gcn } from './networks/gcn.ts'
import { modelA } from './networks/model-a.ts'
import { resnet } from './networks/resnet.ts'
import type { Topology } from './networks/topology.ts'
import { countOf, type GoldenNetwork } from './parameters.ts'
import { recipeValues } from './recipe.ts'
import type { Operator, Trial } from './trial.ts'

const topologies: Readonly<Record<string, Topology>> = {
  ...{ resnet, fcrn, frrn, gcn },
  model_a: modelA,
}

export const network: Record<string, Operator> = {
  network: async (t) => {
    const { experiment, compare } = readCase(t)
    const run = new DeviceRun(t.device, experiment)
    try {
      const attempt = async (start: Start) => compare(await run.from(start))
      const { comparisons, remark } = await onOneSide(experiment, attempt)
      for (const [name, comparison] of comparisons) t.checked(name, comparison)
      if (remark) t.attributes.remarks.push(remark)
    } finally {
      run.dispose()
    }
  },
}

/** What a case wants to be run, and how what comes of it is compared with the case. */
export function readCase(t: Trial): {
  experiment: Experiment
  compare: (outcome: Outcome) => Comparisons
} {
  const list = t.golden.network()
  const logits = t.attributes.numbers('logits_shape')
  const experiment = experimentOf(t, list)
  return {
    experiment,
    compare: (outcome) => {
      checkShapes(list, logits, outcome)
      return compareNetwork(t.golden, list, outcome)
    },
  }
}

/** Throws unless logits and activations have the shapes that the case says. */
function checkShapes(list: GoldenNetwork, logits: Shape, outcome: Outcome): void {
  const check = (name: string, { shape }: Numbers, want: Shape) => {
    const stored = inverse(ourOrder('NCHW', shape.length, false)).map((axis) => shape[axis])
    if (!sameShape(stored, want))
      throw new Error(`${name} has the shape [${stored}] and [${want}] was expected`)
  }
  check('its result', outcome.logits, logits)
  list.activations.forEach(({ name, shape }, i) => {
    check(`its activation ${name}`, outcome.activations[i], shape)
  })
}

/** All that a case says, in our names and layout. Throws where it contradicts itself or our network. */
function experimentOf(t: Trial, list: GoldenNetwork): Experiment {
  const { golden, attributes: a } = t
  const name = a.text('topology', Object.keys(topologies))
  a.text('arch', [name])
  const topology = topologies[name]
  const norm = { eps: a.number('bn_eps'), momentum: a.number('bn_momentum') }
  const model = topology.build(a, { ...norm, statistic: 'variance', frozen: 'none' })
  const train = a.text('mode', ['train', 'eval']) === 'train'
  a.fixed('parameter_count', countOf(list.parameters))
  a.fixed('seed', list.seed)
  a.fixed('dropout', 0)
  a.passOver('float32_error')
  a.passOver('bootstrap_boundary_gap')

  const start = startOf(model, topology, list)
  const state = model.stateDict()
  const ours = (names: readonly string[]) => names.map((n) => state.get(topology.parameter(n))!)
  const parameters = ours(list.gradient_order)
  const experiment = {
    ...{ model, train, start, parameters },
    image: imageOf(t),
    labels: t.input('labels'),
    lossOf: lossOf(a, model.scoreStride),
    buffers: ours(list.buffers),
    activations: list.activations.map(({ name }) => topology.activation(name, lastOf(state))),
    descent: descentOf(a, parameters),
  }
  for (const name of ['d_input', 'act', 'grad', golden.has('logits') ? '' : 'logits'])
    if (name) t.input(`${name}_sample_index`)
  a.finish()
  return experiment
}

/** Parameters and running statistics from the recipe, by our variables: the same ones, of the same kinds and shapes. */
function startOf(
  model: Network,
  topology: Topology,
  { seed, parameters }: GoldenNetwork,
): Map<Variable, Float32Array> {
  const state = model.stateDict()
  const theirs = new Set(parameters.map((p) => topology.parameter(p.name)))
  const missing = [...state.keys()].filter((name) => !theirs.has(name))
  if (missing.length) throw new Error(`it has no ${listed(missing)}, which ours has`)
  const start = new Map<Variable, Float32Array>()
  for (const p of parameters) {
    const variable = state.get(topology.parameter(p.name))
    if (!variable || start.has(variable))
      throw new Error(`its ${p.name} is ${variable ? 'two of ours' : 'none of ours'}`)
    if (isBuffer(variable) !== (p.kind === 'buffer'))
      throw new Error(`its ${p.name} is a ${p.kind}, and ours is not`)
    const { shape, data } = permuted(recipeValues(seed, p), orderOf(p.shape.length))
    if (!sameShape(shape, variable.shape))
      throw new Error(`its ${p.name} is [${shape}] in our order, and ours is [${variable.shape}]`)
    start.set(variable, data as Float32Array)
  }
  return start
}

/** As in checkpoints: a linear layer's weight is [out, in] there and [in, out] here. */
const orderOf = (rank: number) => (rank === 2 ? [1, 0] : ourOrder('NCHW/OIHW', rank, true))

/** The path of the last module in a list of a model. */
function lastOf(state: ReadonlyMap<string, unknown>) {
  return (list: string): string => {
    const numbers = [...state.keys()].flatMap((path) =>
      path.startsWith(`${list}.`) ? [Number(path.slice(list.length + 1).split('.')[0])] : [],
    )
    return `${list}.${Math.max(...numbers)}`
  }
}

/** The image, from the recipe; where the case stores it, what it stores must be the same. */
function imageOf(t: Trial): HostTensor {
  const { golden, attributes: a } = t
  const r = a.part('input_recipe')
  const recipe = {
    ordinal: r.number('ordinal'),
    offset: r.number('offset'),
    scale: r.number('scale'),
  }
  const drawn = recipeValues(a.number('seed'), { ...recipe, shape: a.numbers('input_shape') })
  if (golden.has('input')) {
    t.input('input')
    const stored = golden.plain('input')
    if (!sameShape(stored.shape, drawn.shape) || stored.data.some((v, i) => v !== drawn.data[i]))
      throw new Error('its input is not what its input_recipe gives')
  }
  return permuted(drawn, [0, 2, 3, 1])
}

function descentOf(a: Attributes, parameters: readonly Variable[]): Experiment['descent'] {
  if (!a.has('trajectory')) return undefined
  const t = a.part('trajectory')
  t.rule(
    'optimizer',
    'sgd on every parameter, same batch each step, training mode; row t = loss after t updates',
  )
  t.passOver('float32_error')
  const sgd = new Sgd(parameters, { momentum: t.number('mom'), weightDecay: t.number('wd') })
  return { sgd, lr: t.number('lr'), steps: t.number('steps') }
}
