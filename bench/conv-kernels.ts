// Checks every schedule of the convolution family against float64 loops on awkward shapes, then times common ones.
//
//   node dist/bench/conv-kernels.js [check|time] [only]     `only` is a part of a timed case's name

import { OptionError } from '../engine/errors.ts'
import { suggest } from '../nn/near.ts'
import {
  forwardCandidates,
  type Tile,
  tileName,
  type WeightTile,
  weightCandidates,
} from '../shaders/conv/choice.ts'
import {
  type Conv,
  convGeometry,
  inputGradGeometry,
  matmulGeometry,
} from '../shaders/conv/geometry.ts'
import type { Geometry } from '../shaders/conv/index.ts'
import { type ForwardProblem, forwardRecipe, weightGradRecipe } from '../shaders/conv/plan.ts'
import { type Caps, identityTail, type Tail } from '../shaders/kernel.ts'
import { gather, type Reference, sizesOf, weightGrad } from './conv-reference.ts'
import { openConvRunner } from './conv-runner.ts'
import { conv, noise } from './conv-shapes.ts'
import { timeAll, timedNames } from './conv-timing.ts'
import { given, named } from './options.ts'

const [mode, only] = given({}, ['check or time', 'a name to time']).positionals
if (mode !== undefined && mode !== 'check' && mode !== 'time')
  throw new OptionError(`'${mode}' cannot be done`, suggest(mode, ['check', 'time']))
if (mode === 'check' && only !== undefined)
  throw new OptionError(`'${only}' is of what is timed`, 'all shapes are checked')
const wanted = new Set(named(timedNames, only, (name) => name))
const runner = await openConvRunner()
const { caps } = runner
const tail: Tail = {
  key: 'bias relu add scale',
  operands: [
    { access: 'read', elem: 'f32', mode: 'channel' },
    { access: 'read_write', elem: 'f32', mode: 'same' },
    { access: 'read', elem: 'u8', mode: 'same' },
    { access: 'read', elem: 'f32', mode: 'scalar' },
  ],
  outputs: ['f32', 'f32'],
  emit: (value, [bias, residual, mask, scale]) => ({
    code: `let pre = ${value} + ${bias};`,
    results: [
      `select(pre, vec4f(), pre < vec4f()) + ${residual} * ${scale}`,
      `pre * vec4f(${mask})`,
    ],
  }),
}

/** The machine at hand, one with the table of a GPU, and one whose small limit folds the grid. */
const machines: Caps[] = [
  caps,
  { ...caps, kind: 'discrete' },
  { ...caps, maxWorkgroupsPerDimension: 2 },
]

/** All shapes that are checked, with the schedules that can compute them. */
const shapes: Record<string, Conv> = {
  '1×1 map, 1→1': conv([1, 1, 1], [1, 1], [1, 1]),
  'odd 3→16 3×3': conv([2, 7, 5], [3, 16], [3, 3]),
  'prime 13→11 3×3': conv([1, 11, 13], [13, 11], [3, 3]),
  '8→8 3×3': conv([2, 9, 17], [8, 8], [3, 3]),
  '12→9 5×5 stride 2': conv([1, 13, 11], [12, 9], [5, 5], { stride: [2, 2] }),
  '16→3 stride 3, 2': conv([3, 10, 9], [16, 3], [3, 2], { stride: [3, 2] }),
  'dilation beyond the map': conv([1, 5, 6], [8, 16], [3, 3], { dilation: [7, 12] }),
  'dilation 4, stride 2': conv([2, 12, 9], [8, 20], [3, 3], { dilation: [4, 3], stride: [2, 2] }),
  'asymmetric padding': conv([1, 6, 8], [4, 12], [4, 3], { pad: [2, 1, 0, 3] }),
  'padding beyond the kernel': conv([1, 3, 4], [8, 4], [2, 2], { pad: [3, 4, 5, 2] }),
  '1→16 7×7 stride 2': conv([1, 15, 14], [1, 16], [7, 7], { stride: [2, 2], pad: [3, 3, 3, 3] }),
  '16→1 1×1': conv([2, 5, 5], [16, 1], [1, 1]),
  '1×1 stride 2 (empty phases)': conv([1, 8, 7], [8, 24], [1, 1], { stride: [2, 2] }),
  'wide 40→72 1×7': conv([1, 4, 19], [40, 72], [1, 7]),
  'map 1×37': conv([1, 1, 37], [24, 40], [1, 3]),
}

/** Tiles that no machine is offered, for their odd sizes. */
const oddTiles: Tile[] = [
  { schedule: 'direct', rows: 1, cols: 1, lanes: 64 },
  { schedule: 'direct', rows: 5, cols: 3, lanes: 2 },
]
const oddWeightTiles: WeightTile[] = [
  { schedule: 'registers', cols: 1, lanes: 64, subgroup: 0, splits: 1 },
  { schedule: 'registers', cols: 3, lanes: 8, subgroup: 0, splits: 5 },
]

/** Each tile that this machine is offered and what the others take, with the machine. (test/ops/conv-configurations.test.ts has all
 * of the others.) */
function offered<T extends Tile | WeightTile>(
  odd: readonly T[],
  candidates: (caps: Caps) => readonly T[],
): { tile: T; machine: Caps }[] {
  const all = [
    ...odd.map((tile) => ({ tile, machine: caps })),
    ...candidates(caps).map((tile) => ({ tile, machine: caps })),
    ...machines.map((machine) => ({ tile: candidates(machine)[0], machine })),
  ]
  const key = (o: (typeof all)[number]) =>
    `${tileName(o.tile)} ${o.machine.maxWorkgroupsPerDimension}`
  return [...new Map(all.map((o) => [key(o), o])).values()]
}

const GUARD = 77.25
let checks = 0
let wrong = 0
let worst = 0
function compare(name: string, got: Float32Array, want: Reference, start = 0) {
  checks++
  let at = -1
  for (let i = 0; i < got.length; i++) {
    const inside = i >= start && i < start + want.value.length
    const target = inside ? want.value[i - start] : GUARD
    const error = Math.abs(got[i] - target) / (inside ? Math.max(want.bound[i - start], 1e-30) : 1)
    if (inside) worst = Math.max(worst, error)
    // Written so that a NaN is wrong too.
    if (!(error <= (inside ? 1e-5 : 0)) && at < 0) at = i
  }
  if (at < 0) return
  wrong++
  console.log(`  WRONG ${name}: [${at - start}] is ${got[at]}, expected ${want.value[at - start]}`)
}

/** `data` after `start` elements that no kernel may use. */
const shifted = (data: Float32Array, start: number) => {
  const out = new Float32Array(start + data.length).fill(Number.NaN)
  out.set(data, start)
  return out
}
const guarded = (length: number) => new Float32Array(length + 8).fill(GUARD)

async function checkForward(name: string, geometry: Geometry) {
  const { x, w, y } = sizesOf(geometry)
  const data = [noise(x), noise(w)]
  const want = gather(geometry, data[0], data[1])
  const problem = { xAccess: 'read_write', wAccess: 'read', yAccess: 'read_write' } as const
  const g = { ...geometry, xStart: 8, yStart: 4 }
  const inputs = [shifted(data[0], 8), data[1]]
  const plain = { ...problem, ...g, tail: identityTail }
  for (const { tile, machine } of offered(oddTiles, (m) => forwardCandidates(g, m))) {
    const [got] = await runner.run(forwardRecipe(plain, machine, tile), inputs, [guarded(y)])
    compare(`${name} ${tileName(tile)}`, got, want, 4)
  }
  await checkTail(name, { ...plain, tail }, inputs, want)
}

async function checkTail(
  name: string,
  problem: ForwardProblem,
  inputs: Float32Array[],
  raw: Reference,
) {
  const bias = noise(problem.cout)
  const residual = noise(raw.value.length)
  const mask = Uint8Array.from(raw.value, (_, i) => (i * 7) % 5)
  const bytes = new Uint8Array(4 * Math.ceil((mask.length + 4) / 4))
  bytes.set(mask, 4)
  const add = (v: number, i: number) => v + bias[i % problem.cout]
  const bound = raw.bound.map((b, i) => 4 * (b + Math.abs(bias[i % problem.cout]) + 1))
  const value = raw.value.map(add)
  const relu = value.map((v, i) => Math.max(v, 0) + residual[i] * 0.5)
  const masked = value.map((v, i) => v * mask[i])
  const outputs = [guarded(value.length), guarded(value.length)]
  const extra = [bias, shifted(residual, 4), new Uint32Array(bytes.buffer), Float32Array.of(0.5)]
  for (const machine of machines) {
    const recipe = forwardRecipe(problem, machine)
    const got = await runner.run(recipe, [...inputs, ...extra], outputs)
    compare(`${name} tail 0`, got[0], { value: relu, bound }, 4)
    compare(`${name} tail 1`, got[1], { value: masked, bound }, 4)
  }
}

async function checkWeightGrad(name: string, geometry: Geometry) {
  const { x, w, y } = sizesOf(geometry)
  const data = [noise(x), noise(y)]
  const want = weightGrad(geometry, data[0], data[1])
  const g = { ...geometry, xStart: 8, yStart: 4 }
  const problem = { ...g, xAccess: 'read', dyAccess: 'read_write', dwAccess: 'read_write' } as const
  const inputs = [shifted(data[0], 8), shifted(data[1], 4)]
  for (const { tile, machine } of offered(oddWeightTiles, (m) => weightCandidates(g, m))) {
    const [got] = await runner.run(weightGradRecipe(problem, machine, tile), inputs, [guarded(w)])
    compare(`${name} ${tileName(tile)}`, got, want)
  }
}

async function check() {
  for (const [name, c] of Object.entries(shapes)) {
    await checkForward(`${name}, forward`, convGeometry(c))
    await checkForward(`${name}, input gradient`, inputGradGeometry(c))
    await checkWeightGrad(`${name}, weight gradient`, convGeometry(c))
  }
  await checkForward('matmul 5 × 7·9·11', matmulGeometry(7, 9, 11, 5))
  await checkForward('matmul 3 × 13·16·8', matmulGeometry(13, 16, 8, 3))
  const shared = { batch: 4, period: 4, xBatch: 48, xOuter: 0, wBatch: 0, wOuter: 0 }
  await checkForward('matmul, one w for all', matmulGeometry(6, 8, 12, shared))
  const crossed = { batch: 6, period: 3, xBatch: 0, xOuter: 48, wBatch: 96, wOuter: 0 }
  await checkForward('matmul, 2 × 3 that broadcast', matmulGeometry(6, 8, 12, crossed))
  await checkWeightGrad('matmul 37·9·6', matmulGeometry(37, 9, 6))
  const state = wrong || runner.errors() ? `${wrong} WRONG, ${runner.errors()} errors` : 'all right'
  console.log(`${checks} checks, ${state}, worst error ${worst.toExponential(1)} of Σ|x·w|`)
}

console.log(`${runner.info.description} (${caps.kind}), subgroups of ${caps.subgroupSize}`)
if (mode !== 'time') await check()
if (mode !== 'check') await timeAll(runner, wanted)
process.exit(wrong || runner.errors() ? 1 : 0)
