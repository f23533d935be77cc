// Shifted passes against the dilated net whose weights they share: scores, losses, gradients, and an update from four programs.

import assert from 'node:assert/strict'
import { grad } from '../../engine/grad.ts'
import { graphOf } from '../../engine/graph.ts'
import { add, mul } from '../../engine/ops/arithmetic.ts'
import type { Pair } from '../../engine/ops/options.ts'
import { slice } from '../../engine/ops/shape.ts'
import { assign, constant } from '../../engine/ops/source.ts'
import { interpret, largestDifference } from '../../engine/reference/index.ts'
import type { Tensor } from '../../engine/tensor.ts'
import {
  type FcrnOptions,
  fcrn,
  passOffsets,
  type ResNetDepth,
  shiftedLoss,
  shiftedPass,
  shiftedPasses,
  shiftedPassLoss,
  shiftedScores,
} from '../../models/index.ts'
import { labelsOnGrid } from '../../nn/grid.ts'
import { zeros } from '../../nn/init.ts'
import { type ClassLossOptions, crossEntropy } from '../../nn/losses.ts'
import type { Mode } from '../../nn/module.ts'
import { buffer } from '../../nn/parameter.ts'
import { Sgd } from '../../train/optimizers.ts'
import { close, traceOf } from '../checks.ts'
import { testDevice } from '../device.ts'
import { test } from '../harness.ts'
import { drawnImage, drawnLabels, drawnState, place, valuesOf } from './drawn.ts'
import { onPaper } from './paper.ts'

const evaluation: Mode = { train: false }
const training: Mode = { train: true }
const narrow = { width: 2, depthMultiplier: 0.5, classes: 3, dropout: 0 } as const
const heads = { kernel: 3, dilation: 2 } as const
/** For the device: channels in fours, so that there are fewer kernels to compile. */
const shallow = { width: 4, depthMultiplier: 0.1, classes: 4 }

const forms: [ResNetDepth, FcrnOptions][] = [
  [34, {}],
  [50, { layers: 2 }],
  [50, { stride: '1x1', pool: 'ceil' }],
]
const titleOf = ([depth, { stride = '3x3' }]: (typeof forms)[number]) =>
  depth === 34 ? 'basic blocks' : `stride on the ${stride}`

/** A net, and the one on the finer grid that its passes simulate. */
function pairOfNets([depth, options]: (typeof forms)[number], outputStride: 8 | 16 | 32 = 8) {
  const all = { ...narrow, ...heads, ...options }
  const coarse = fcrn(depth, { ...all, outputStride })
  const half = (outputStride / 2) as 4 | 8 | 16
  const fine = fcrn(depth, { ...all, outputStride: half, dilation: 2 * all.dilation })
  return { coarse, fine }
}

/** Even and odd features before the last strided stage, at 1/4: 10×7, 9×8, 2×3. */
const sizes = [
  [37, 28],
  [35, 29],
  [8, 10],
] as const

for (const form of forms)
  test(`shifted passes, interleaved, are the dilated net, in float64, ${titleOf(form)}`, () => {
    for (const outputStride of [8, 16, 32] as const) {
      const { coarse, fine } = pairOfNets(form, outputStride)
      for (const size of outputStride === 8 ? sizes : ([[77, 50]] as const)) {
        const image = drawnImage([1, ...size, 3])
        const cells = size.map((n) => Math.ceil(n / (outputStride / 2)))
        const shape = onPaper(image.shape, (x) => shiftedScores(coarse, x, evaluation).shape)
        assert.deepEqual(shape, [1, ...cells, 3])
        const [got] = valuesOf(
          (x) => [shiftedScores(coarse, x, evaluation)],
          [image],
          drawnState(coarse),
        )
        const [want] = valuesOf((x) => [fine.apply(x, evaluation)], [image], drawnState(fine))
        close(got, want, 1e-12 * largest(want), `${size} at 1/${outputStride}`)
      }
    }
  })

const largest = (v: ArrayLike<number>): number => largestDifference(v, new Float64Array(v.length))

for (const form of forms)
  test(`shifted passes, interleaved, are the dilated net, on the device, ${titleOf(form)}`, async () => {
    const device = await testDevice()
    const [depth, options] = form
    const { coarse, fine } = pairOfNets([depth, { ...options, ...shallow }])
    const [a, b] = [coarse, fine].map((net) => {
      place(device, drawnState(net))
      return device.compile((x) =>
        net === coarse ? shiftedScores(coarse, x, evaluation) : net.apply(x, evaluation),
      )
    })
    for (const size of sizes) {
      const image = drawnImage([2, ...size, 3])
      using got = await a.run(image)
      using want = await b.run(image)
      assert.deepEqual(got.shape, want.shape)
      const scores = await want.read()
      // Sums of the same products in another order, through some ten layers.
      close(await got.read(), scores, 2e-5 * largest(scores), `${size}`)
    }
    a.dispose()
    b.dispose()
  })

test('a pass that crops its features instead differs where the stride is on a 3×3, not on a 1×1', () => {
  for (const [form, differs] of [
    [forms[0], true],
    [forms[1], true],
    [forms[2], false],
  ] as const) {
    const { coarse } = pairOfNets(form)
    const state = drawnState(coarse)
    const image = drawnImage([1, 61, 58, 3])
    for (const [a, b] of passOffsets.slice(1)) {
      const [got, want] = valuesOf(
        (x) => {
          const { backbone } = coarse
          const trunk = backbone.trunk(x, evaluation)
          return [
            backbone.layer2[0].apply(slice(trunk, [0, a, b]), evaluation),
            backbone.layer2[0].apply(trunk, evaluation, [a, b]),
          ]
        },
        [image],
        state,
      )
      if (!differs) {
        close(got, want, 0, 'the same')
        continue
      }
      const [rows, columns] = [61, 58].map((n, i) => (Math.ceil(n / 4) + 1 - [a, b][i]) >> 1)
      const channels = got.length / rows / columns
      const off = (y: number, x: number) => {
        const at = (y * columns + x) * channels
        return largestDifference(got.slice(at, at + channels), want.slice(at, at + channels))
      }
      // Wrong where it pads instead of what was cropped, and from the third row and column on, right.
      const cells = Array.from({ length: rows * columns }, (_, i) => [
        Math.floor(i / columns),
        i % columns,
      ])
      const most = (some: (y: number, x: number) => boolean) =>
        Math.max(...cells.map(([y, x]) => (some(y, x) ? off(y, x) : 0)))
      assert.equal(most((y, x) => y === 0 && x > 1) > 1e-2, a === 1, `rows of ${a}, ${b}`)
      assert.equal(most((y, x) => y > 1 && x === 0) > 1e-2, b === 1, `columns of ${a}, ${b}`)
      assert.ok(most((y, x) => y > 1 && x > 1) < 1e-12)
    }
  }
})

test('shifted passes compute what comes before the last strided stage once', () => {
  const { coarse } = pairOfNets(forms[1])
  const convs = (fn: (x: Tensor) => readonly Tensor[]) =>
    onPaper([1, 40, 40, 3], (x) => graphOf([], fn(x), []).nodes).filter(
      ({ op }) => op.name === 'conv2d',
    )
  const before = /backbone\.(conv1|layer1)/
  const once = convs((x) => [coarse.apply(x, training)])
  const four = convs((x) => shiftedPasses(coarse, x, training))
  const shared = once.filter(({ path }) => before.test(path)).length
  assert.ok(shared > 3)
  assert.equal(four.filter(({ path }) => before.test(path)).length, shared)
  assert.equal(four.length, shared + 4 * (once.length - shared))
})

const sums: ClassLossOptions = { reduction: 'sum' }

for (const form of forms)
  test(`the loss of shifted passes has the gradients of the dilated net's, ${titleOf(form)}`, () => {
    const { coarse, fine } = pairOfNets(form)
    for (const [size, offset] of [
      [sizes[0], undefined],
      [sizes[1], 1],
    ] as const) {
      const given = [drawnImage([1, ...size, 3]), drawnLabels([1, ...size], 3)]
      const lossOf = (scores: Tensor, labels: Tensor) => crossEntropy(scores, labels, sums)
      const options = { combine: 'sum', ...(offset !== undefined && { offset }) } as const
      const got = valuesOf(
        (x, y) => {
          const { loss, outOfRange } = shiftedLoss(coarse, x, y, training, lossOf, options)
          return [loss, outOfRange, ...grad(loss, [x, ...coarse.parameters()])]
        },
        given,
        drawnState(coarse),
      )
      const want = valuesOf(
        (x, y) => {
          const labels = labelsOnGrid(y, 4, { offset: offset ?? 4 })
          const { loss, outOfRange } = lossOf(fine.apply(x, training), labels)
          return [loss, outOfRange, ...grad(loss, [x, ...fine.parameters()])]
        },
        given,
        drawnState(fine),
      )
      assert.equal(got.length, want.length)
      got.forEach((g, i) => {
        close(g, want[i], 1e-11 * Math.max(1, largest(want[i])), `${size}: result ${i}`)
      })
    }
  })

test('the mean of the four losses has the gradients of the passes, added up and divided by 4', () => {
  const { coarse } = pairOfNets(forms[1])
  const given = [drawnImage([2, 35, 29, 3]), drawnLabels([2, 35, 29], 3)]
  const gradients = (lossOf: (x: Tensor, y: Tensor) => Tensor) =>
    valuesOf(
      (x, y) => {
        const loss = lossOf(x, y)
        return [loss, ...grad(loss, coarse.parameters())]
      },
      given,
      drawnState(coarse),
    )
  const whole = gradients((x, y) => shiftedLoss(coarse, x, y, training, crossEntropy).loss)
  const passes = passOffsets.map((offset) =>
    gradients((x, y) => shiftedPassLoss(coarse, x, y, offset, training, crossEntropy).loss),
  )
  whole.forEach((g, i) => {
    const mean = g.map((_, e) => passes.reduce((s, p) => s + p[i][e], 0) / 4)
    close(g, mean, 1e-12 * Math.max(1, largest(g)), `result ${i}`)
  })
})

test('four programs, one for each pass, and one that updates make the same steps as a single one', () => {
  const given = [drawnImage([1, 35, 29, 3]), drawnLabels([1, 35, 29], 3)]
  const types = given.map(({ dtype, shape }) => ({ dtype, shape }))
  const build = () => {
    const net = fcrn(18, { ...narrow, ...heads })
    const optimizer = new Sgd(net.parameters(), { momentum: 0.9 })
    return { net, optimizer, parameters: net.parameters(), state: drawnState(net) }
  }

  const one = build()
  const single = traceOf((x, y) => {
    const { loss } = shiftedLoss(one.net, x, y, training, crossEntropy)
    return [one.optimizer.minimize(loss, 0.1)]
  }, types)
  for (let i = 0; i < 2; i++) interpret(single, given, one.state)

  const { net, optimizer, parameters, state } = build()
  const sums = parameters.map((p) => buffer(p.shape, zeros))
  const passes = passOffsets.map((offset) =>
    traceOf((x, y) => {
      const { loss } = shiftedPassLoss(net, x, y, offset, training, crossEntropy)
      grad(loss, parameters).forEach((g, i) => {
        assign(sums[i], add(sums[i], g))
      })
      return []
    }, types),
  )
  const update = traceOf(() => {
    const quarters = sums.map((s) => mul(s, 1 / 4))
    optimizer.step(parameters, quarters, 0.1)
    for (const s of sums) assign(s, mul(s, 0))
    return []
  }, [])
  const start = new Map(state)
  for (let i = 0; i < 2; i++) {
    for (const pass of passes) interpret(pass, given, state)
    interpret(update, [], state)
  }
  parameters.forEach((p, i) => {
    const moved = largestDifference(state.get(p)!, start.get(p)!)
    assert.ok(moved > 0, p.name)
    close(state.get(p)!, one.state.get(one.parameters[i])!, 1e-11 * moved, p.name)
  })
})

test('shifted passes: nets without a strided stage, passes that are none, images that are too small', () => {
  const image = (h: number, w: number, use: (x: Tensor) => unknown) => () =>
    onPaper([1, h, w, 3], use)
  const quarter = fcrn(18, { ...narrow, outputStride: 4 })
  assert.throws(
    image(32, 32, (x) => shiftedScores(quarter, x, evaluation)),
    /fcrn-18: at output stride 4 no stage has a stride to shift[\s\S]*outputStride 8, 16 or 32/,
  )
  const net = fcrn(18, narrow)
  for (const offset of [[2, 0], [0, -1], [1], undefined])
    assert.throws(
      image(32, 32, (x) => shiftedPass(net, x, offset as unknown as Pair, evaluation)),
      /is no pass[\s\S]*passOffsets/,
    )
  assert.throws(
    image(4, 32, (x) => shiftedScores(net, x, evaluation)),
    /at least 5×5; got f32\[1,4,32,3\]/,
  )
  image(5, 5, (x) => assert.deepEqual(shiftedScores(net, x, evaluation).shape, [1, 2, 2, 3]))()
  assert.throws(
    image(32, 32, (x) => shiftedLoss(net, x, x, training, crossEntropy)),
    /labels \[n, h, w\]/,
  )
  const labels = (shape: number[]) =>
    image(32, 32, (x) => {
      const y = constant(drawnLabels(shape, 3).data, shape)
      return shiftedLoss(net, x, y, training, crossEntropy)
    })
  labels([1, 32, 32])()
  for (const shape of [
    [1, 64, 64],
    [2, 32, 32],
    [1, 32, 31],
  ])
    assert.throws(labels(shape), /fcrn-18: labels \[n, h, w\] of the images are needed/)
})
