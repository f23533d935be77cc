// Kernels that run again give the same bits: losses, gradients, running averages and optimisers' state of training steps,
// with cheap values made again however small, and with checkpoints in every place that they may stand. What is made again,
// and how many bytes it saves, is seen on paper.

import assert from 'node:assert/strict'
import { checkpoint } from '../engine/checkpoint.ts'
import { assignedBy } from '../engine/fused.ts'
import { type Graph, identity } from '../engine/graph.ts'
import {
  add,
  assign,
  concat,
  conv2d,
  type Device,
  defaultCaps,
  dropout,
  flip,
  grad,
  type HostTensor,
  maxPool2d,
  mean,
  mul,
  type Node,
  OptionError,
  printGraph,
  read,
  relu,
  reshape,
  resizeBilinear,
  scalar,
  square,
  sub,
  sum,
  type Tensor,
  tanh,
  Variable,
} from '../engine/index.ts'
import { recompute } from '../engine/recompute.ts'
import { type StageOptions, stages } from '../engine/stages.ts'
import { buildModel } from '../models/index.ts'
import type { Network } from '../models/network.ts'
import { Conv2d } from '../nn/conv.ts'
import { heUniform } from '../nn/init.ts'
import { crossEntropy } from '../nn/losses.ts'
import { type AnyModule, type Mode, Module, nameVariables } from '../nn/module.ts'
import { BatchNorm2d } from '../nn/norm.ts'
import { Adam, Sgd } from '../train/optimizers.ts'
import { drawn, f32 } from './agree.ts'
import { testDevice } from './device.ts'
import { test } from './harness.ts'

/** Everything that is cheap, however small, and every checkpoint. */
const all = (graph: Graph) => recompute(graph, 'cheap', 0)

/** Bytes that a few training steps leave: the losses, and all variables of the model and the optimiser. */
async function trained(
  device: Device,
  build: () => { model: AnyModule; apply: (x: Tensor, mode: Mode) => Tensor },
  args: readonly HostTensor[],
  options: StageOptions,
  optimiser: 'sgd' | 'adam' = 'sgd',
): Promise<Map<string, string>> {
  const { model, apply } = build()
  const rule =
    optimiser === 'sgd'
      ? new Sgd(model.parameters(), { momentum: 0.9 })
      : new Adam(model.parameters())
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
  const state = new Map([...model.stateDict(), ...rule.stateDict()])
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
    optimiser: 'sgd' | 'adam',
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

// ---- what is made again

const f = (...shape: number[]) => ({ dtype: 'f32', shape }) as const
const weights = Array.from(
  { length: 6 },
  (_, i) =>
    new Variable(
      f(3, 3, 4, 4),
      () => Float32Array.from({ length: 144 }, (_, k) => Math.sin(k + i) / 6),
      `w${i}`,
    ),
)
const layer = (x: Tensor, i: number) => relu(conv2d(x, weights[i], { padding: 1 }))
const chain = (x: Tensor, from: number, to: number) =>
  weights.slice(from, to).reduce((t, _, i) => layer(t, from + i), x)
const slopes = (y: Tensor): Tensor[] => {
  const loss = mean(square(y))
  return [loss, ...grad(loss, weights)]
}
const graphs = (fn: (x: Tensor) => readonly Tensor[], how: StageOptions['recompute'] = all) =>
  stages(fn, [f(1, 8, 8, 4)], defaultCaps, { recompute: how })

/** Kernels of the forward pass that run again, each by the variable that it reads, and how often. */
function again({ fused, recomputed }: { fused: Graph; recomputed: Graph }): string[] {
  const kernels = (graph: Graph) =>
    graph.nodes.filter(({ op }) => op.kind === 'fused' || op.kind === 'structured')
  const keyOf = (n: Node) => `${identity(n.op)} ${identity(n.attrs)}`
  const count = (graph: Graph, key: string) => kernels(graph).filter((n) => keyOf(n) === key).length
  return kernels(fused).flatMap((n) => {
    const more = count(recomputed, keyOf(n)) - count(fused, keyOf(n))
    if (!more) return []
    assert.ok(!n.source && n.types.every((_, i) => !assignedBy(n, i)))
    const read = n.inputs.map((x) => (x.node.attrs['variable'] as Variable | undefined)?.name)
    return [`${read.filter(Boolean)}${more > 1 ? ` ×${more}` : ''}`]
  })
}

test('recompute: a checkpoint runs again what does not leave it, each kernel once', () => {
  const halves = (x: Tensor) => {
    const y = checkpoint(() => chain(x, 0, 3))
    return slopes(checkpoint(() => chain(y, 3, 6)))
  }
  assert.deepEqual(again(graphs(halves)), ['w0', 'w1', 'w3', 'w4'])
  const whole = (x: Tensor) => slopes(checkpoint(() => chain(x, 0, 6)))
  assert.deepEqual(again(graphs(whole)), ['w0', 'w1', 'w2', 'w3', 'w4'])
  const nested = (x: Tensor) =>
    slopes(
      checkpoint(() =>
        chain(
          checkpoint(() => chain(x, 0, 3)),
          3,
          6,
        ),
      ),
    )
  assert.deepEqual(again(graphs(nested)), ['w0', 'w1', 'w2', 'w3', 'w4'])
  const none = (x: Tensor) => slopes(chain(x, 0, 6))
  assert.deepEqual(again(graphs(none)), [])
  assert.deepEqual(again(graphs(halves, 'none')), [])
})

test('recompute: without a backward pass a checkpoint changes nothing', () => {
  const { fused, recomputed } = graphs((x) => [checkpoint(() => chain(x, 0, 6))])
  assert.equal(recomputed, fused)
  const plain = graphs((x) => [chain(x, 0, 6)])
  assert.equal(printGraph(recomputed), printGraph(plain.recomputed))
})

test('recompute: what leaves a block by a view, by a variable outside or as a result is not made again', () => {
  let escaped: Tensor | undefined
  const leaks = (x: Tensor) => {
    const flat = checkpoint(() => {
      const a = chain(x, 0, 2)
      escaped = a
      return reshape(chain(a, 2, 3), [1, 64, 4])
    })
    const y = chain(reshape(flat, [1, 8, 8, 4]), 3, 4)
    return [...slopes(add(y, escaped!)), flat]
  }
  assert.deepEqual(again(graphs(leaks)), ['w0'])
})

/** Runs a function in which `block` stands for a checkpoint, and again with nothing in its place: the bits must be the same. */
async function sameWithout(fn: (x: Tensor, block: Block) => readonly Tensor[]): Promise<void> {
  const device = await testDevice()
  const args = drawn([f(1, 8, 8, 4)], 5)
  const runs: string[][] = []
  for (const [block, how] of [
    [plainly, 'none'],
    [checkpoint, all],
  ] as const) {
    const program = device.compile((x: Tensor) => fn(x, block), { recompute: how })
    const results = await program.run(...args)
    runs.push(await Promise.all(results.map(async (t) => `${await t.read()}`)))
    for (const t of results) t.dispose()
    program.dispose()
    for (const w of [...weights, state]) device.release(w)
  }
  assert.deepEqual(runs[1], runs[0])
}

const state = new Variable(f(4), () => Float32Array.of(0.5, 1, 1.5, 2), 'state')

/** Blocks that read a variable before the forward pass overwrites it, overwrite it themselves, and read it before the backward
 * pass does. */
const impure = (x: Tensor, block: Block): Tensor[] => {
  const a = block(() => chain(tanh(tanh(mul(chain(x, 0, 1), state))), 1, 2))
  assign(state, mul(read(state), 3))
  const b = block(() => chain(mul(tanh(a), state), 2, 3))
  const c = block(() => {
    assign(state, mean(b, [0, 1, 2]))
    return chain(tanh(mul(tanh(tanh(b)), state)), 3, 4)
  })
  const results = slopes(c)
  assign(state, sub(state, mean(results[1])))
  return [...results, sum(mul(state, 1))]
}

test('recompute: a block that overwrites a variable, or reads one that is overwritten', async () => {
  await sameWithout(impure)
  const { fused, recomputed } = graphs((x) => impure(x, checkpoint))
  const readers = (graph: Graph, version: number) =>
    graph.nodes.filter((n) =>
      n.inputs.some((x) => {
        const variable = x.node.attrs['variable'] ?? assignedBy(x.node, x.index)?.attrs['variable']
        const updates = fused.nodes.filter((m) => m.types.some((_, i) => assignedBy(m, i)))
        return variable === state && updates.findIndex((m) => m.attrs === x.node.attrs) === version
      }),
    ).length
  // The first two versions are gone when the backward pass begins; the third is not.
  for (const version of [-1, 0])
    assert.equal(readers(recomputed, version), readers(fused, version), `version ${version}`)
  assert.ok(readers(recomputed, 1) > readers(fused, 1))
})

test('recompute: indices of a pooling, views and random numbers inside blocks', () =>
  sameWithout((x, block) => {
    const key = { seed: scalar(3, 'u32'), step: scalar(1, 'u32') }
    const a = block(() => {
      const y = chain(x, 0, 1)
      const pooled = maxPool2d(y, { kernel: 2 })
      const flipped = flip(reshape(reshape(pooled, [1, 64]), [1, 4, 4, 4]), [2])
      return dropout(chain(flipped, 1, 3), 0.5, key)
    })
    const b = block(() => chain(dropout(a, 0.5, key), 3, 4))
    return [...slopes(resizeBilinear(concat([a, b], 3), [8, 8])), a]
  }))

test('recompute: gradients through gradients', () =>
  sameWithout((x, block) => {
    const y = block(() => chain(tanh(chain(x, 0, 1)), 1, 2))
    const [dx] = grad(sum(square(y)), [x])
    return slopes(block(() => chain(tanh(add(y, dx)), 2, 4)))
  }))

test('checkpoint: what is no function, or goes on later, is refused', () => {
  const refused = (build: unknown, text: RegExp) =>
    assert.throws(
      () => checkpoint(build as () => Tensor),
      (error) => error instanceof OptionError && text.test(error.message),
    )
  refused(scalar(1), /checkpoint.*a function is needed/)
  refused(undefined, /checkpoint.*a function is needed/)
  refused(async () => scalar(1), /checkpoint.*promise/)
})

// ---- what it saves

const large = { ...defaultCaps, maxBindingBytes: 2 ** 40, maxBufferBytes: 2 ** 40 }

function peakOf(
  name: string,
  size: readonly [number, number, number],
  options: object,
  how?: 'none',
) {
  const model = buildModel({ name, options: { ...options } })
  const rule = new Sgd(model.parameters(), { momentum: 0.9 })
  const [n, h, w] = size
  const stride = model.scoreStride
  const step = (image: Tensor, labels: Tensor) => {
    const random = { seed: scalar(0, 'u32'), step: scalar(0, 'u32') }
    const { loss } = crossEntropy(model.apply(image, { train: true, random }), labels)
    return rule.minimize(loss, 0.1)
  }
  const labels = { dtype: 'u8', shape: [n, Math.ceil(h / stride), Math.ceil(w / stride)] } as const
  const { plan } = stages(step, [f(n, h, w, 3), labels], large, how ? { recompute: how } : {})
  assert.ok(plan.activationBytes <= 1.05 * plan.lowerBound)
  return plan.activationBytes
}

for (const [name, size, most] of [
  ['fcrn-18', [4, 504, 504], 0.7],
  ['fcrn-101', [1, 504, 504], 0.65],
  ['model-16', [4, 504, 504], 0.65],
  ['frrn-a', [1, 256, 512], 0.6],
  ['gcn-152', [1, 512, 512], 0.65],
] as const)
  test(`recompute: the default takes at most ${100 * most} % of the activation memory, ${name} ${size}`, () => {
    const share = peakOf(name, size, {}) / peakOf(name, size, {}, 'none')
    assert.ok(share <= most, `${share}`)
  })

test("recompute: FRRN's published cuts take less than half", () => {
  const share = (name: string, size: readonly [number, number, number]) =>
    peakOf(name, size, { recompute: 'paper' }) / peakOf(name, size, {}, 'none')
  const [a, b] = [share('frrn-a', [1, 256, 512]), share('frrn-b', [1, 512, 512])]
  assert.ok(a <= 0.45 && b <= 0.31, `${a} ${b}`)
})
