// The ResNet beside FRRN A against its counts, and what holds of FRRN's plan: the authors' cuts, and what the residual
// stream is and is not changed by. All in the interpreter or on paper, but for the last test.

import assert from 'node:assert/strict'
import type { DeviceTensor } from '../../engine/device-tensor.ts'
import { square } from '../../engine/ops/arithmetic.ts'
import { mean } from '../../engine/ops/reduce.ts'
import { constant } from '../../engine/ops/source.ts'
import { interpret, type State } from '../../engine/reference/index.ts'
import type { HostTensor, Tensor } from '../../engine/tensor.ts'
import { doubled } from '../../models/frrn-units.ts'
import { buildModel, type Frrn, frrnA, frrnB } from '../../models/index.ts'
import { drawn, f32 } from '../agree.ts'
import { traceOf } from '../checks.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'
import { checkSlope, drawnImage } from './drawn.ts'
import { checkCounts, onPaper } from './paper.ts'

const joins = ['project-up', 'sum', 'concat'] as const

for (const join of joins)
  test(`frrn-baseline: the counts of ${join}`, () => {
    checkCounts(
      `frrn-A-resnet-baseline/cityscapes19/${join}`,
      buildModel({ name: 'frrn-baseline', options: { join } }),
      { score: 'classifier' },
    )
  })

const train = { train: true }
const narrow = { classes: 3, base: 2, seed: 3 }

for (const join of joins)
  test(`frrn-baseline: the gradient is the slope, ${join}`, () => {
    const model = buildModel({ name: 'frrn-baseline', options: { ...narrow, join } })
    const image = drawnImage([2, 32, 32, 3])
    checkSlope(model, (x) => mean(square(model.apply(x, train))), image)
  })

test('frrn-baseline: `residual` meets each of its 23 units once, in order', () => {
  const model = buildModel({ name: 'frrn-baseline', options: narrow })
  const met: string[] = []
  onPaper([1, 16, 16, 3], (image) =>
    model.apply(image, {
      train: false,
      residual: (shortcut, branch) => {
        met.push(branch.node.path)
        return [shortcut, branch]
      },
    }),
  )
  const units = (way: string, counts: readonly number[]) =>
    counts.flatMap((n, i) => Array.from({ length: n }, (_, j) => `${way}.${i}.${j}.bn2`))
  assert.deepEqual(met, [...units('encoder', [3, 3, 4, 2, 2]), ...units('decoder', [2, 2, 2, 3])])
})

test('frrn-baseline: all four enlargements are as the option says', () => {
  for (const upsample of ['asymmetric', 'half-pixel']) {
    const model = buildModel({ name: 'frrn-baseline', options: { ...narrow, upsample } })
    const { nodes } = traceOf((image) => [model.apply(image, train)], [f32(1, 32, 32, 3)])
    const modes = nodes.filter(({ op }) => op.name === 'resizeBilinear').map((n) => n.attrs['mode'])
    assert.deepEqual(modes, Array(4).fill(upsample))
  }
})

test('frrn-baseline: other sizes, options and joins are refused', () => {
  const model = buildModel({ name: 'frrn-baseline', options: narrow })
  assert.throws(
    () => onPaper([1, 24, 32, 3], (image) => model.apply(image, { train: false })),
    /frrn-baseline[\s\S]*multiples of 16[\s\S]*32 x 32/,
  )
  const built = (options: object) => () =>
    buildModel({ name: 'frrn-baseline', options: { ...options } })
  assert.throws(built({ join: 'add' }), /join cannot be "add"/)
  assert.throws(built({ lanes: 32 }), /no option lanes/)
})

/** What crosses each cut, by name, for an image of [1, 32, 64, 3]: [block, ...tensors]. */
const crossings = {
  a: [
    ['before', { y: [32, 64, 2], z: [32, 64, 5] }],
    ['encoder.0 … after', { logits: [32, 64, 3] }],
  ],
  b: [
    ['before', { y: [32, 64, 2], z: [32, 64, 5] }],
    ['encoder.0', { y: [16, 32, 4], z: [32, 64, 5] }],
    ['encoder.1 … encoder.4', { y: [1, 2, 16], z: [32, 64, 5] }],
    ['decoder.0 … decoder.3', { y: [16, 32, 4], z: [32, 64, 5] }],
    ['after', { logits: [32, 64, 3] }],
  ],
} as const
const models = { a: frrnA, b: frrnB }
const variants = ['a', 'b'] as const
const make = (variant: 'a' | 'b'): Frrn => models[variant]({ ...narrow, lanes: 5 })

for (const variant of variants)
  test(`frrn-${variant}: block after block, with nothing between but what its cuts keep, is the whole`, () => {
    const model = make(variant)
    const [image] = drawn([f32(1, 32, 64, 3)])
    const whole: State = new Map()
    const graph = traceOf((x) => [model.apply(x, train)], [f32(1, 32, 64, 3)])
    const [logits] = interpret(graph, [image], whole)

    const inBlocks: State = new Map()
    let kept: Record<string, { shape: readonly number[]; data: Float64Array }> = {
      image: { shape: [1, 32, 64, 3], data: Float64Array.from(image.data) },
    }
    const crossed = model.blocks.map((block) => {
      const names = Object.keys(kept)
      const outNames: string[] = []
      const part = traceOf(
        (...xs) => {
          const given = Object.fromEntries(xs.map((x, i) => [names[i], x]))
          const out = block.run(given, train)
          outNames.push(...Object.keys(out))
          return Object.values(out)
        },
        names.map((name) => f32(...kept[name].shape)),
      )
      const data = interpret(
        part,
        Object.values(kept).map((k) => k.data),
        inBlocks,
      )
      kept = Object.fromEntries(
        part.outputs.map(({ shape }, i) => [outNames[i], { shape, data: data[i] }]),
      )
      const shapes = Object.entries(kept).map(([name, { shape }]) => [name, shape.slice(1)])
      return [block.name, Object.fromEntries(shapes)]
    })
    assert.deepEqual(crossed, crossings[variant])
    assert.deepEqual(kept['logits'].data, logits)
    assert.equal(whole.size, model.buffers().length)
    assert.deepEqual(inBlocks, whole)
  })

test('frrn: a part of a block keeps its path, inside the forward pass and by itself', () => {
  const model = make('b')
  const paths = (build: (image: Tensor) => Tensor) => {
    const { nodes } = traceOf((x) => [build(x)], [f32(1, 32, 32, 3)])
    return nodes.map(({ op, path }) => `${op.name} ${path}`)
  }
  assert.deepEqual(
    paths(
      (image) =>
        model.blocks.reduce((t, b) => b.run(t, train), { image } as object as Record<
          string,
          Tensor
        >)['logits'],
    ),
    paths((image) => model.apply(image, train)),
  )
})

test('frrn: with the 1×1 convolutions to it at zero, the residual stream crosses all cuts unchanged', () => {
  const model = make('b')
  const types = [f32(1, 32, 32, 3)]
  const zeros: State = new Map()
  for (const [name, v] of model.stateDict())
    if (name.includes('.residual.')) zeros.set(v, new Float64Array(v.initial().length))
  const graph = traceOf((image) => {
    const streams: Tensor[] = []
    model.blocks.reduce(
      (t, block) => {
        const next = block.run(t, train)
        if (next['z']) streams.push(next['z'])
        return next
      },
      { image } as Readonly<Record<string, Tensor>>,
    )
    return streams
  }, types)
  const [first, ...others] = interpret(graph, drawn(types), zeros)
  assert.equal(others.length, 3)
  for (const z of others) assert.deepEqual(z, first)
})

test('frrn: asymmetric enlargement of [a, b] is [a, (a + b)/2, b, b], on both axes', () => {
  const [row] = interpret([doubled(constant([3, 7], [1, 1, 2, 1]), 'asymmetric')])
  assert.deepEqual([...row], [3, 5, 7, 7, 3, 5, 7, 7])
  const [column] = interpret([doubled(constant([3, 7], [1, 2, 1, 1]), 'asymmetric')])
  assert.deepEqual([...column], [3, 3, 5, 5, 7, 7, 7, 7])
})

test('frrn: a program for each block gives the bits of one program for all', async () => {
  const device = await testDevice()
  const model = make('b')
  const [image] = drawn([f32(1, 32, 64, 3)])
  using whole = device.compile((x: Tensor) => model.apply(x, train))
  using logits = await whole.run(image)
  let kept: Record<string, HostTensor | DeviceTensor> = { image }
  for (const block of model.blocks) {
    const names = Object.keys(kept)
    using part = device.compile((...xs: Tensor[]) =>
      block.run(Object.fromEntries(xs.map((x, i) => [names[i], x])), train),
    )
    const next = await part.run(...Object.values(kept))
    for (const t of Object.values(kept)) if ('dispose' in t) t.dispose()
    kept = next
  }
  using last = kept['logits'] as DeviceTensor
  assert.deepEqual(await last.read(), await logits.read())
})
