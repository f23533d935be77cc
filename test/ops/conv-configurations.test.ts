// Every tile that some machine is offered gives what the float64 interpreter gives: a schedule changes a result by rounding
// at most. Those of this adapter always run, with one shape; `--slow` adds what GPUs are offered, and divided, scalar and
// split problems.

import * as assert from 'uvu/assert'
import { add, conv2d, grad, mul, relu, sum } from '../../engine/node.ts'
import {
  forwardCandidates,
  type Tile,
  tileName,
  type WeightTile,
  weightCandidates,
} from '../../shaders/conv/choice.ts'
import { convGeometry } from '../../shaders/conv/geometry.ts'
import type { Caps } from '../../shaders/kernel.ts'
import { agree, drawn, f32 } from '../agree.ts'
import { testDevice } from '../device.ts'
import { deviceWith } from '../engine/device-with.ts'
import { slowWanted, test } from '../harness.ts'

interface Case {
  readonly size: readonly [h: number, w: number]
  readonly channels: readonly [cin: number, cout: number]
  readonly stride?: number
}
const plain: Case = { size: [7, 9], channels: [16, 48] }
const hard: readonly Case[] = [
  { size: [8, 7], channels: [8, 20], stride: 2 },
  { size: [5, 6], channels: [12, 19] },
  { size: [3, 4], channels: [96, 32] },
]
const cases = slowWanted ? [plain, ...hard] : [plain]

/** A 3×3 convolution with a padding of 1: its operands, with its result's gradient, and its geometry. */
function shapesOf({ size: [h, w], channels: [cin, cout], stride = 1 }: Case) {
  const [oh, ow] = [Math.ceil(h / stride), Math.ceil(w / stride)]
  const steps = { strideY: stride, strideX: stride, dilationY: 1, dilationX: 1 }
  const conv = { n: 1, h, w, cin, oh, ow, cout, kh: 3, kw: 3, ...steps, padTop: 1, padLeft: 1 }
  return {
    types: [f32(1, h, w, cin), f32(3, 3, cin, cout), f32(1, oh, ow, cout)],
    forward: convGeometry(conv),
  }
}

/** How the keys of kernels with a tile begin, and of no other. */
function mark(family: 'conv' | 'convWeightGrad', tile: Tile | WeightTile): RegExp {
  const { schedule, cols, lanes } = tile
  if (schedule === 'registers')
    return new RegExp(`^${family}/${cols}x${lanes}s${tile.subgroup}/`, 'm')
  const name = schedule === 'subgroup' ? 'subgroup\\d+' : schedule
  const block = schedule === 'tile' ? `/${tile.across}x${tile.depth}` : ''
  return new RegExp(`^${family}/${name}/${tile.rows}x${cols}x${lanes}${block}/`, 'm')
}

const ofGpu = (maxWorkgroupStorage: number): Caps => ({
  ...{ kind: 'discrete', subgroupSize: 0, maxWorkgroupStorage, maxInvocations: 256 },
  ...{ maxWorkgroupsPerDimension: 65535, maxBindingBytes: 2 ** 27 },
})

/** Runs a case and its gradients with a forward and a weight tile, where the problem at hand can use them, and gives the keys
 * of the kernels. */
async function keysWith(c: Case, caps: Partial<Caps>, tile: string, weight: string) {
  const tuning = { tileFor: (family: string) => (family === 'forward' ? tile : weight) }
  const device = deviceWith(await testDevice(), { ...caps, tuning })
  const stride = c.stride ?? 1
  const { plan } = await agree(
    (x, w, t) => {
      const y = conv2d(x, w, { padding: 1, stride })
      return [y, ...grad(sum(mul(y, t)), [x, w])]
    },
    drawn(shapesOf(c).types),
    { device, what: `${tile}, ${weight}` },
  )
  return [...plan.kernels].join('\n')
}

function bothRan(keys: string, tile: Tile, weight: WeightTile): void {
  assert.match(keys, mark('conv', tile), `${tileName(tile)} ran`)
  assert.match(keys, mark('convWeightGrad', weight), `${tileName(weight)} ran`)
}

const title = ({ channels, stride = 1 }: Case) => `${channels.join('→')} stride ${stride}`

for (const c of cases)
  test(`conv configurations: this adapter, ${title(c)}`, async () => {
    const { caps } = await testDevice()
    const { forward } = shapesOf(c)
    const [tiles, weights] = [forwardCandidates(forward, caps), weightCandidates(forward, caps)]
    for (let i = 0; i < Math.max(tiles.length, weights.length); i++) {
      const [tile, weight] = [tiles[i % tiles.length], weights[i % weights.length]]
      const keys = await keysWith(c, {}, tileName(tile), tileName(weight))
      bothRan(keys, tile, weight)
    }
  })

for (const storage of [16384, 32768])
  test(
    `conv configurations: a GPU with ${storage} bytes of workgroup memory`,
    async () => {
      for (const c of cases) {
        const { forward } = shapesOf(c)
        const weights = weightCandidates(forward, ofGpu(storage))
        const tiles = forwardCandidates(forward, ofGpu(storage))
        for (const [i, tile] of tiles.entries()) {
          const weight = weights[i % weights.length]
          const keys = await keysWith(c, ofGpu(storage), tileName(tile), tileName(weight))
          bothRan(keys, tile, weight)
        }
      }
    },
    { slow: true, timeout: 3600 },
  )

test('conv configurations: channels that do not come in fours are copied', async () => {
  const types = [f32(1, 9, 8, 21), f32(3, 3, 21, 30), f32(30), f32(1, 9, 8, 30)]
  const { plan } = await agree((x, w, b, t) => {
    const y = relu(add(conv2d(relu(x), w, { padding: 1 }), b))
    return [y, ...grad(sum(mul(y, t)), [x, w, b])]
  }, drawn(types))
  assert.match([...plan.kernels].join('\n'), /^convPad/m)
})
