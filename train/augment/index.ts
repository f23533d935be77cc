// Augmentation: steps as plain data, applied to an example one after the other. What is drawn depends on the keys alone, so a
// resumed run sees the same pictures; and each step draws from keys of its own, so that a step more changes no other's draws.

import type { Example } from '../dataset.ts'
import { hashKeys, permutation, Random } from '../random.ts'
import { checkedOnce, stepNames } from './checks.ts'
import {
  anywhere,
  centred,
  cropped,
  padded,
  regionScaled,
  sizedRegion,
  whereEntropy,
} from './crop.ts'
import { type Drawn, type Frame, frameOf, numbersOf } from './frame.ts'
import { JITTERS, jittered, lit, normal } from './jitter.ts'
import { checkShift, flipped, translated } from './place.ts'
import { proportional, type Scaling, scaled } from './resize.ts'
import { rotated } from './rotate.ts'
import type { AugmentStep, Options, StepName } from './steps.ts'
import { subsampled } from './subsample.ts'
import { gammaExponent, hueTurned, saturated, toned } from './tone.ts'

export { checkSteps, stepNames } from './checks.ts'
export type { Drawn } from './frame.ts'
export type { AugmentStep, StepName } from './steps.ts'
export { gammaExponent } from './tone.ts'

/** An example after augmentation; all arrays are the caller's own. */
export interface Augmented {
  readonly name: string
  /** RGB in [0, 1], [height, width, 3]. */
  readonly image: Float32Array
  /** [height, width], 255 is void. Where the example has labels that are not one a pixel, those, unchanged. */
  readonly labels: Uint8Array
  /** [height, width], 0 for none, where the example has them. */
  readonly instances?: Uint16Array
  readonly height: number
  readonly width: number
  /** What each step drew, in order. */
  readonly drawn: readonly Drawn[]
}

interface Applied {
  readonly frame: Frame
  /** What the frame is still to be brought to. */
  readonly scaling?: Scaling
  readonly values?: Drawn['values']
}

/** `scaling` is what a step before has left to be done, for those that can do with a part of it. */
type Apply<N extends StepName> = (
  frame: Frame,
  options: Options<N>,
  random: Random,
  scaling: Scaling | undefined,
) => Applied

const applied: { readonly [N in StepName]: Apply<N> } = {
  translate: (frame, { pixels }, random) => {
    checkShift(frame, pixels)
    const dy = random.int(-pixels, pixels)
    const dx = random.int(-pixels, pixels)
    return { frame: translated(frame, dy, dx), values: { dy, dx } }
  },
  gamma: (frame, { range }, random) => {
    const gamma = gammaExponent(random.uniform(-range, range))
    return { frame: toned(frame, gamma), values: { gamma } }
  },
  subsample: (frame, { factor }) => ({ frame: subsampled(frame, factor) }),
  rotate: (frame, range, random) => {
    const degrees = random.uniform(-range.degrees, range.degrees)
    return { frame: rotated(frame, degrees), values: { degrees } }
  },
  saturation: (frame, { range }, random) => {
    const factor = random.uniform(...range)
    return { frame: saturated(frame, factor), values: { factor } }
  },
  hue: (frame, range, random) => {
    const degrees = random.uniform(-range.degrees, range.degrees)
    return { frame: hueTurned(frame, degrees), values: { degrees } }
  },
  flip: (frame, { chance }, random) => {
    const flip = random.chance(chance)
    return { frame: flip ? flipped(frame) : frame, values: { flip } }
  },
  resize: (frame, { longer, shorter, range, filter }, random) => {
    const side = longer === undefined ? 'shorter' : 'longer'
    const size = longer ?? shorter
    // Products such as 0.7 · 500 may miss the whole number that they are.
    const low = Math.max(1, Math.ceil(range[0] * size - 1e-9))
    const target = random.int(low, Math.max(low, Math.floor(range[1] * size + 1e-9)))
    const to = proportional(frame, side, target)
    return { frame, scaling: { ...to, filter }, values: to }
  },
  crop: (frame, { size, at, padding }, random, scaling) => {
    const whole = scaling ?? frame
    if (at === 'entropy') {
      const ready = scaling ? scaled(frame, scaling) : frame
      const region = whereEntropy(ready, size, random)
      return { frame: cropped(ready, undefined, region, padding), values: placed(region) }
    }
    const region = at === 'centre' ? centred(whole, size) : anywhere(whole, size, random)
    return { frame: cropped(frame, scaling, region, padding), values: placed(region) }
  },
  pad: (frame, { size, padding }) => ({ frame: padded(frame, size, padding) }),
  sizedCrop: (frame, options, random) => {
    const region = sizedRegion(frame, options, random)
    return { frame: regionScaled(frame, region, options.size), values: { ...region } }
  },
  colourJitter: (frame, ranges, random) => {
    const jitters = JITTERS.map((name) => ({
      name,
      factor: random.uniform(1 - ranges[name], 1 + ranges[name]),
    }))
    const order = [...permutation(JITTERS.length, random.u32())].map((i) => jitters[i])
    return {
      frame: jittered(frame, order),
      values: Object.fromEntries(order.map(({ name, factor }) => [name, factor])),
    }
  },
  lighting: (frame, { deviation }, random) => {
    const [a, b, c] = [0, 1, 2].map(() => deviation * normal(random))
    return { frame: lit(frame, [a, b, c]), values: { a, b, c } }
  },
}

const placed = ({ top, left }: { top: number; left: number }) => ({ top, left })

/** Steps that take a size still to come. */
const takesScaling: ReadonlySet<StepName> = new Set<StepName>(['crop'])

/** An example after these steps, drawn by these keys. Pure: it depends on the arguments alone, and leaves the example as it is.
 * Throws DataError for an example that a step cannot be done to.
 * The draws of a step depend on the keys, on its name, and on how many steps of that name come before it. */
export function augment(
  example: Example,
  steps: readonly AugmentStep[],
  keys: readonly number[],
): Augmented {
  const { name } = example
  const drawn: Drawn[] = []
  const base = hashKeys(...keys)
  const before = new Map<StepName, number>()
  const first = frameOf(example)
  let frame = first
  let scaling: Scaling | undefined
  for (const step of checkedOnce(steps)) {
    const ordinal = before.get(step.name) ?? 0
    before.set(step.name, ordinal + 1)
    const random = new Random(base, nameKey(step.name), ordinal)
    if (scaling && !takesScaling.has(step.name)) {
      frame = scaled(frame, scaling)
      scaling = undefined
    }
    const apply = applied[step.name] as Apply<StepName>
    const done = apply(frame, step as never, random, scaling)
    frame = done.frame
    scaling = done.scaling
    drawn.push({ name: step.name, values: done.values ?? {} })
  }
  if (scaling) frame = scaled(frame, scaling)
  const { height, width, labels, instances } = frame
  return {
    name,
    image: numbersOf(frame),
    // What no step has made is still the reader's.
    labels: labels && labels !== first.labels ? labels : new Uint8Array(example.labels),
    ...(instances && {
      instances: instances === first.instances ? new Uint16Array(instances) : instances,
    }),
    height,
    width,
    drawn,
  }
}

/** Of the letters, so that a name keeps its draws whatever other names there come to be. */
const nameKeys = new Map(
  stepNames.map((name) => [name, hashKeys(...Array.from(name, (c) => c.charCodeAt(0)))]),
)
const nameKey = (name: StepName): number => nameKeys.get(name)!
