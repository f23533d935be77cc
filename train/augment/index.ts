// Augmentation: steps as plain data, applied to an example one after the other. What is drawn depends on the keys alone, so a
// resumed run sees the same pictures; and each step draws from keys of its own, so that a step more changes no other's draws.

import type { Example } from '../dataset.ts'
import { hashKeys, Random } from '../random.ts'
import { type Drawn, type Frame, frameOf, numbersOf } from './frame.ts'
import { flipped, translated } from './place.ts'
import { type AugmentStep, type Options, optionsOf, type StepName, stepNames } from './steps.ts'
import { gammaExponent, toned } from './tone.ts'

export type { Drawn } from './frame.ts'
export { type AugmentStep, checkSteps, type Fill, type StepName, stepNames } from './steps.ts'
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
  readonly values: Drawn['values']
}

type Apply<N extends StepName> = (frame: Frame, options: Options<N>, random: Random) => Applied

const applied: { readonly [N in StepName]: Apply<N> } = {
  translate: (frame, { pixels }, random) => {
    const dy = random.int(-pixels, pixels)
    const dx = random.int(-pixels, pixels)
    return { frame: translated(frame, dy, dx), values: { dy, dx } }
  },
  gamma: (frame, { range }, random) => {
    const gamma = gammaExponent(random.uniform(-range, range))
    return { frame: toned(frame, gamma), values: { gamma } }
  },
  flip: (frame, { chance }, random) => {
    const flip = random.chance(chance)
    return { frame: flip ? flipped(frame) : frame, values: { flip } }
  },
}

/** An example after these steps, drawn by these keys. Pure: it depends on the arguments alone, and leaves the example as it is.
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
  let frame = frameOf(example)
  for (const step of steps) {
    const ordinal = before.get(step.name) ?? 0
    before.set(step.name, ordinal + 1)
    const random = new Random(base, nameKey(step.name), ordinal)
    const apply = applied[step.name] as Apply<StepName>
    const { frame: next, values } = apply(frame, optionsOf(step) as never, random)
    frame = next
    drawn.push({ name: step.name, values })
  }
  const { height, width, labels = example.labels, instances } = frame
  return {
    name,
    image: numbersOf(frame),
    labels: labels === example.labels ? labels.slice() : labels,
    ...(instances && {
      instances: instances === example.instances ? instances.slice() : instances,
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
