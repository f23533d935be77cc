// Convolutions of drawn shapes, each with its gradients and, in turn, before or behind pointwise work, with batches of matrix
// products between: every one by tiles drawn from those that some machine is offered, against the float64 interpreter.
// `--slow` runs many more.

import * as assert from 'uvu/assert'
import type { Caps } from '../../engine/adapters/adapter.ts'
import type { Device } from '../../engine/device.ts'
import {
  add,
  type ConvOptions,
  conv2d,
  grad,
  type HostTensor,
  matmul,
  moments,
  mul,
  normalize,
  relu,
  sum,
  type Tensor,
} from '../../engine/index.ts'
import { interpret, randomFrom, roundingErrors } from '../../engine/reference/index.ts'
import {
  forwardCandidates,
  type Tile,
  tileName,
  type WeightTile,
  weightCandidates,
} from '../../shaders/conv/choice.ts'
import type { Tuned } from '../../shaders/problem-class.ts'
import { drawn, f32 } from '../agree.ts'
import { close } from '../checks.ts'
import { testDevice } from '../device.ts'
import { deviceWith } from '../engine/device-with.ts'
import { slowWanted, test } from '../harness.ts'

const programs = slowWanted ? 400 : 16
/** Multiply-adds of a convolution: the interpreter does each of them many times. */
const MOST = 2e5

type Random = () => number
const whole = (random: Random, from: number, to: number) =>
  from + Math.floor((to - from + 1) * random())

interface Drawn {
  readonly what: string
  readonly args: readonly HostTensor[]
  readonly fn: (...x: Tensor[]) => readonly Tensor[]
}

function convolution(random: Random): Drawn {
  for (;;) {
    const below = (n: number) => whole(random, 1, n)
    const side = () => below(random() < 0.7 ? 12 : 40)
    const channels = () => below(random() < 0.4 ? 8 : 70)
    const [n, h, w, cin, cout] = [below(3), side(), side(), channels(), channels()]
    const [kh, kw] = [below(7), below(7)]
    const padding = [0, 1, 2, 3].map((i) => whole(random, 0, i % 2 ? kw : kh))
    const stride = random() < 0.5 ? [1, 1] : [below(3), below(3)]
    // Beyond the map now and then: then most taps see padding only.
    const dilation = random() < 0.6 ? [1, 1] : [below(h + 2), below(w + 2)]
    const [top, left, bottom, right] = padding
    const out = (s: number, around: number, k: number, axis: number) =>
      Math.floor((s + around - dilation[axis] * (k - 1) - 1) / stride[axis]) + 1
    const [oh, ow] = [out(h, top + bottom, kh, 0), out(w, left + right, kw, 1)]
    if (oh < 1 || ow < 1 || n * oh * ow * cout * cin * kh * kw > MOST) continue
    const options = { padding, stride, dilation } as unknown as ConvOptions
    const before = random() < 0.5
    const behind = whole(random, 0, 2)
    return {
      what: `conv2d [${[n, h, w, cin]}] * [${[kh, kw, cin, cout]}] ${JSON.stringify(options)}`,
      args: drawn([f32(n, h, w, cin), f32(kh, kw, cin, cout), f32(cin), f32(n, oh, ow, cout)]),
      fn: (x, k, c, t) => {
        // A shift that zeros would not survive.
        const read = before ? relu(normalize(x, c, add(c, 2), add(c, 3))) : x
        const y = conv2d(read, k, options)
        if (behind === 1) return [relu(add(y, t)), ...grad(sum(mul(y, t)), [x, k])]
        const of = behind ? Object.values(moments(y)) : []
        return [y, ...of, ...grad(sum(mul(y, t)), [x, k])]
      },
    }
  }
}

function product(random: Random): Drawn {
  for (;;) {
    const below = (n: number) => whole(random, 1, n)
    const [m, k, n] = [below(60), below(70), below(70)]
    const lead = Array.from({ length: below(3) - 1 }, () => below(4))
    const some = () => lead.map((size) => (random() < 0.3 ? 1 : size))
    const [transposeA, transposeB] = [random() < 0.5, random() < 0.5]
    const a = [...some(), ...(transposeA ? [k, m] : [m, k])]
    const b = [...(random() < 0.3 ? [] : some()), ...(transposeB ? [n, k] : [k, n])]
    if (lead.reduce((x, y) => x * y, m * k * n) > MOST) continue
    return {
      what: `matmul [${a}] [${b}] ${JSON.stringify({ transposeA, transposeB })}`,
      args: drawn([f32(...a), f32(...b)]),
      fn: (x, y) => {
        const z = matmul(x, y, { transposeA, transposeB })
        return [z, ...grad(sum(mul(z, z)), [x, y])]
      },
    }
  }
}

const kinds = ['lavapipe', 'swiftshader', 'discrete', 'integrated', 'unknown'] as const

/** The adapter that is here, taken for a machine of some kind; notes the tiles that it takes. */
async function machine(random: Random, taken: Set<string>): Promise<Device> {
  const here = await testDevice()
  const own = here.caps
  const one = <T>(list: readonly T[]) => list[whole(random, 0, list.length - 1)]
  const changes: Partial<Caps> = {
    kind: one(kinds),
    subgroupSize: one([0, own.subgroupSize]),
    maxWorkgroupStorage: one([16384, own.maxWorkgroupStorage]),
    maxInvocations: 256,
    maxStorageBuffers: one([8, own.maxStorageBuffers]),
  }
  const caps: Caps = { ...own, ...changes, ...{ tuning: undefined } } as Caps
  const tuning: Tuned = {
    tileFor: (family, g) => {
      const tiles: readonly (Tile | WeightTile)[] =
        family === 'forward' ? forwardCandidates(g, caps) : weightCandidates(g, caps)
      const name = tileName(one(tiles))
      taken.add(`${family} ${name}`)
      return name
    },
  }
  return deviceWith(here, { ...changes, tuning })
}

test(
  `conv random: ${programs} convolutions and products of drawn shapes, by drawn tiles`,
  async () => {
    const taken = new Set<string>()
    for (let seed = 1; seed <= programs; seed++) {
      const random = randomFrom(seed)
      const device = await machine(random, taken)
      const { what, args, fn } = random() < 0.8 ? convolution(random) : product(random)
      const title = `seed ${seed}, ${device.caps.kind}, ${what}`
      using program = device.compile(fn, { fuse: random() < 0.8 })
      const { traced } = program.stages(...args)
      const expected = interpret(traced, args, new Map())
      const errors = roundingErrors(traced, args, new Map())
      const results = await program.run(...args)
      for (const [i, y] of results.entries()) {
        close(await y.read(), expected[i], errors.get(traced.outputs[i])!, `${title}: output ${i}`)
        y.dispose()
      }
    }
    assert.ok(taken.size > (slowWanted ? 40 : 10), `${taken.size} tiles`)
  },
  { timeout: slowWanted ? 1800 : 120 },
)
