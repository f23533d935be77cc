// Times the convolution kernels on common shapes for bench/conv-kernels.ts.

import {
  forwardCandidates,
  type Tile,
  tileName,
  type WeightTile,
  weightCandidates,
} from '../shaders/conv/choice.ts'
import { type Conv, convGeometry, inputGradGeometry } from '../shaders/conv/geometry.ts'
import type { Geometry } from '../shaders/conv/index.ts'
import { forwardRecipe, weightGradRecipe } from '../shaders/conv/plan.ts'
import { type Caps, identityTail, type Recipe } from '../shaders/kernel.ts'
import { macsOf, sizesOf } from './conv-reference.ts'
import type { ConvRunner } from './conv-runner.ts'
import { conv, noise } from './conv-shapes.ts'

/** FRRN's narrow layers, those of a ResNet, and atrous ones. */
const timed: Record<string, Conv> = {
  '96×128 8→8': conv([1, 96, 128], [8, 8], [3, 3]),
  '96×128 16→16': conv([1, 96, 128], [16, 16], [3, 3]),
  '96×128 3→8': conv([1, 96, 128], [3, 8], [3, 3]),
  '96×128 8→11 1×1': conv([1, 96, 128], [8, 11], [1, 1]),
  '48×64 24→16': conv([1, 48, 64], [24, 16], [3, 3]),
  '12×16 32→32': conv([1, 12, 16], [32, 32], [3, 3]),
  '28×28 48→48': conv([1, 28, 28], [48, 48], [3, 3]),
  '28×28 96→96': conv([1, 28, 28], [96, 96], [3, 3]),
  '56×56 64→64': conv([1, 56, 56], [64, 64], [3, 3]),
  '28×28 128→128': conv([1, 28, 28], [128, 128], [3, 3]),
  '32×32 256→256 dilation 2': conv([1, 32, 32], [256, 256], [3, 3], { dilation: [2, 2] }),
  '32×32 256→21 dilation 12': conv([1, 32, 32], [256, 21], [3, 3], { dilation: [12, 12] }),
  '28×28 64→128 stride 2': conv([1, 28, 28], [64, 128], [3, 3], { stride: [2, 2] }),
  '14×14 256→64 1×1': conv([1, 14, 14], [256, 64], [1, 1]),
  '28×28 512→128 1×1': conv([1, 28, 28], [512, 128], [1, 1]),
  '128×128 3→64 7×7 stride 2': conv([1, 128, 128], [3, 64], [7, 7], {
    stride: [2, 2],
    pad: [3, 3, 3, 3],
  }),
  'product 1024³': conv([1, 1, 1024], [1024, 1024], [1, 1]),
}

async function timeOne(
  runner: ConvRunner,
  name: string,
  tile: Tile | WeightTile,
  macs: number,
  recipe: Recipe,
  sizes: number[],
  out: number,
) {
  const t = await runner.time(recipe, sizes.map(noise), [new Float32Array(out)])
  const rate = (ms: number) => ((2 * macs) / ms / 1e6).toFixed(2).padStart(8)
  const [{ grid }] = recipe.dispatches
  console.log(
    `${name.padEnd(38)} ${tileName(tile).padEnd(44)} ${rate(t.wall)} ${rate(t.cpu)} GFLOP/s wall, cpu` +
      `  ${t.wall.toFixed(2).padStart(8)} ms  first ${t.first.toFixed(0).padStart(5)} ms  grid ${grid}`,
  )
}

/** One line per case: the plan's choice; with `TILES` in the environment all candidates whose names contain one of its
 * comma-separated parts. */
const asked = (process.env['TILES'] ?? '').split(',').filter(Boolean)
const chosen = <T extends Tile | WeightTile>(tiles: readonly T[]): readonly T[] =>
  asked.length
    ? tiles.filter((tile) => asked.some((part) => tileName(tile).includes(part)))
    : tiles.slice(0, 1)

const forwardRecipes = (g: Geometry, caps: Caps) =>
  chosen(forwardCandidates(g, caps)).map((tile) => {
    const access = { xAccess: 'read_write', wAccess: 'read', yAccess: 'read_write' } as const
    return { tile, recipe: forwardRecipe({ ...g, ...access, tail: identityTail }, caps, tile) }
  })

const weightRecipes = (g: Geometry, caps: Caps) =>
  chosen(weightCandidates(g, caps)).map((tile) => {
    const access = {
      xAccess: 'read_write',
      dyAccess: 'read_write',
      dwAccess: 'read_write',
    } as const
    return { tile, recipe: weightGradRecipe({ ...g, ...access }, caps, tile) }
  })

const [FORWARD, INPUT, WEIGHT] = ['forward', 'dx', 'dw']

/** All that can be timed. */
export const timedNames: readonly string[] = Object.keys(timed).flatMap((name) =>
  [FORWARD, INPUT, WEIGHT].map((part) => `${name} ${part}`),
)

/** Times the cases of these names. */
export async function timeAll(runner: ConvRunner, names: ReadonlySet<string>) {
  for (const [name, c] of Object.entries(timed)) {
    const forward = convGeometry(c)
    const macs = macsOf(forward)
    const { x, w, y } = sizesOf(forward)
    for (const [what, g] of [
      [`${name} ${FORWARD}`, forward],
      [`${name} ${INPUT}`, inputGradGeometry(c)],
    ] as const) {
      if (!names.has(what)) continue
      const sizes = sizesOf(g)
      for (const { tile, recipe } of forwardRecipes(g, runner.caps))
        await timeOne(runner, what, tile, macs, recipe, [sizes.x, w], sizes.y)
    }
    if (!names.has(`${name} ${WEIGHT}`)) continue
    for (const { tile, recipe } of weightRecipes(forward, runner.caps))
      await timeOne(runner, `${name} ${WEIGHT}`, tile, macs, recipe, [x, y], w)
  }
}
