// How fast the fully connected CRF is, and how far from the CRF by the letter: a drawn street of 500×500 pixels, 21 classes, 10
// iterations, with each of the published parameters; and small streets against exactCrf. Processor seconds beside the clock, since
// a software adapter shares its cores with whatever else runs.
//
//   node dist/bench/crf.js [--rounds 3] [--size 500x500] [--classes 21] [--iterations 10] [--published NAME] [--quick]
//                          [--picture FILE] [--adapter lavapipe|swiftshader|hardware]
//
// --quick leaves out the comparison with exactCrf. --picture takes a photograph for the street, at its own size.

import { OptionError } from '../engine/errors.ts'
import { hostTensor, log, neg, openDevice, reshape, type Tensor } from '../engine/node.ts'
import { exactCrf } from '../train/crf/exact.ts'
import { Crf, type CrfOptions, type CrfPublished, crfPublished } from '../train/crf/index.ts'
import { buildLattice } from '../train/crf/lattice.ts'
import { readImage } from '../train/pictures/images.ts'
import { crfScene, difference } from './crf-scene.ts'
import { adapter, choice, flag, given, sizes, text, whole } from './options.ts'

const published = Object.keys(crfPublished) as CrfPublished[]
const { values } = given({
  rounds: whole(3),
  size: sizes('HxW', undefined),
  classes: whole(21),
  iterations: whole(10),
  published: choice(published, undefined),
  picture: text(undefined),
  quick: flag,
  adapter,
})
const { rounds, classes, iterations } = values
if (values.size && values.picture !== undefined)
  throw new OptionError('a picture has its own size', 'leave out --size or --picture')
const photo = values.picture === undefined ? undefined : await readImage(values.picture)
const [height, width] = photo ? [photo.height, photo.width] : (values.size ?? [500, 500])
const names = values.published ? [values.published] : published

using device = await openDevice({ adapter: values.adapter })
using crf = new Crf(device)
console.log(device.line)

const median = (xs: readonly number[]) => [...xs].sort((a, b) => a - b)[xs.length >> 1]
const seconds = (xs: readonly number[]) => `${median(xs).toFixed(2)} s`

console.log(
  `\n${height}×${width}, ${classes} classes, ${iterations} iterations; medians of ${rounds} runs after a first\n`,
)
const { picture, probabilities } = crfScene(height, width, classes, 1)
const p = hostTensor(probabilities, [1, height, width, classes])
const seen = photo ?? picture
for (const published of names) {
  const [clock, processor, host]: number[][] = [[], [], []]
  let points = 0
  for (let round = 0; round <= rounds; round++) {
    const begun = performance.now()
    const used = process.cpuUsage()
    const q = await crf.refine(p, seen, { published, iterations })
    await q.read()
    q.dispose()
    const { user, system } = process.cpuUsage(used)
    const built = process.cpuUsage()
    const { thetaAlpha: position, thetaBeta: colour } = crfPublished[published]
    points = buildLattice(seen.data, height, width, { position, colour }).points
    if (round === 0) continue
    host.push(process.cpuUsage(built).user / 1e6)
    clock.push((performance.now() - begun) / 1000 - host[host.length - 1])
    processor.push((user + system) / 1e6)
  }
  const lattice = `lattice of ${points} points in ${seconds(host)}`
  console.log(
    `${published.padEnd(21)} ${seconds(clock)} by the clock, ${seconds(processor)} of processors; ${lattice}`,
  )
}

if (!values.quick) await compare(48, 64, 6, [1, 2])

/** Against exactCrf on small streets: what the accuracy is. */
async function compare(h: number, w: number, c: number, seeds: readonly number[]): Promise<void> {
  console.log(`\nagainst exactCrf, streets of ${h}×${w}, ${c} classes, ${iterations} iterations\n`)
  for (const normalisation of ['symmetric', 'none'] as const)
    for (const published of names)
      for (const seed of seeds) {
        const options: CrfOptions = { published, iterations, normalisation }
        const scene = crfScene(h, w, c, seed)
        using program = device.compile((scores: Tensor, rgb: Tensor) => {
          const steps = exactCrf(neg(log(scores)), rgb, options)
          return reshape(steps[steps.length - 1], [h * w, c])
        })
        using exact = await program.run(
          hostTensor(scene.probabilities, [h, w, c]),
          hostTensor(scene.picture.data, [h, w, 3]),
        )
        using q = await crf.refine(
          hostTensor(scene.probabilities, [1, h, w, c]),
          scene.picture,
          options,
        )
        const truth = (await exact.read()) as Float32Array
        const { most, mean, other } = difference((await q.read()) as Float32Array, truth, c)
        const { other: changed } = difference(scene.probabilities, truth, c)
        const figures = [
          `|Δp| at most ${most.toFixed(3)}, on average ${mean.toFixed(5)}`,
          `another class ${(100 * other).toFixed(2)} % (the CRF changes ${(100 * changed).toFixed(1)} %)`,
        ]
        console.log(
          `${normalisation.padEnd(9)} ${published.padEnd(21)} ${seed}  ${figures.join(', ')}`,
        )
      }
}
