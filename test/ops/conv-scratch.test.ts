// Scratch memory of convolutions is bound like everything else: where bindings are small there are fewer partial sums and no
// copies, and nothing is refused whose operands and result can be bound.

import * as assert from 'uvu/assert'
import type { Caps } from '../../engine/adapters/adapter.ts'
import type { Device } from '../../engine/device.ts'
import { defaultCaps } from '../../engine/explain.ts'
import { conv2d, grad, matmul, mul, sum, type Tensor } from '../../engine/index.ts'
import { randomFrom } from '../../engine/reference/index.ts'
import { forwardCandidates, weightCandidates } from '../../shaders/conv/choice.ts'
import { convGeometry, inputGradGeometry, matmulGeometry } from '../../shaders/conv/geometry.ts'
import type { Geometry } from '../../shaders/conv/index.ts'
import { forwardRecipe, weightGradRecipe } from '../../shaders/conv/plan.ts'
import { identityTail } from '../../shaders/kernel.ts'
import { agree, drawn, f32 } from '../agree.ts'
import { testDevice } from '../device.ts'
import { deviceWith, discrete } from '../engine/device-with.ts'
import { test } from '../harness.ts'

const kinds = ['lavapipe', 'swiftshader', 'discrete', 'integrated', 'unknown'] as const

/** A convolution, its input gradient or a matrix product, of any shape. */
function drawnGeometry(random: () => number): Geometry {
  const below = (n: number) => Math.floor(n * random())
  const channels = () => 1 + below(random() < 0.5 ? 8 : 200)
  if (random() < 0.2) return matmulGeometry(1 + below(900), channels(), channels())
  const [kh, kw] = [1 + below(7), 1 + below(7)]
  const [oh, ow, strideY, strideX] = [1 + below(40), 1 + below(40), 1 + below(3), 1 + below(3)]
  const [h, w] = [oh * strideY, ow * strideX]
  const steps = { strideY, strideX, dilationY: 1, dilationX: 1, padTop: kh >> 1, padLeft: kw >> 1 }
  const sizes = { n: 1 + below(3), h, w, cin: channels(), oh, ow, cout: channels(), kh, kw }
  return random() < 0.3
    ? inputGradGeometry({ ...sizes, ...steps })
    : convGeometry({ ...sizes, ...steps })
}

test('conv scratch: whatever the tile, it is no larger than the largest operand has to be', () => {
  const random = randomFrom(1)
  let most = 0
  for (let i = 0; i < 400; i++) {
    const g = drawnGeometry(random)
    const { n, h, w, oh, ow, cin, cout, kh, kw } = g
    const maxBindingBytes = 4 * Math.max(n * h * w * cin, kh * kw * cin * cout, n * oh * ow * cout)
    const caps: Caps = { ...defaultCaps, kind: kinds[i % kinds.length], maxBindingBytes }
    const accesses = { xAccess: 'read', wAccess: 'read', yAccess: 'read_write' } as const
    const forward = { ...g, ...accesses, tail: identityTail }
    const weight = { ...g, xAccess: 'read', dyAccess: 'read', dwAccess: 'read_write' } as const
    const recipes = [
      ...forwardCandidates(g, caps).map((tile) => forwardRecipe(forward, caps, tile)),
      ...(g.divY * g.divX > 1
        ? []
        : weightCandidates(g, caps).map((tile) => weightGradRecipe(weight, caps, tile))),
    ]
    const bytes = Math.max(0, ...recipes.flatMap((r) => r.scratch))
    assert.ok(bytes <= maxBindingBytes, `${bytes} of ${maxBindingBytes}: ${JSON.stringify(g)}`)
    most = Math.max(most, bytes)
  }
  assert.ok(most > 0)
})

const asIf = async (changes: Partial<Caps>): Promise<Device> =>
  deviceWith(await testDevice(), changes)

const cases = [
  { what: 'partial sums of weights', x: [1, 10, 10, 16], w: [3, 3, 16, 8], binding: 6400 },
  { what: 'copies in fours', x: [1, 9, 9, 21], w: [3, 3, 21, 29], binding: 22016 },
]

for (const { what, x, w, binding } of cases)
  test(`conv scratch: no ${what} where they do not fit`, async () => {
    const device = await asIf({ ...discrete, maxBindingBytes: binding })
    const { plan } = await agree(
      (a, b) => {
        const y = conv2d(a, b, { padding: 1 })
        return [y, ...grad(sum(mul(y, y)), [a, b])]
      },
      drawn([f32(...x), f32(...w)]),
      { device },
    )
    assert.ok(plan.steps.every((s) => s.dispatches.every((d) => d.places.every(fits(binding)))))
  })

const fits = (binding: number) => (place: { readonly bytes: number }) => place.bytes <= binding

test('conv scratch: products of operands in windows', async () => {
  const device = await asIf({ maxBindingBytes: 1024 })
  await agree(
    (a, b) => {
      const y: Tensor = matmul(a, b)
      return [y, ...grad(sum(mul(y, y)), [a, b])]
    },
    drawn([f32(100, 9), f32(9, 25)]),
    { device },
  )
})
