import * as assert from 'uvu/assert'
import {
  add,
  assign,
  cast,
  constant,
  DeviceError,
  grad,
  hostTensor,
  maximum,
  mean,
  mul,
  NonFiniteError,
  OutOfMemoryError,
  openDevice,
  randomNormal,
  randomUniform,
  read,
  relu,
  ShapeError,
  StaleTensorError,
  scope,
  softmax,
  square,
  sub,
  sum,
  type Tensor,
} from '../../engine/node.ts'
import { Sgd } from '../../train/optimizers.ts'
import { skip, test } from '../harness.ts'
import { refusal, vector, withDevice } from './own-device.ts'

test(
  'programs: an assignment is seen by reads after it, and not by those before',
  withDevice(async (device) => {
    const v = vector('v', 1, 2)
    const step = device.compile(() => {
      const old = read(v)
      const next = assign(v, add(old, 10))
      // The old version is used after, and together with, the new one.
      return { old: mul(old, 1), both: mul(next, old), again: assign(v, mul(v, 2)) }
    })
    const r = await step.run()
    assert.equal([...(await r.old.read())], [1, 2])
    assert.equal([...(await r.both.read())], [11, 24])
    assert.equal([...(await r.again.read())], [22, 24])
    assert.equal([...(await device.read(v))], [22, 24])
  }),
)

test(
  'programs: a lazy tensor refuses to read an overwritten version',
  withDevice(async (device) => {
    const v = vector('weight', 1, 2)
    const before = mul(v, 3)
    assert.equal([...(await device.read(before))], [3, 6])
    const step = device.compile(() => assign(v, add(v, 1)))
    ;(await step.run()).dispose()
    const error = await refusal(() => device.read(before))
    assert.instance(error, StaleTensorError)
    assert.match(error.message, /weight/)
    assert.equal([...(await device.read(mul(v, 3)))], [6, 9])
  }),
)

test(
  'programs: what one returns feeds the next without leaving the device',
  withDevice(async (device) => {
    const twice = device.compile((x) => mul(x, 2))
    const first = await twice.run(hostTensor([1, 2, 3]))
    const second = await twice.run(first)
    assert.equal([...(await second.read())], [4, 8, 12])
    first.dispose()
    const error = await refusal(() => twice.run(first))
    assert.instance(error, DeviceError)
  }),
)

test(
  'programs: results held beyond the pool keep their values',
  withDevice(async (device) => {
    const square = device.compile((x) => mul(x, x))
    const held = []
    for (let i = 0; i < 8; i++) held.push(await square.run(i))
    assert.equal(await Promise.all(held.map((t) => t.value())), [0, 1, 4, 9, 16, 25, 36, 49])
  }),
)

test(
  'programs: another shape is another plan, and the same pipelines',
  withDevice(async (device) => {
    const f = device.compile((x: Tensor) => sum(relu(sub(mul(x, 3), 1)), [1]))
    const run = async (h: number, w: number) => {
      const r = await f.run(hostTensor(new Float32Array(h * w).fill(1), [h, w]))
      return [...(await r.read())]
    }
    assert.equal(await run(2, 8), [16, 16])
    const { pipelines } = device.stats()
    assert.equal(await run(3, 12), [24, 24, 24])
    assert.is(device.stats().pipelines, pipelines)
  }),
)

test(
  'programs: the watch names the first node whose value is not finite',
  withDevice(async (device) => {
    const f = (x: Tensor) =>
      scope('head', () =>
        mean(
          maximum(
            scope('bad', () => square(x)),
            constant([1, 1]),
          ),
        ),
      )
    const watching = device.compile(f, { watch: true })
    assert.is(await (await watching.run(hostTensor([1, 1]))).value(), 1)
    const error = await refusal(() => watching.run(hostTensor([1e30, 1])))
    assert.instance(error, NonFiniteError)
    assert.match(error.message, /^square in head\.bad/)
  }),
)

test(
  'programs: the watch looks at f16 too',
  withDevice(async (device) => {
    if (!device.caps.f16) skip('the adapter has no shader-f16')
    const f = (x: Tensor) =>
      mul(
        cast(
          scope('narrow', () => cast(mul(x, 1e4), 'f16')),
          'f32',
        ),
        2,
      )
    const watching = device.compile(f, { watch: true })
    assert.is(await (await watching.run(1)).value(), 20000)
    const error = await refusal(() => watching.run(10))
    assert.instance(error, NonFiniteError)
    assert.match(error.message, /^cast in narrow made .*: f16\[\]/)
    const [input] = (error as NonFiniteError).seen!.inputs
    assert.equal(input, { type: 'f32[]', finite: true, least: 1e5, most: 1e5 })
  }),
)

test(
  'programs: without timestamps a profile is refused before anything happens',
  withDevice(
    async (device) => {
      const v = vector('v', 1)
      const step = device.compile((x: Tensor) => assign(v, mul(v, x)))
      const error = await refusal(() => step.profile(2))
      assert.instance(error, DeviceError)
      assert.match(error.message, /gives no timestamps\n {2}hint: use profileApart/)
      assert.is(v.version, 0)
      assert.equal([...(await device.read(v))], [1])
    },
    { defaultLimits: true },
  ),
)

test(
  'programs: a variable lives on one device',
  withDevice((one) =>
    withDevice(async (two) => {
      const v = vector('shared', 1)
      await one.read(v)
      const error = await refusal(() => two.read(mul(v, 2)))
      assert.instance(error, DeviceError)
      assert.match(error.message, /shared lives on another device/)
    })(),
  ),
)

test(
  'programs: planning refuses what no buffer can hold, and what no parts of it can give',
  withDevice(
    async (device) => {
      const f32 = (...shape: number[]) => ({ dtype: 'f32', shape }) as const
      const twice = device.compile((x) => mul(x, 2))
      const tooLarge = await refusal(() => twice.stages(f32(2 ** 27)))
      assert.instance(tooLarge, OutOfMemoryError)
      assert.match(
        tooLarge.message,
        /f32\[134217728\] takes 537 MB.* has buffers of at most 268 MB/,
      )
      const row = device.compile((x) => softmax(x))
      const whole = await refusal(() => row.stages(f32(2 ** 26)))
      assert.instance(whole, OutOfMemoryError)
      assert.match(
        whole.message,
        /binds at most 134 MB at once, and softmax cannot work on smaller/,
      )
    },
    { defaultLimits: true },
  ),
)

test('programs: a closed device says so', async () => {
  const device = await openDevice()
  device.close()
  const error = await refusal(() => device.read(constant([1])))
  assert.instance(error, DeviceError)
  assert.match(error.message, /closed/)
})

test('grad: only of a scalar, unless a seed is given', () => {
  const v = vector('v', 1, 2)
  assert.throws(
    () => grad(mul(v, 2), [v]),
    (e: Error) => e instanceof ShapeError && /scalar/.test(e.message),
  )
})

test('grad: a seed has the type of what is differentiated', () => {
  const v = vector('v', 1, 2)
  assert.throws(
    () => grad(mul(v, 2), [v], constant([[1, 2, 3, 4]].flat(), [2, 2])),
    (e: Error) => e instanceof ShapeError && /seed.*f32\[2\], f32\[2,2\]/.test(e.message),
  )
})

test(
  'grad: of variables outside programs, however often they are read',
  withDevice(async (device) => {
    const v = vector('v', 1, 2, 3)
    const loss = sum(mul(square(v), v))
    assert.equal([...(await device.read(grad(loss, [v])[0]))], [3, 12, 27])
    assert.equal([...(await device.read(grad(loss, [read(v)])[0]))], [3, 12, 27])
    // A version ago: the loss and its gradient are of one value, and reading them is refused.
    device.write(v, Float32Array.of(0, 1, 2))
    const error = await refusal(() => device.read(grad(loss, [v])[0]))
    assert.instance(error, StaleTensorError)
    const [now] = grad(sum(square(v)), [v])
    assert.equal([...(await device.read(now))], [0, 2, 4])
  }),
)

test(
  'grad: a variable stands for the newest version behind the result',
  withDevice(async (device) => {
    const v = vector('v', 1, 2, 3)
    const step = device.compile(() => {
      const old = read(v)
      const early = sum(square(v))
      assign(v, mul(v, 2))
      const both = sum(mul(old, v))
      const middle = read(v)
      assign(v, mul(v, 2))
      return {
        early: grad(early, [v])[0],
        both: grad(both, [v])[0],
        oldOfBoth: grad(both, [old])[0],
        same: grad(both, [middle])[0],
      }
    })
    const r = await step.run()
    assert.equal([...(await r.early.read())], [2, 4, 6])
    assert.equal([...(await r.both.read())], [1, 2, 3])
    // Through the assignment too: d(v · 2v) = 4v.
    assert.equal([...(await r.oldOfBoth.read())], [4, 8, 12])
    assert.equal([...(await r.same.read())], [1, 2, 3])
    assert.equal([...(await device.read(v))], [4, 8, 12])
  }),
)

test(
  'minimize: losses built together are all stepped along',
  withDevice(async (device) => {
    const v = vector('v', 1, 2, 3)
    const sgd = new Sgd([v])
    const step = device.compile(() => {
      const [one, two] = [sum(square(v)), sum(mul(v, 10))]
      sgd.minimize(one, 0.1)
      sgd.minimize(two, 0.1)
      return one
    })
    await (await step.run()).read()
    const got = [...(await device.read(v))].map((x) => Math.round(x * 1e5) / 1e5)
    assert.equal(got, [-0.2, 0.6, 1.4])
  }),
)

test(
  'minimize: what a step was computed from is no part of a later loss',
  withDevice(async (device) => {
    const [p, q] = [vector('p', 3), vector('q', 5)]
    const sgd = new Sgd([p, q])
    const step = device.compile(() => {
      sgd.minimize(sum(mul(p, q)), 1)
      return sgd.minimize(sum(mul(q, 2)), 1)
    })
    assert.is(await (await step.run()).value(), 4)
    assert.equal([...(await device.read(p)), ...(await device.read(q))], [-2, 0])
  }),
)

test(
  'programs: arguments and assignments of another program are refused',
  withDevice(async (device) => {
    const v = vector('v', 1, 2)
    let argument: Tensor | undefined
    let next: Tensor | undefined
    const step = device.compile((x: Tensor) => {
      argument = x
      next = assign(v, add(v, x))
      return next
    })
    ;(await step.run(1)).dispose()
    const messages = [
      () => device.read(argument!),
      () => device.read(scope('head', () => mul(argument!, 2))),
      () => device.read(next!),
      () => device.compile((x) => add(x, next!)).run(1),
      () => device.compile((x) => device.compile(() => mul(x, 2)).stages().traced && x).run(1),
    ]
    const said: string[] = []
    for (const run of messages) {
      const error = await refusal(run)
      said.push(error.message.split('\n')[0])
      if (!(error instanceof StaleTensorError)) assert.instance(error, ShapeError)
    }
    const argumentHere = 'an argument of another program has no value here; got f32[]'
    assert.is(said[0], `input: ${argumentHere}`)
    assert.is(said[1], `mul: ${argumentHere} (in head)`)
    assert.match(said[2], /before it was overwritten/)
    assert.is(said[3], 'add: an assignment of another program has no value here; got f32[2]')
    assert.is(said[4], `mul: ${argumentHere}`)
    assert.equal([...(await device.read(v))], [2, 3])
  }),
)

test(
  'programs: an assignment that never ran is not run by reading it',
  withDevice(async (device) => {
    const v = vector('v', 1, 2)
    let next: Tensor | undefined
    device
      .compile(() => {
        next = assign(v, add(v, 1))
        return next
      })
      .stages()
    const error = await refusal(() => device.read(next!))
    assert.instance(error, ShapeError)
    assert.match(error.message, /^assign: an assignment of another program/)
    assert.equal([...(await device.read(v))], [1, 2])
  }),
)

test(
  'random: outside programs each draw has a name',
  withDevice(async (device) => {
    const key = { seed: constant(Uint32Array.of(7), []), step: constant(Uint32Array.of(0), []) }
    for (const [op, draw] of [
      ['randomUniform', randomUniform],
      ['randomNormal', randomNormal],
    ] as const)
      assert.throws(
        () => scope('noise', () => draw([4], key)),
        (e: Error) =>
          e instanceof ShapeError &&
          e.message.startsWith(`${op}: outside programs a draw needs a name (in noise)`),
      )
    const draw = async (name: string) => [
      ...(await device.read(randomUniform([4], { ...key, name }))),
    ]
    assert.equal(await draw('one'), await draw('one'))
    assert.not.equal(await draw('one'), await draw('two'))
  }),
)
