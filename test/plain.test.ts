// Plain WebGPU, as the least capable browser gives it: default limits and no optional feature. Operators forward are in
// ops.test.ts; here are their gradients, a training step of each family of networks, selection, sorting and random programs.
// `ATROUS_ADAPTER=swiftshader npm test -- plain.test` is the same on another driver.

import * as assert from 'uvu/assert'
import { trainingStep } from '../apps/cli/step.ts'
import type { Device } from '../engine/device.ts'
import {
  greater,
  hostTensor,
  kthLargest,
  openDevice,
  ops,
  selectLargest,
  type Tensor,
  topK,
} from '../engine/node.ts'
import type { Attrs, Sample } from '../engine/op.ts'
import { sortOrder } from '../engine/ops/sort.ts'
import { drawInput, interpret, randomFrom, roundingErrors } from '../engine/reference/index.ts'
import { buildModel, type ImageSize } from '../models/index.ts'
import { agree } from './agree.ts'
import { close, readAll, split, title, traceOf } from './checks.ts'
import { testDevice } from './device.ts'
import { check } from './fuzz/check.ts'
import { randomProgram } from './fuzz/program.ts'
import { test } from './harness.ts'
import { drawArguments, gradientsOf } from './ops/op-checks.ts'

let opened: Promise<Device> | undefined

async function plainDevice(): Promise<Device> {
  await testDevice()
  opened ??= openDevice({ defaultLimits: true, alignment: 256, say: () => {} })
  return opened
}

test('plain: the device has nothing beyond the defaults, and no kernel asks for it', async () => {
  const { gpu, caps } = await plainDevice()
  assert.is([...gpu.features].filter((f) => f !== 'core-features-and-limits').length, 0)
  assert.equal(
    [caps.maxStorageBuffers, caps.maxWorkgroupStorage, caps.maxInvocations, caps.subgroupSize],
    [8, 16384, 256, 0],
  )
})

for (const op of ops.filter((op) => op.kind === 'structured')) {
  const all = gradientsOf(op, op.samples as readonly Sample<Attrs>[])
  if (!all.length) continue
  test(`plain: the gradient of ${op.name}`, async () => {
    const d = await plainDevice()
    const counts = all.map((g) => g.types.length)
    using program = d.compile((...args: Tensor[]) =>
      split(args, counts).flatMap((xs, i) => all[i].build(...xs)),
    )
    const drawn = all.map((g) => drawArguments(g, 3))
    const got = await readAll(await program.run(...drawn.flat()))
    all.forEach((g, i) => {
      const graph = traceOf(g.build, g.types)
      const errors = roundingErrors(graph, drawn[i])
      interpret(graph, drawn[i]).forEach((y, k) => {
        const most = errors.get(graph.outputs[k])!
        close(got.shift()!, y, most, `${title(op, g.sample)}: gradient ${k}`)
      })
    })
  })
}

test('plain: selection and sorting', async () => {
  const device = await plainDevice()
  const [m, k] = [9000, 700]
  const random = randomFrom(2)
  const scores = hostTensor(
    Float32Array.from({ length: 2 * m }, () => Math.round(1000 * random()) - 500),
    [2, m],
  )
  const keys = hostTensor(
    Uint32Array.from({ length: 2 * m }, () => Math.floor(random() * 2 ** 32)),
    [2, m],
  )
  const all = (x: Tensor, y: Tensor) => [
    ...Object.values(topK(x, k)),
    kthLargest(x, k),
    ...Object.values(selectLargest(x, greater(x, -400), k)),
    sortOrder(y),
  ]
  await agree(all, [scores, keys], { device })
})

type Family = readonly [name: string, options: object, size: ImageSize]

const families: readonly Family[] = [
  ['frrn-a', { base: 4, lanes: 4, depthMultiplier: 0.5 }, [1, 32, 48]],
  ['fcrn-18', { width: 4, frozen: 'none' }, [1, 33, 41]],
  ['localization-18', { width: 4, frozen: 'none' }, [1, 32, 40]],
  ['gcn-50', { width: 2 }, [1, 64, 64]],
  ['model-16', { width: 4, frozen: 'none' }, [1, 32, 32]],
]

/** What they are made of is in the others too. */
const parts: readonly Family[] = [
  ['frrn-baseline', { base: 4 }, [1, 32, 48]],
  ['resnet-18', { width: 4 }, [2, 32, 32]],
]

/** What one step of gradient descent with momentum adds to every parameter, and its loss. */
async function stepped(device: Device, [name, options, size]: Family) {
  const model = buildModel({ name, options: { classes: 4, seed: 1, ...options } })
  const { fn, types } = trainingStep(model, size, 'sgd')
  using program = device.compile(fn as (...inputs: Tensor[]) => Tensor)
  const random = randomFrom(7)
  const args = types.map((type) => {
    const drawn = drawInput(type, random)
    return type.shape.length && type.dtype !== 'f32'
      ? { ...drawn, data: drawn.data.map((c: number) => c % 4) as typeof drawn.data }
      : drawn
  })
  args[1] = hostTensor(1)
  const before = await valuesOf(device, model.parameters())
  const loss = await (await program.run(...args)).value()
  const after = await valuesOf(device, model.parameters())
  return { loss, update: after.map((x, i) => x - before[i]) }
}

async function valuesOf(device: Device, variables: readonly Parameters<Device['place']>[0][]) {
  const parts = []
  for (const v of variables) parts.push(...(await device.read(v)))
  return Float64Array.from(parts)
}

const length = (x: Float64Array) => Math.sqrt(x.reduce((n, v) => n + v * v, 0))

for (const family of [...families, ...parts])
  test(
    `plain: a training step of ${family[0]} goes where it goes with all features`,
    async () => {
      const [plain, full] = [await plainDevice(), await testDevice()]
      const [a, b] = [await stepped(plain, family), await stepped(full, family)]
      assert.ok(Number.isFinite(b.loss) && length(b.update) > 0)
      assert.ok(Math.abs(a.loss - b.loss) <= 1e-4 * Math.abs(b.loss), `${a.loss}, ${b.loss}`)
      // Sums in another order; where one changes the sign before a ReLU, a derivative jumps.
      const off = length(a.update.map((x, i) => x - b.update[i])) / length(b.update)
      assert.ok(off < 1e-2, `${off}`)
    },
    { slow: parts.includes(family) },
  )

test('plain: random programs', async () => {
  const d = await plainDevice()
  for (let seed = 5002; seed < 5042; seed += 2) {
    const { failure } = await check(d, randomProgram(seed, ops), seed)
    assert.is(failure?.message, undefined, `seed ${seed}`)
  }
})
