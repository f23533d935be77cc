// Training steps with kernels that run again leave the same bits: losses, gradients, running averages and the optimiser's
// state, with cheap values made again however small, and with checkpoints in every place that they may stand.

import assert from 'node:assert/strict'
import { checkpoint } from '../../engine/checkpoint.ts'
import type { Graph } from '../../engine/graph.ts'
import {
  add,
  concat,
  type Device,
  dropout,
  grad,
  type HostTensor,
  maxPool2d,
  relu,
  resizeBilinear,
  scalar,
  type Tensor,
} from '../../engine/index.ts'
import { recompute } from '../../engine/recompute/recompute.ts'
import type { StageOptions } from '../../engine/stages.ts'
import { buildModel } from '../../models/index.ts'
import type { Network } from '../../models/network.ts'
import { Conv2d } from '../../nn/conv.ts'
import { heUniform } from '../../nn/init.ts'
import { crossEntropy } from '../../nn/losses.ts'
import { type AnyModule, type Mode, Module, nameVariables } from '../../nn/module.ts'
import { BatchNorm2d } from '../../nn/norm.ts'
import { Adam, Sgd } from '../../train/optimizers.ts'
import { drawn, f32 } from '../agree.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'

/** Everything that is cheap, however small, and every checkpoint. */
const all = (graph: Graph) => recompute(graph, 'cheap', 0)

/** Bytes that a few training steps leave: the losses, and all variables of the model and the optimiser. */
async function trained(
  device: Device,
  build: () => { model: AnyModule; apply: (x: Tensor, mode: Mode) => Tensor },
  args: readonly HostTensor[],
  options: StageOptions,
  optimiser: 'sgd' | 'adam' | 'clipped' = 'sgd',
): Promise<Map<string, string>> {
  const { model, apply } = build()
  const rule =
    optimiser === 'adam'
      ? new Adam(model.parameters())
      : new Sgd(model.parameters(), {
          momentum: 0.9,
          ...(optimiser === 'clipped' && { clip: 0.1 }),
        })
  const program = device.compile((image: Tensor, labels: Tensor, at: Tensor) => {
    const mode = { train: true, random: { seed: scalar(7, 'u32'), step: at } } as const
    const { loss } = crossEntropy(apply(image, mode), labels)
    return [rule.minimize(loss, 0.05), ...grad(loss, model.parameters().slice(0, 2))]
  }, options)
  const left = new Map<string, string>()
  const keep = (name: string, data: { buffer: ArrayBufferLike }) =>
    left.set(name, Buffer.from(data.buffer).toString('base64'))
  for (let at = 0; at < 3; at++) {
    const step = { dtype: 'u32', shape: [], data: Uint32Array.of(at) } as const
    for (const [i, t] of (await program.run(...args, step)).entries()) {
      keep(`result ${i} of step ${at}`, await t.read())
      t.dispose()
    }
  }
  const { gradientNorm } = rule
  const state = new Map([
    ...[...model.stateDict(), ...rule.stateDict()],
    ...(gradientNorm ? [['gradient norm', gradientNorm] as const] : []),
  ])
  for (const [name, v] of state) keep(name, await device.read(v))
  program.dispose()
  for (const v of state.values()) device.release(v)
  return left
}

function assertSame(got: Map<string, string>, expected: Map<string, string>, what: string): void {
  assert.ok(expected.size > 10)
  const wrong = [...expected].filter(([name, bytes]) => got.get(name) !== bytes)
  assert.deepEqual(
    wrong.map(([name]) => name),
    [],
    what,
  )
}

const images = (n: number, h: number, w: number, classes: number) => {
  const [image] = drawn([f32(n, h, w, 3)], 11)
  const labels = Uint8Array.from({ length: n * h * w }, (_, i) => (i * i + (i >> 4)) % classes)
  return [image, { dtype: 'u8', shape: [n, h, w], data: labels } as const]
}

type Block = <R>(build: () => R) => R
const plainly: Block = (build) => build()

/** Convolutions with batch norm, dropout, pooling and a skip; `around` stands around each of its blocks, `within` around a part
 * of the second. */
class Skipping extends Module<[Tensor, Mode, Block, Block]> {
  readonly convs = [3, 6, 6, 12].map(
    (cin, i) => new Conv2d(cin, 6, 3, { padding: 1, bias: false, init: heUniform({ seed: i }) }),
  )
  readonly norms = this.convs.map(() => new BatchNorm2d(6))
  readonly classifier = new Conv2d(6, 4, 1, { init: heUniform({ seed: 9, gain: 1 }) })

  constructor() {
    super()
    nameVariables(this)
  }

  private unit(i: number, x: Tensor, mode: Mode): Tensor {
    return relu(this.norms[i].apply(this.convs[i].apply(x), mode))
  }

  protected forward(image: Tensor, mode: Mode, around: Block, within: Block): Tensor {
    const key = mode.random!
    const a = around(() => this.unit(0, image, mode))
    const { b, c } = around(() => {
      const pooled = maxPool2d(a, { kernel: 2 })
      const b = within(() => dropout(this.unit(1, pooled, mode), 0.4, { ...key, name: 'b' }))
      return { b, c: this.unit(2, b, mode) }
    })
    // b and c leave by several ways, and a is read by two blocks.
    const d = around(() =>
      this.unit(3, concat([a, resizeBilinear(add(b, c), [a.shape[1], a.shape[2]])], 3), mode),
    )
    return this.classifier.apply(add(d, a))
  }
}

const skipping = (around: Block = plainly, within: Block = plainly, whole: Block = plainly) => {
  const model = new Skipping()
  return {
    model,
    apply: (x: Tensor, mode: Mode) => whole(() => model.apply(x, mode, around, within)),
  }
}

test('recompute: dropout, batch norm and a skip, with checkpoints in every place: the same bits', async () => {
  const device = await testDevice()
  const args = images(2, 8, 12, 4)
  const compare = async (
    optimiser: 'sgd' | 'adam' | 'clipped',
    ways: Readonly<Record<string, () => ReturnType<typeof skipping>>>,
  ) => {
    const plain = await trained(device, skipping, args, { recompute: 'none' }, optimiser)
    for (const [what, build] of Object.entries(ways))
      assertSame(await trained(device, build, args, { recompute: all }, optimiser), plain, what)
  }
  await compare('sgd', {
    'no checkpoint': () => skipping(),
    'around blocks': () => skipping(checkpoint),
    'around a part with dropout and batch norm': () => skipping(plainly, checkpoint),
    'around everything': () => skipping(plainly, plainly, checkpoint),
  })
  await compare('adam', { nested: () => skipping(checkpoint, checkpoint, checkpoint) })
  await compare('clipped', { 'bounded gradients': () => skipping(checkpoint) })
})

test('recompute: FRRN at its published cuts, narrow: the same bits', async () => {
  const device = await testDevice()
  for (const [name, h, w] of [
    ['frrn-a', 16, 32],
    ['frrn-b', 32, 32],
  ] as const) {
    const args = images(1, h, w, 3)
    const build = (how: 'none' | 'paper') => () => {
      const options = { classes: 3, base: 4, lanes: 4, seed: 2, recompute: how }
      const model: Network = buildModel({ name, options })
      return { model, apply: (x: Tensor, mode: Mode) => model.apply(x, mode) }
    }
    const plain = await trained(device, build('none'), args, { recompute: 'none' })
    for (const how of ['none', 'paper'] as const)
      assertSame(
        await trained(device, build(how), args, { recompute: all }),
        plain,
        `${name} ${how}`,
      )
  }
})
