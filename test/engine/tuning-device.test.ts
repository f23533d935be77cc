// Tuning on a device: what is measured, what may win, and that choices change the time and not the result.

import * as assert from 'uvu/assert'
import type { Device } from '../../engine/device.ts'
import {
  add,
  assign,
  conv2d,
  grad,
  matmul,
  mean,
  mul,
  openDevice,
  read,
  relu,
  reshape,
  slice,
  square,
  type Tensor,
} from '../../engine/node.ts'
import { measure } from '../../engine/tuning/measure.ts'
import { openTuning } from '../../engine/tuning/open.ts'
import { candidatesOf, defaultName } from '../../engine/tuning/problem.ts'
import { problemsOf } from '../../engine/tuning/run.ts'
import type { Tuning } from '../../engine/tuning/table.ts'
import { chosenForward, chosenWeight, tileName } from '../../shaders/conv/choice.ts'
import { agree, drawn, f32 } from '../agree.ts'
import { scratch } from '../cli/cli.ts'
import { withEnvironment } from '../environment.ts'
import { test } from '../harness.ts'
import { vector, withDevice } from './own-device.ts'

/** A strided and a dilated convolution and a product, with all gradients. */
const types = [f32(2, 12, 10, 8), f32(3, 3, 8, 24), f32(3, 3, 24, 16), f32(16, 12)]
const network = (x: Tensor, w: Tensor, v: Tensor, m: Tensor): Tensor[] => {
  const y = relu(conv2d(x, w, { padding: 1, stride: 2 }))
  const z = matmul(add(conv2d(y, v, { padding: 2, dilation: 2 }), 1), m)
  return [z, ...grad(mean(square(z)), [x, w, v, m])]
}
const fn = (...[x, w, v, m]: Tensor[]) => network(x, w, v, m)

/** Three classes: a product and its two gradients. */
const few = [f32(40, 8), f32(8, 12)]
const product = (a: Tensor, b: Tensor): Tensor[] => {
  const y = matmul(a, b)
  return [y, ...grad(mean(square(y)), [a, b])]
}

/** Every problem with the candidate that is `after` places behind its default. */
const others = (device: Device, after: number): Tuning =>
  device.tuning.with(
    problemsOf(device, fn, types).map(({ problemClass, family, geometry }) => {
      const all = candidatesOf(family, geometry, device.caps, 99)
      return [problemClass, all[after % all.length].name] as const
    }),
  )

for (const after of [1, 2])
  test(
    `tuning: with other tiles (${after}) results are right, gradients too`,
    withDevice(async (device) => {
      const kernels = async () => [...(await agree(fn, drawn(types), { device })).plan.kernels]
      const before = await kernels()
      const problems = problemsOf(device, fn, types)
      assert.ok(problems.length >= 8, `${problems.length} classes`)
      device.useTuning(others(device, after), 'a test')
      const now = await kernels()
      assert.ok(now.some((key) => !before.includes(key)))
      const { caps } = device
      for (const { family, geometry, problemClass } of problems) {
        if (candidatesOf(family, geometry, caps, 99).length <= after) continue
        const chosen = family === 'weight' ? chosenWeight : chosenForward
        const usual = defaultName(family, geometry, caps)
        assert.is.not(tileName(chosen(geometry, caps)), usual, problemClass)
      }
    }),
  )

test(
  'tuning: tune() measures every class once, within its time, and programs are right afterwards',
  withDevice(async (device) => {
    const told: string[] = []
    const options = {
      keep: false,
      seconds: 60,
      onProgress: (_: number, __: number, c: string) => told.push(c),
    }
    const report = await device.tune(product, few, options)
    assert.is(report.measured.length, 3)
    assert.is(report.left, 0)
    assert.is(report.known, 0)
    assert.equal(
      told,
      report.measured.map((m) => m.problemClass),
    )
    assert.is(report.tuning, device.tuning)
    assert.is(device.tuning.size, report.measured.length)
    for (const { candidates, ms, ratio, tile, defaultTile } of report.measured) {
      assert.ok(candidates.length >= 2 && candidates.length <= 8)
      assert.ok(ms > 0 && (tile === defaultTile ? ratio === 1 : ratio < 0.94))
    }
    await agree(product, drawn(few), { device })
    const again = await device.tune(product, few, options)
    assert.is(again.measured.length, 0)
    assert.is(again.known, report.measured.length)
  }),
)

test(
  'tuning: what ends it loses no class that was measured before',
  withDevice(async (device) => {
    const stop = (done: number) => {
      if (done === 1) throw new Error('stopped')
    }
    await withEnvironment({ XDG_CACHE_HOME: scratch() }, async () => {
      await device.tune(product, few, { onProgress: stop }).catch(() => {})
      const kept = await openTuning('cached', device.tuning.adapter, device.caps)
      assert.is(kept.tuning.size, 1)
      assert.is(device.tuning.size, 0)
    })
  }),
)

test(
  'tuning: no time measures next to nothing, and nothing changes',
  withDevice(async (device) => {
    const { hash } = device.tuning
    const begun = performance.now()
    const report = await device.tune(fn, types, { keep: false, seconds: 1e-6 })
    assert.is(report.measured.length, 0)
    assert.ok(report.left >= 8)
    assert.is(device.tuning.hash, hash)
    assert.ok(performance.now() - begun < 20_000)
  }),
)

test(
  'tuning: what gives another result is not used, however fast, and is named',
  withDevice(async (device) => {
    const [{ family, geometry }] = problemsOf(device, fn, types)
    const [right] = candidatesOf(family, geometry, device.caps, 1)
    const lazy = {
      name: 'lazy',
      recipe: { ...right.recipe, dispatches: right.recipe.dispatches.slice(0, 0) },
    }
    const shifted = {
      name: 'shifted',
      recipe: {
        ...right.recipe,
        dispatches: right.recipe.dispatches.map((d) => ({
          ...d,
          grid: [1, 1, 1] as const,
        })),
      },
    }
    const said: string[] = []
    const found = await measure(
      device,
      { family, geometry },
      [right, lazy, shifted, { ...right, name: 'same' }],
      performance.now() + 60_000,
      (sentence) => said.push(sentence),
    )
    assert.equal(
      found.map((m) => m.name),
      [right.name, 'same'],
    )
    assert.match(said.join('\n'), /lazy gives another result.*\n.*shifted gives another result/)
  }),
)

test('tuning: a table as JSON opens a device that plans with it', async () => {
  const first = await openDevice({ tuning: 'shipped' })
  const table = others(first, 1)
  first.close()
  const device = await openDevice({ tuning: table.toJSON() })
  try {
    assert.is(device.tuning.hash, table.hash)
    assert.is(device.tuning.size, table.size)
    assert.is(device.tuningFrom, 'a table')
  } finally {
    device.close()
  }
})

test(
  'tuning: a program may tune before its first run, and runs keep their order and their data',
  withDevice(async (device) => {
    const said: string[] = []
    const tune = {
      seconds: 20,
      keep: false,
      onProgress: (_: number, __: number, name: string) => said.push(name),
    }
    const counter = vector('counter', 0, 0)
    const program = device.compile(
      (x: Tensor, w: Tensor) => {
        assign(counter, add(mul(read(counter), 10), reshape(slice(x, [0, 0], [1, 2]), [2])))
        return matmul(x, w)
      },
      { tune },
    )
    const w = { dtype: 'f32' as const, shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }
    const x = { dtype: 'f32' as const, shape: [4, 2], data: new Float32Array(8).fill(1) }
    const first = program.run(x, w)
    x.data.fill(2)
    const second = program.run(x, w)
    x.data.fill(3)
    const results = [await first, await second, await program.run(x, w)]
    const sums = await Promise.all(results.map(async (y) => (await y.read())[0]))
    assert.equal(sums, [5, 10, 15])
    assert.equal([...(await device.read(counter))], [123, 123])
    assert.is(said.length, 1)
    assert.is(device.tuning.size, 1)
    for (const y of results) y.dispose()
    assert.throws(() => device.compile(fn, { tune: { seconds: 0 } }), /tune: 0 s are no time/)
  }),
)
