// Mixed precision, whole programs: steps against the interpreter with the rounding of what is stored, bits that must not
// depend on what runs again. (See loss-scale.test.ts for gradients that would be lost.)

import * as assert from 'uvu/assert'
import { trainingStep } from '../../apps/cli/step.ts'
import type { Device } from '../../engine/device.ts'
import { DeviceError, OptionError } from '../../engine/errors.ts'
import { type Graph, outputsOf } from '../../engine/graph.ts'
import {
  assign,
  conv2d,
  defaultCaps,
  grad,
  type HostTensor,
  hostTensor,
  mean,
  mul,
  type Tensor,
  Variable,
} from '../../engine/index.ts'
import { bodyOf } from '../../engine/passes/fused.ts'
import { planBytes } from '../../engine/plan/plan.ts'
import {
  asStored,
  drawInput,
  interpretAll,
  randomFrom,
  type State,
} from '../../engine/reference/index.ts'
import { type Precision, stages } from '../../engine/stages.ts'
import { buildModel } from '../../models/index.ts'
import { f32 } from '../agree.ts'
import { bitsOf, close } from '../checks.ts'
import { halfDevice } from '../device.ts'
import { test } from '../harness.ts'
import { batch, network, types } from '../models/small-network.ts'
import { deviceWith, discrete } from './device-with.ts'

const caps = { ...defaultCaps, f16: true }

test('mixed: an adapter without f16, and a precision that there is not, are refused', () => {
  const compile = (precision: string, f16: boolean) => () =>
    stages(
      (x: Tensor) => mul(x, 2),
      [f32(4)],
      { ...defaultCaps, f16 },
      {
        precision: precision as Precision,
      },
    )
  assert.throws(compile('mixed', false), (e: Error) => e instanceof DeviceError)
  assert.throws(compile('mixed', false), /no shader-f16/)
  assert.throws(compile('half', true), (e: Error) => e instanceof OptionError)
  compile('full', false)()
  compile('mixed', true)()
})

test('mixed: activations are f16; parameters, their gradients, statistics, losses and results are f32', () => {
  const w = new Variable(f32(3, 3, 8, 8), () => new Float32Array(576), 'w')
  const step = (x: Tensor) => {
    const y = conv2d(conv2d(x, w, { padding: 1 }), w, { padding: 1 })
    const loss = mean(mul(y, y))
    const [g] = grad(loss, [w])
    assign(w, g)
    return { loss, g, y: conv2d(mul(y, 2), w) }
  }
  const { fused, plan } = stages(step, [f32(2, 8, 8, 8)], caps, { precision: 'mixed' })
  const dtypes = (name: RegExp) =>
    fused.nodes.flatMap((n) => {
      const { op } = n.op.kind === 'fused' ? bodyOf(n).steps[Math.max(0, bodyOf(n).root)] : n
      const own = outputsOf(n).filter((t) => !fused.outputs.includes(t))
      return name.test(op.name) ? own.map((t) => t.dtype) : []
    })
  assert.equal(dtypes(/^conv2d(InputGrad)?$/), ['f16', 'f16', 'f16'])
  assert.ok(dtypes(/WeightGrad|assign|mean|sum|variable|input$/).every((d) => d === 'f32'))
  assert.ok(plan.graph.outputs.every((t) => t.dtype === 'f32'))
})

// ---- against the interpreter

/** How far what is stored may be from the interpreter's: it may fall to either neighbour, and what follows from that.
 * Found as in reference/rounding.ts: f16 values are moved by up to one unit in their last place, in random directions. */
function experiments(graph: Graph, args: readonly HostTensor[], state: State) {
  const plain = interpretAll(graph, args, state, asStored)
  const wanted = [...graph.outputs, ...graph.assigns]
  const errors = new Map(wanted.map((t) => [t, 0]))
  for (let seed = 1; seed <= 3; seed++) {
    const random = randomFrom(seed)
    const moved = interpretAll(graph, args, state, (_, outputs) =>
      outputs.map((v) =>
        v.dtype === 'f16'
          ? { ...v, data: v.data.map((x) => x * (1 + (2 * random() - 1) * 2 ** -10)) }
          : v,
      ),
    )
    for (const t of wanted) {
      const [a, b] = [plain.get(t)!.data, moved.get(t)!.data]
      for (let i = 0; i < a.length; i++)
        errors.set(t, Math.max(errors.get(t)!, Math.abs(a[i] - b[i])))
    }
  }
  return { plain, errors }
}

/** The adapter that is here, taken for a discrete GPU: with tiles in workgroup memory, work while loading, and statistics
 * while storing. */
const asDiscrete = async (): Promise<Device> => deviceWith(await halfDevice(), discrete)

for (const [h, w, device] of [
  [8, 8, halfDevice],
  [6, 10, halfDevice],
  [12, 4, halfDevice],
  [8, 8, asDiscrete],
  [6, 10, asDiscrete],
] as const)
  test(`mixed: a training step of ${h}x${w} gives what the interpreter gives with the rounding of storage${device === asDiscrete ? ', by GPU schedules' : ''}`, async () => {
    const d = await device()
    const { step, weights } = network()
    const program = d.compile(step, { precision: 'mixed' })
    const { fused } = program.stages(...types(h, w))
    const args = batch(h, w)
    const state: State = new Map(weights.map((v) => [v, Float64Array.from(v.initial())]))
    const { plain, errors } = experiments(fused, args, state)
    const [loss] = await program.run(...args)
    const most = (t: Tensor, own: number) => 4 * errors.get(t)! + 2 ** -18 * own
    close(await loss.read(), plain.get(fused.outputs[0])!.data, most(fused.outputs[0], 1), 'loss')
    loss.dispose()
    for (const [i, t] of fused.assigns.entries())
      close(await d.read(weights[i]), plain.get(t)!.data, most(t, 1), weights[i].name)
    program.dispose()
  })

test('mixed: the same bits whatever runs again', async () => {
  const d = await halfDevice()
  const options = { base: 4, lanes: 4, depthMultiplier: 0.5, classes: 4, seed: 1 }
  const run = async (memoryBudget?: number) => {
    const model = buildModel({ name: 'frrn-a', options })
    const { fn, types } = trainingStep(model, [1, 48, 64], 'sgd', 1, 'mixed')
    using program = d.compile(fn as (...inputs: Tensor[]) => Tensor, {
      precision: 'mixed',
      ...(memoryBudget ? { memoryBudget } : { recompute: 'none' }),
    })
    const random = randomFrom(7)
    const args = types.map((type) => drawInput(type, random))
    args[1] = hostTensor(0.01)
    args[4] = { ...args[4], data: args[4].data.map((c: number) => c % 4) as Uint8Array }
    for (let i = 0; i < 2; i++) (await program.run(...args)).dispose()
    const bits: Uint8Array[] = []
    for (const v of model.stateDict().values()) bits.push(bitsOf(await d.read(v)))
    const { plan } = program.stages(...types)
    return { bits, plan }
  }
  const kept = await run()
  const { activationBytes, steps } = kept.plan
  const again = await run(planBytes(kept.plan) - 0.3 * activationBytes)
  assert.ok(again.plan.steps.length > steps.length, 'some of it runs again')
  assert.equal(again.bits, kept.bits)
})
