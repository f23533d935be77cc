// What runs again, and that it changes no bit: kernels counted on paper, blocks of every kind on the device, and the bytes that
// it saves.

import assert from 'node:assert/strict'
import { checkpoint } from '../../engine/checkpoint.ts'
import { type Graph, identity } from '../../engine/graph.ts'
import {
  add,
  assign,
  concat,
  conv2d,
  defaultCaps,
  dropout,
  flip,
  grad,
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
} from '../../engine/index.ts'
import { assignedBy } from '../../engine/passes/fused.ts'
import { watched } from '../../engine/passes/watch.ts'
import { recompute } from '../../engine/recompute/recompute.ts'
import { type StageOptions, stages } from '../../engine/stages.ts'
import { buildModel } from '../../models/index.ts'
import { crossEntropy } from '../../nn/losses.ts'
import { Sgd } from '../../train/optimizers.ts'
import { drawn } from '../agree.ts'
import { bitsOf, readAll } from '../checks.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'

/** Everything that is cheap, however small, and every checkpoint. */
const all = (graph: Graph) => recompute(graph, 'cheap', 0)

type Block = <R>(build: () => R) => R
const plainly: Block = (build) => build()

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
  const runs: Uint8Array[][] = []
  for (const [block, how] of [
    [plainly, 'none'],
    [checkpoint, all],
  ] as const) {
    const program = device.compile((x: Tensor) => fn(x, block), { recompute: how })
    const results = await program.run(...args)
    runs.push((await readAll(results)).map(bitsOf))
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

test('checkpoint: a program that is compiled inside one has none of its own', () => {
  const { nodes } = checkpoint(() => stages((x) => tanh(x), [f(3)], defaultCaps).traced)
  assert.equal(nodes.length, 2)
  for (const node of nodes) assert.equal(node.block, undefined)
})

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

test('recompute: what is watched does not wait for that, in checkpoints or not', () => {
  const most = (block: Block, watch: boolean) => {
    const fn = (x: Tensor) => {
      const half = block(() => chain(x, 0, 3))
      return slopes(block(() => chain(half, 3, 6)))
    }
    const instrument = (graph: Graph) => (watch ? watched(graph).graph : graph)
    return stages(fn, [f(1, 64, 64, 4)], defaultCaps, { recompute: all, instrument }).plan
      .lowerBound
  }
  for (const block of [plainly, checkpoint])
    assert.ok(most(block, true) < 1.6 * most(block, false), block.name)
})
