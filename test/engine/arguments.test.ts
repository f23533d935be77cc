// What a run computes with: arguments, static or not, written values, versions of variables; and what it says of them.

import * as assert from 'uvu/assert'
import {
  add,
  assign,
  constant,
  DeviceTensor,
  defaultCaps,
  explain,
  hostTensor,
  mul,
  OptionError,
  read,
  ShapeError,
  StaleTensorError,
  square,
  type Tensor,
} from '../../engine/node.ts'
import { checkCompileOptions, stages } from '../../engine/stages.ts'
import { test } from '../harness.ts'
import { refusal, vector, withDevice } from './own-device.ts'

test(
  'arguments: arguments that do not fit are refused',
  withDevice(async (device) => {
    const one = device.compile((x: Tensor, rate: Tensor) => mul(x, rate))
    const f32 = { dtype: 'f32', shape: [4] } as const
    const data = new Float32Array(4)
    const wrong: [args: unknown[], kind: typeof OptionError | typeof ShapeError, text: RegExp][] = [
      [[1], OptionError, /takes 2 arguments and got 1/],
      [[1, undefined], OptionError, /argument 1 is undefined\n {2}hint: pass hostTensor/],
      [[vector('w', 1), 1], OptionError, /argument 0 is the variable w/],
      [[mul(vector('w', 1), 1), 1], OptionError, /argument 0 is a lazy tensor/],
      [[Promise.resolve(1), 1], OptionError, /argument 0 is a promise\n {2}hint: wait for/],
      [[Float32Array.of(1), 1], OptionError, /argument 0 is data without a shape/],
      [[{ ...f32, data: new Float32Array(3) }, 1], ShapeError, /needs 4 elements.* data has 3/],
      [[{ ...f32, data: new Int32Array(4) }, 1], ShapeError, /f32 is no Int32Array/],
      [[{ ...f32, data: new Float64Array(4) }, 1], ShapeError, /f32 is no Float64Array/],
      [
        [{ dtype: 'f32', shape: [-2, -2], data }, 1],
        ShapeError,
        /argument 0: \[-2,-2\] is no shape/,
      ],
      [[{ dtype: 'f32', shape: [1.6, 2.5], data }, 1], ShapeError, /\[1.6,2.5\] is no shape/],
      [[{ dtype: 'f64', shape: [4], data }, 1], ShapeError, /0: there is no dtype 'f64'/],
    ]
    for (const [args, kind, text] of wrong) {
      const error = await refusal(() => one.run(...(args as number[])))
      assert.instance(error, kind)
      assert.match(error.message, text)
    }
    assert.throws(() => one.stages(f32), /takes 2 arguments and got 1/)
    for (const shape of [[-2, 3], [2.5], 4, undefined]) {
      const type = { dtype: 'f32', shape: shape as number[] } as const
      assert.throws(() => one.stages(f32, type), /^argument 1: .* is no shape/)
      assert.throws(() => stages((x) => x, [type], device.caps), /^argument 0: .* is no shape/)
    }
    const defaults = device.compile((x: Tensor, ...more: Tensor[]) => more.reduce(mul, x))
    assert.is(await (await defaults.run(3)).value(), 3)
    assert.is(await (await defaults.run(3, 4, 5)).value(), 60)
  }),
)

test(
  'arguments: what is no tensor cannot be read, and several elements are no value',
  withDevice(async (device) => {
    const data = hostTensor([1, 2])
    const double = device.compile((x: Tensor) => mul(x, 2))
    const wrong: [t: unknown, text: RegExp][] = [
      [double.run(data), /read, not a promise\n {2}hint: wait for it first/],
      [data, /read, not host data\n {2}hint: .* in data/],
      [[constant(1)], /read, not a list/],
      [3, /read, not number/],
      [null, /read, not null/],
    ]
    for (const [t, text] of wrong)
      for (const run of [() => device.read(t as Tensor), () => device.value(t as Tensor)])
        assert.match((await refusal(run)).message, text)
    using two = await double.run(data)
    const lazy = mul(constant([1, 2]), 2)
    for (const run of [() => two.value(), () => device.value(two), () => device.value(lazy)])
      assert.match((await refusal(run)).message, /^value: one element is needed; got f32\[2\]\n/)
    assert.equal([...(await two.read())], [2, 4], 'it was not disposed')
    assert.is(await device.value(constant([5], [1])), 5)
  }),
)

test(
  'arguments: a function that computes with a tensor as if it were a number is refused',
  withDevice(async (device) => {
    const one = hostTensor([1])
    // What JavaScript lets a person write and TypeScript does not.
    const wrong: [body: (x: never) => unknown, text: RegExp][] = [
      [(x) => (x > 0 ? x : 1), /a tensor has no value while .*\n {2}hint: .*greater/],
      [(x) => x + 1, /a tensor has no value while/],
      [(x) => -x, /a tensor has no value while/],
      [async (x) => x, /a compiled function is async\n {2}hint: it is called once/],
      [(x) => ({ loss: (async () => x)() }), /a compiled function is async/],
    ]
    for (const [body, text] of wrong)
      for (const run of [
        () => device.compile(body as () => Tensor).run(one),
        async () => explain(body as () => Tensor, [{ dtype: 'f32', shape: [1] }]),
      ]) {
        const error = await refusal(run)
        assert.instance(error, OptionError)
        assert.match(error.message, text)
      }
    const map = await refusal(() => device.compile((x: Tensor) => new Map([['x', x]])).run(one))
    assert.match(map.message, /returned Map; it can return tensors, arrays and records/)
    const held = await device.compile((x: Tensor) => mul(x, 2)).run(one)
    const others: [body: () => unknown, text: RegExp][] = [
      [() => ({ w: vector('w', 1) }), /returned the variable w;.*\n {2}hint: .*read\(variable\)/],
      [() => [held], /returned a result of a run;.*\n {2}hint: .*argument/],
    ]
    for (const [body, text] of others)
      assert.match((await refusal(() => device.compile(body as () => Tensor).run())).message, text)
    held.dispose()
    assert.throws(() => device.compile(3 as never), /compile takes a function, not number/)
    using result = await device.compile((x: Tensor) => mul(x, 2)).run(one)
    assert.throws(() => Number(result), /a result stays on its device.*\n {2}hint: await result/)
    assert.is(`${result} ${mul(constant([1, 2]), 2)} ${vector('w', 1)}`, 'f32[1] f32[2] f32[1]')
  }),
)

test(
  'arguments: write refuses another dtype of the same size',
  withDevice(async (device) => {
    const v = vector('weight', 1, 2)
    for (const data of [Int32Array.of(5, 6), Float32Array.of(1, 2, 3)]) {
      const error = await refusal(() => device.write(v, data))
      assert.instance(error, ShapeError)
      assert.match(error.message, /^write: .*weight f32\[2\]/)
    }
    const list = await refusal(() => device.write(v, [3, 4] as never))
    assert.match(list.message, /typed array, not a list; got weight f32\[2\]\n.*Float32Array/)
    const nothing = await refusal(() => device.write(v, undefined as never))
    assert.match(nothing.message, /typed array, not undefined/)
    assert.equal([...(await device.read(v))], [1, 2])
  }),
)

test('arguments: options that do not exist are refused, and values that are none of theirs', () => {
  const wrong: [options: unknown, text: RegExp][] = [
    [{ memorybudget: '1GiB' }, /there is no option memorybudget\n {2}hint: .*memoryBudget/],
    [{ recompute: 'chepa' }, /no recompute 'chepa'\n {2}hint: .*'auto', 'cheap', 'none'/],
    [{ fuse: 'aprt' }, /fuse is true, false or 'apart', not 'aprt'/],
    [{ precision: 'half' }, /no precision 'half'\n {2}hint: .*'full', 'mixed'/],
    [{ memoryBudget: 'lots' }, /memoryBudget 'lots' is no size/],
    [{ watch: 'no' }, /watch is true or false, not 'no'/],
    [{ onProgress: 3 }, /onProgress is a function, not 3/],
    [{ tune: true }, /tune: options are an object, not true/],
    [{ tune: { second: 1 } }, /tune: there is no option second\n {2}hint: .*seconds/],
    [null, /compile: options are an object, not null/],
  ]
  for (const [options, text] of wrong) {
    const refused = (error: Error) => error instanceof OptionError && text.test(error.message)
    assert.throws(() => checkCompileOptions(options as object), refused)
    const type = { dtype: 'f32', shape: [1] } as const
    assert.throws(() => stages((x) => x, [type], defaultCaps, options as object), refused)
  }
  checkCompileOptions({ fuse: 'apart', recompute: (g) => g, watch: true, cache: 2, tune: {} })
})

test(
  'arguments: static arguments are part of which program runs',
  withDevice(async (device) => {
    const seen: unknown[] = []
    const program = device.compile((x: Tensor, mode: 'add' | 'mul', y: Tensor, minus: boolean) => {
      seen.push(mode, minus)
      const z = mode === 'add' ? add(x, y) : mul(x, y)
      return minus ? mul(z, -1) : z
    })
    const run = async (...args: Parameters<typeof program.run>) =>
      (await program.run(...args)).value()
    assert.is(await run(3, 'add', 4, false), 7)
    assert.is(await run(3, 'mul', 4, false), 12)
    assert.is(await run(3, 'mul', 4, true), -12)
    assert.is(await run(5, 'add', 4, false), 9)
    assert.equal(seen, ['add', false, 'mul', false, 'mul', true])
    const f32 = { dtype: 'f32', shape: [] } as const
    assert.is(program.stages(f32, 'add', f32, true).plan.graph.inputs.length, 2)
  }),
)

test(
  'arguments: versions are counted when a run is asked for',
  withDevice(async (device) => {
    const v = vector('v', 1)
    const before = mul(v, 1)
    const step = device.compile(() => assign(v, add(v, 1)))
    for (let i = 0; i < 2; i++) {
      const running = step.run()
      assert.is(v.version, i + 1)
      const next = await running
      assert.is(v.version, i + 1)
      next.dispose()
    }
    assert.instance(await refusal(() => device.read(before)), StaleTensorError)

    // The first run of another program: its version counts before its kernels are made.
    const other = device.compile(() => assign(v, add(v, 1)))
    const { gpu } = device
    const pop = gpu.popErrorScope
    const seen: number[] = []
    gpu.popErrorScope = () => {
      seen.push(v.version)
      return pop.call(gpu)
    }
    await other.run()
    assert.equal(seen, [3, 3, 3, 3])
  }),
)

test(
  'arguments: a program refuses a lazy tensor from outside whose variable was overwritten',
  withDevice(async (device) => {
    const v = vector('weight', 1)
    const outside = mul(v, 3)
    const program = device.compile((x: Tensor) => add(outside, mul(x, v)))
    assert.is(await (await program.run(1)).value(), 4)
    device.write(v, Float32Array.of(5))
    for (const p of [program, device.compile((x: Tensor) => add(outside, x))]) {
      const error = await refusal(() => p.run(1))
      assert.instance(error, StaleTensorError)
      assert.match(error.message, /reads weight as it was/)
    }
    const inside = device.compile((x: Tensor) => add(mul(read(v), 3), x))
    assert.is(await (await inside.run(1)).value(), 16)
    device.write(v, Float32Array.of(6))
    assert.is(await (await inside.run(1)).value(), 19)
  }),
)

test(
  'arguments: the watch tells what came in from what was made',
  withDevice(async (device) => {
    const v = vector('weight', 1)
    const program = device.compile((_: string, x: Tensor) => square(mul(x, v)), { watch: true })
    const run = (x: number) => program.run('static', x)
    assert.match(
      (await refusal(() => run(Number.NaN))).message,
      /^argument 1 has a value that is not finite: f32\[\]\n.*it came in so/,
    )
    assert.match(
      (await refusal(() => run(1e30))).message,
      /^square in .*\n.*its inputs were finite/,
    )
    device.write(v, Float32Array.of(Number.NaN))
    assert.match(
      (await refusal(() => run(1))).message,
      /^the variable weight has a value.*\n.*so before/,
    )
    const none = device.compile((x: Tensor) => mul(x, 2), { watch: true })
    assert.equal(await (await none.run(hostTensor(Int32Array.of(2), []))).value(), 4)
    assert.equal([...(await (await none.run(hostTensor([], [0]))).read())], [], 'nothing to test')
  }),
)

test(
  'arguments: host data is read before run returns',
  withDevice(async (device) => {
    const program = device.compile((x: Tensor) => mul(x, 2))
    const data = new Float32Array(4)
    const runs: Promise<DeviceTensor>[] = []
    // The first two wait for the compilation, the others do not.
    for (let i = 0; i < 4; i++) {
      data.fill(i)
      runs.push(program.run(hostTensor(data)))
      if (i > 1) await runs[i]
    }
    const values = await Promise.all((await Promise.all(runs)).map((r) => r.read()))
    assert.equal(
      values.map((v) => v[0]),
      [0, 2, 4, 6],
    )
    assert.instance(await runs[0], DeviceTensor)
  }),
)
