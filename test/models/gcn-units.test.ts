// The parts of GCNs: their counts, what they compute in the float64 interpreter, and on the device.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { sizeOf } from '../../engine/dtype.ts'
import { grad } from '../../engine/grad.ts'
import { add, mul } from '../../engine/ops/arithmetic.ts'
import { conv2d } from '../../engine/ops/conv.ts'
import { sum } from '../../engine/ops/reduce.ts'
import { slice } from '../../engine/ops/shape.ts'
import {
  drawInput,
  interpret,
  largestDifference,
  randomFrom,
  type State,
} from '../../engine/reference/index.ts'
import type { Tensor, Variable } from '../../engine/tensor.ts'
import { GcnBottleneck } from '../../models/gcn-backbone.ts'
import {
  BoundaryRefinement,
  ConvolutionStack,
  Deconvolution,
  GlobalConvolution,
  plainConvolution,
} from '../../models/gcn-units.ts'
import type { Conv2d } from '../../nn/conv.ts'
import type { AnyModule } from '../../nn/module.ts'
import { countParameters } from '../../nn/state.ts'
import { agree, f32 } from '../agree.ts'
import { close, traceOf } from '../checks.ts'
import { needShared, test } from '../harness.ts'

const draw = (seed: number, ...shape: number[]) => drawInput(f32(...shape), randomFrom(seed))

/** Values in [-1/2, 1/2) for all parameters. */
function randomState(root: AnyModule): State {
  const random = randomFrom(3)
  const values = (v: Variable) =>
    Float64Array.from({ length: sizeOf(v.shape) }, () => random() - 0.5)
  return new Map(root.parameters().map((v) => [v, values(v)]))
}

test('gcn: the blocks of the ablations and their parts have the paper’s numbers of parameters', () => {
  const { components } = JSON.parse(readFileSync(needShared('reference/counts.json'), 'utf8'))
  const bare = { bias: false }
  const check = (name: string, make: (n: number) => AnyModule) => {
    const rows = Object.entries<number>(components[name])
    assert.ok(rows.length > 2, name)
    for (const [n, want] of rows)
      assert.equal(countParameters(make(Number(n))), want, `${name} ${n}`)
  }
  check('gcn_head_res5_c21', (k) => new GlobalConvolution(2048, 21, k, bare))
  check('plain_conv_res5_c21', (k) => plainConvolution(2048, 21, k, bare))
  check('stack_k7_res5_c21', (m) => new ConvolutionStack(2048, 21, 7, m, bare))
  check('stack_m2048_res5_c21', (k) => new ConvolutionStack(2048, 21, k, 2048, bare))
  const forms = [21, 19].flatMap((c) => [
    [`c${c}_no_bias`, new BoundaryRefinement(c, bare)],
    [`c${c}_bias`, new BoundaryRefinement(c)],
    [`c${c}_full`, new Deconvolution(c)],
    [`c${c}_per_channel`, new Deconvolution(c, 'per-channel')],
  ])
  const parts = { ...components.br_block, ...components.deconv_4x4_s2 }
  const counted = forms.map(([name, part]) => [name, countParameters(part as AnyModule)])
  assert.deepEqual(Object.fromEntries(counted), parts)
  assert.equal(countParameters(new Deconvolution(21, 'fixed')), 0)
})

/** The k×k kernel [k, k, inputs, classes] that a GCN's two branches add up to, and what their biases add up to. */
function composed({ left, right }: GlobalConvolution, state: State) {
  const [[l1, l2], [r1, r2]] = [left, right]
  const [k, , inputs, classes] = l1.weight.shape
  const at = (conv: Conv2d, tap: number, i: number, o: number) =>
    state.get(conv.weight)![(tap * conv.weight.shape[2] + i) * classes + o]
  const kernel = new Float64Array(k * k * inputs * classes).map((_, e) => {
    const [o, i] = [e % classes, Math.floor(e / classes) % inputs]
    const [x, y] = [Math.floor(e / classes / inputs) % k, Math.floor(e / classes / inputs / k)]
    let value = 0
    for (let m = 0; m < classes; m++)
      value += at(l1, y, i, m) * at(l2, x, m, o) + at(r1, x, i, m) * at(r2, y, m, o)
    return value
  })
  const bias = new Float64Array(classes).map((_, o) => {
    let value = 0
    for (const [first, second] of [left, right]) {
      if (!first.bias || !second.bias) continue
      value += state.get(second.bias)![o]
      for (let m = 0; m < classes; m++)
        for (let tap = 0; tap < k; tap++) value += state.get(first.bias)![m] * at(second, tap, m, o)
    }
    return value
  })
  return { kernel, bias }
}

for (const k of [1, 3, 7])
  test(`GlobalConvolution: k = ${k} is one k×k convolution, whose kernel is the sum of two separable ones`, () => {
    const [h, w, inputs, classes] = [9, 8, 3, 2]
    const types = [f32(1, h, w, inputs), f32(k, k, inputs, classes), f32(classes)]
    const compare = (bias: boolean, border: number) => {
      const unit = new GlobalConvolution(inputs, classes, k, { bias })
      const state = randomState(unit)
      const inside = (y: Tensor) => slice(y, [0, border, border], [1, h - border, w - border])
      const graph = traceOf(
        (x, kernel, b) => [
          inside(unit.apply(x)),
          inside(add(conv2d(x, kernel, { padding: 'same' }), b)),
        ],
        types,
      )
      const { kernel, bias: b } = composed(unit, state)
      const [got, want] = interpret(graph, [draw(1, 1, h, w, inputs), kernel, b], state)
      return largestDifference(got, want)
    }
    // Zero padding commutes with a convolution that has no bias, so that the whole map agrees.
    assert.ok(compare(false, 0) < 1e-13)
    // With one, the second convolution's taps outside the map miss the first one's bias.
    assert.ok(compare(true, (k - 1) / 2) < 1e-13)
    assert.equal(compare(true, 0) > 1e-3, k > 1)
  })

test('GlobalConvolution: an impulse reaches k×k pixels, all of them and no others', () => {
  const unit = new GlobalConvolution(1, 1, 5, { bias: false })
  const image = new Float64Array(9 * 11)
  image[4 * 11 + 6] = 1
  const graph = traceOf((x) => [unit.apply(x)], [f32(1, 9, 11, 1)])
  const [y] = interpret(graph, [image], randomState(unit))
  y.forEach((v, i) => {
    const near = Math.abs(Math.floor(i / 11) - 4) <= 2 && Math.abs((i % 11) - 6) <= 2
    assert.equal(v !== 0, near, `pixel ${i}`)
  })
})

test('BoundaryRefinement: with its second convolution at zero it is the identity', () => {
  const unit = new BoundaryRefinement(3)
  const x = draw(1, 2, 5, 4, 3)
  const graph = traceOf((s) => [unit.apply(s)], [f32(2, 5, 4, 3)])
  const state = randomState(unit)
  assert.ok(largestDifference(interpret(graph, [x], state)[0], x.data) > 0.1)
  for (const v of [unit.conv2.weight, unit.conv2.bias!]) state.get(v)!.fill(0)
  assert.deepEqual(interpret(graph, [x], state)[0], Float64Array.from(x.data))
})

test('Deconvolution: it starts as interpolation: constants stay and ramps go on inside', () => {
  const [h, w] = [4, 6]
  const image = Float64Array.from({ length: h * w * 2 }, (_, i) =>
    i % 2 ? 3 : 5 * Math.floor(i / 2 / w) + (Math.floor(i / 2) % w),
  )
  const graph = traceOf((x) => [new Deconvolution(2).apply(x)], [f32(1, h, w, 2)])
  const [y] = interpret(graph, [image])
  assert.equal(y.length, 4 * image.length)
  for (let row = 1; row < 2 * h - 1; row++)
    for (let column = 1; column < 2 * w - 1; column++) {
      const [ramp, level] = y.slice(2 * (2 * w * row + column))
      assert.equal(level, 3)
      assert.equal(ramp, (5 * (row - 0.5)) / 2 + (column - 0.5) / 2)
    }
  // Outside the map is zero, of which the outermost pixels take a quarter in each direction.
  assert.deepEqual([y[1], y[3]], [(3 * 9) / 16, (3 * 3) / 4])
})

test('Deconvolution: all forms start alike, and per channel the gradient is the diagonal of the full one', () => {
  const c = 3
  const [full, single] = [new Deconvolution(c), new Deconvolution(c, 'per-channel')]
  const fixed = new Deconvolution(c, 'fixed')
  const types = [f32(2, 3, 4, c), f32(2, 6, 8, c)]
  const graph = traceOf((x, dy) => {
    const values = [full, single, fixed].map((unit) => unit.apply(x))
    const loss = (y: Tensor) => sum(mul(y, dy))
    return [
      ...values,
      ...grad(loss(values[0]), [full.weight!]),
      ...grad(loss(values[1]), [single.weight!]),
    ]
  }, types)
  const [a, b, same, dFull, dSingle] = interpret(
    graph,
    types.map(({ shape }, i) => draw(i, ...shape)),
  )
  assert.deepEqual(b, a)
  assert.deepEqual(same, a)
  assert.equal(dFull.length, 16 * c * c)
  close(
    dSingle,
    dFull.filter((_, i) => Math.floor(i / c) % c === i % c),
    1e-12,
    'gradient',
  )
})

for (const join of ['sum', 'concat'] as const)
  test(`GcnBottleneck, ${join}, and a deconvolution per channel: values, gradients and statistics on the device`, async () => {
    const place = { stride: 2, dilation: 1, dilationAfter: 1, dropout: 0 }
    const block = new GcnBottleneck(3, { width: 4, outputs: 5, k: 5, join }, place, {
      ...{ seed: 1, norm: {}, stride: '3x3' },
    })
    const deconv = new Deconvolution(5, 'per-channel')
    const parameters = [...block.parameters(), ...deconv.parameters()]
    await agree(
      (x) => {
        const y = deconv.apply(block.apply(x, { train: true }))
        return [y, ...grad(sum(mul(y, y)), [x, ...parameters])]
      },
      [draw(1, 2, 9, 12, 3)],
    )
  })
