// How fast instances come from probabilities and boxes: a picture of 500×500 pixels, 20 classes of objects and background. Processor
// seconds beside the clock, since a software adapter shares its cores with whatever else runs.
//
//   node dist/bench/instances.js [--rounds 5] [--size 500x500] [--classes 20] [--things 12] [--step 2] [--masks 3]
//                                [--adapter lavapipe|swiftshader|hardware]
//
// Scenes: `things`, ellipses of a few classes whose scores and boxes are off by noise, as networks' are, the other classes close to
// nothing everywhere; `noise`, scores and boxes of no sense, so that nearly everything survives: the worst that networks can do.

import { hostTensor, openDevice } from '../engine/node.ts'
import { randomFrom } from '../engine/reference/index.ts'
import { InstancePipeline } from '../train/instances/index.ts'
import { adapter, given, sizes, whole } from './options.ts'

const { values } = given({
  rounds: whole(5),
  size: sizes('HxW', [500, 500]),
  classes: whole(20),
  things: whole(12, 0),
  step: whole(2),
  masks: whole(3),
  adapter,
})
const {
  rounds,
  classes,
  things,
  step,
  masks,
  size: [height, width],
} = values
const STRIDE = 8

using device = await openDevice({ adapter: values.adapter })
console.log(device.line)
using pipeline = new InstancePipeline(device, { step, masks })

const median = (xs: readonly number[]) => [...xs].sort((a, b) => a - b)[xs.length >> 1]
const seconds = (xs: readonly number[]) => `${median(xs).toFixed(2)} s`

console.log(
  `\n${height}×${width}, ${classes} classes, a cell each ${step} pixels, ${masks} masks; medians of ${rounds} runs after a first\n`,
)
for (const [name, scene] of [
  ['things', ordered()],
  ['noise', disordered()],
] as const) {
  const [clock, processor]: number[][] = [[], []]
  let found = 0
  for (let round = 0; round <= rounds; round++) {
    const [begun, used] = [performance.now(), process.cpuUsage()]
    const grid = { stride: STRIDE, offset: STRIDE / 2, sigma: 64 }
    found = (await pipeline.run(...scene, grid)).length
    const { user, system } = process.cpuUsage(used)
    if (round === 0) continue
    clock.push((performance.now() - begun) / 1000)
    processor.push((user + system) / 1e6)
  }
  console.log(
    `${name.padEnd(8)} ${seconds(clock)} by the clock, ${seconds(processor)} of processors; ${found} instances`,
  )
}

function tensors(probabilities: Float32Array, boxes: Float32Array) {
  const [h, w] = [height, width].map((n) => Math.ceil(n / STRIDE))
  return [
    hostTensor(probabilities, [1, height, width, classes + 1]),
    hostTensor(boxes, [1, h, w, 4 * classes]),
  ] as const
}

function ordered() {
  const random = randomFrom(1)
  const made = Array.from({ length: things }, (_, i) => ({
    ...{ class: 1 + (i % 4), y: height * random(), x: width * random() },
    ...{ a: height * (0.06 + 0.12 * random()), b: width * (0.06 + 0.12 * random()) },
  }))
  const at = (y: number, x: number) =>
    made.findLast((t) => ((y - t.y) / t.a) ** 2 + ((x - t.x) / t.b) ** 2 < 1)
  const p = new Float32Array(height * width * (classes + 1))
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++, i += classes + 1) {
      const own = at(y, x)?.class ?? 0
      let rest = 0
      for (let k = 0; k <= classes; k++) {
        p[i + k] = k === own ? 0 : (0.2 * random()) / classes
        rest += p[i + k]
      }
      p[i + own] = 1 - rest
    }
  const boxes: number[] = []
  for (let y = STRIDE / 2; y < height + STRIDE / 2; y += STRIDE)
    for (let x = STRIDE / 2; x < width + STRIDE / 2; x += STRIDE) {
      const thing = at(y, x) ?? { y, x, a: 20, b: 20 }
      const off = () => 8 * (random() - 0.5)
      for (let k = 0; k < classes; k++)
        boxes.push(
          ...[thing.y - y, thing.x - x, 2 * thing.a, 2 * thing.b].map((v) => (v + off()) / 64),
        )
    }
  return tensors(p, fitted(boxes))
}

function disordered() {
  const random = randomFrom(2)
  const p = Float32Array.from({ length: height * width * (classes + 1) }, random)
  const [h, w] = [height, width].map((n) => Math.ceil(n / STRIDE))
  const boxes = Float32Array.from({ length: h * w * 4 * classes }, (_, i) =>
    i % 4 < 2 ? random() - 0.5 : 2 * random(),
  )
  return tensors(p, boxes)
}

/** As many cells as the grid has. */
function fitted(boxes: readonly number[]): Float32Array {
  const cells = Math.ceil(height / STRIDE) * Math.ceil(width / STRIDE)
  return Float32Array.from(boxes.slice(0, cells * 4 * classes))
}
