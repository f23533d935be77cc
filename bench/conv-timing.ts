// Times the convolution kernels on common shapes for bench/conv-kernels.ts.

import { type Conv, convGeometry, inputGradGeometry } from '../shaders/conv-geometry.ts'
import type { Geometry } from '../shaders/conv-index.ts'
import {
  chooseForward,
  chooseWeightGrad,
  forwardWith,
  type Tile,
  type WeightTile,
  weightGradRecipeOf,
  weightGradWith,
} from '../shaders/conv-plan.ts'
import { subgroupFits } from '../shaders/conv-subgroup.ts'
import { type Caps, identityTail, input, output, type Recipe, words } from '../shaders/kernel.ts'
import { macsOf, sizesOf } from './conv-reference.ts'
import type { ConvRunner } from './conv-runner.ts'
import { conv, noise } from './conv-shapes.ts'

/** FRRN's narrow layers, then one ResNet layer. */
const timed: Record<string, Conv> = {
  '96×128 8→8': conv([1, 96, 128], [8, 8], [3, 3]),
  '96×128 16→16': conv([1, 96, 128], [16, 16], [3, 3]),
  '96×128 3→8': conv([1, 96, 128], [3, 8], [3, 3]),
  '96×128 8→11 1×1': conv([1, 96, 128], [8, 11], [1, 1]),
  '48×64 8→8': conv([1, 48, 64], [8, 8], [3, 3]),
  '48×64 24→16': conv([1, 48, 64], [24, 16], [3, 3]),
  '24×32 16→16': conv([1, 24, 32], [16, 16], [3, 3]),
  '12×16 32→32': conv([1, 12, 16], [32, 32], [3, 3]),
  '28×28 48→48': conv([1, 28, 28], [48, 48], [3, 3]),
  '28×28 96→96': conv([1, 28, 28], [96, 96], [3, 3]),
  '28×28 128→128': conv([1, 28, 28], [128, 128], [3, 3]),
  '28×28 64→128 stride 2': conv([1, 28, 28], [64, 128], [3, 3], { stride: [2, 2] }),
  '14×14 256→64 1×1': conv([1, 14, 14], [256, 64], [1, 1]),
}

async function timeOne(
  runner: ConvRunner,
  name: string,
  macs: number,
  recipe: Recipe,
  sizes: number[],
  out: number,
) {
  const t = await runner.time(recipe, sizes.map(noise), [new Float32Array(out)])
  const rate = (ms: number) => ((2 * macs) / ms / 1e6).toFixed(2).padStart(8)
  const [{ kernel, grid }] = recipe.dispatches
  const tile = kernel.key.split('/').slice(0, 3).join(' ')
  console.log(
    `${name.padEnd(38)} ${tile.padEnd(26)} ${rate(t.wall)} ${rate(t.cpu)} GFLOP/s wall, cpu` +
      `  ${t.wall.toFixed(2).padStart(8)} ms  first ${t.first.toFixed(0).padStart(5)} ms  grid ${grid}`,
  )
}

const sweepTiles = (process.env['TILES'] ?? '').split(' ').filter(Boolean)

/** `TILES="direct:4x2x8 subgroup:2x4x8 tile:8x2x64x8x16"` times these in place of the plan's choice; weight tiles
 * are cols x lanes x splits with `weight:` or `weightsub:`. */
function forwardChoices(g: Geometry, caps: Caps) {
  const access = { xAccess: 'read_write', wAccess: 'read', yAccess: 'read_write' } as const
  const problem = { ...g, ...access, tail: identityTail }
  const asked = sweepTiles.flatMap((text): Tile[] => {
    const [schedule, size] = text.split(':')
    const [rows, cols, lanes, across, depth] = (size ?? '').split('x').map(Number)
    if (schedule === 'tile')
      return g.cin % 4 ? [] : [{ schedule, rows, cols, lanes, across, depth }]
    if (schedule !== 'direct' && schedule !== 'subgroup') return []
    if (schedule === 'subgroup' && !subgroupFits(g.cin, caps.subgroupSize, lanes)) return []
    return [{ schedule, rows, cols, lanes }]
  })
  if (!sweepTiles.length) return [chooseForward(problem, caps)]
  return asked.map((t) => forwardWith(problem, t, caps))
}

function weightChoices(g: Geometry, caps: Caps) {
  const access = { xAccess: 'read_write', dyAccess: 'read_write', dwAccess: 'read_write' } as const
  const problem = { ...g, ...access }
  const asked = sweepTiles.flatMap((text): WeightTile[] => {
    const [schedule, size] = text.split(':')
    if (!schedule.startsWith('weight')) return []
    const [cols, lanes, splits] = size.split('x').map(Number)
    const subgroup = schedule === 'weightsub' ? caps.subgroupSize : 0
    return [{ schedule: 'registers', cols, lanes, splits, subgroup }]
  })
  const choices = sweepTiles.length
    ? asked.map((t) => weightGradWith(problem, t, caps))
    : [chooseWeightGrad(problem, caps)]
  return choices.map((c) => weightGradRecipeOf(problem, c, caps))
}

/** One line per case: the plan's choice, or what TILES asks for. */
export async function timeAll(runner: ConvRunner, only: string) {
  for (const [name, c] of Object.entries(timed)) {
    const forward = convGeometry(c)
    const gradient = inputGradGeometry(c)
    const macs = macsOf(forward)
    const { x, w, y } = sizesOf(forward)
    for (const [what, g] of [
      ['forward', forward],
      ['dx', gradient],
    ] as const) {
      if (!`${name} ${what}`.includes(only)) continue
      for (const { kernel, params, grid } of forwardChoices(g, runner.caps)) {
        const buffers = [input(0), input(1), output(0)]
        const step = { kernel, buffers, params: words(...params), grid }
        const sizes = sizesOf(g)
        await timeOne(
          runner,
          `${name} ${what}`,
          macs,
          { scratch: [], dispatches: [step] },
          [sizes.x, w],
          sizes.y,
        )
      }
    }
    if (!`${name} dw`.includes(only)) continue
    for (const recipe of weightChoices(forward, runner.caps))
      await timeOne(runner, `${name} dw`, macs, recipe, [x, y], w)
  }
}
