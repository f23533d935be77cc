// In training mode a ReLU or a max pool of a deep network meets values so close to a tie that rounding decides, and gradients
// jump by percents as one side or the other wins: the peer's float64 was on one side of each, and float32 may be on another.
// What is right can still be told from what is wrong. Parameters moved by a rounding unit, which changes everything else by
// as little, put the ties on other sides; where all was right but for the sides, some such run agrees in every number, within
// the tolerances as they are. A wrong gradient is wrong on every side.

import { show } from './check.ts'
import type { Comparisons } from './network-check.ts'
import type { Experiment, Start } from './network-run.ts'
import { recipeValues } from './recipe.ts'

/** How many starts near the given one are tried. With k ties one in 2^k is right; cases here have one to three. */
export const most = 32

/** What follows from gradients, and jumps where they do. */
const jumps = (name: string): boolean =>
  name.startsWith('grad_') || name.startsWith('d_input_') || name === 'loss_trajectory'

/** The comparisons of the start as it stands or, in training mode and where nothing but gradients is off there, of the
 * first one near it with which everything agrees; a remark tells then. */
export async function onOneSide(
  { train, start, parameters }: Experiment,
  attempt: (start: Start) => Promise<Comparisons>,
): Promise<{ comparisons: Comparisons; remark?: string }> {
  const comparisons = await attempt(start)
  const off = [...comparisons].filter(([, { problem }]) => problem)
  if (!train || !off.length || !off.every(([name]) => jumps(name))) return { comparisons }
  for (let trial = 1; trial <= most; trial++) {
    const near = await attempt(new Map([...start, ...nudged(start, parameters, trial)]))
    if ([...near.values()].some(({ problem }) => problem)) continue
    const asItStands = off.map(([name, { share }]) => `${name} ${show(share)}`).join(', ')
    const remark =
      `float32 is on another side of a tie (ReLU, max pool) than float64: gradients agree with ` +
      `parameters moved by up to a rounding unit (start ${trial} of ${most}); ` +
      `as they stand, in parts of the tolerance: ${asItStands}`
    return { comparisons: near, remark }
  }
  const remark = `float32 is not on another side of a tie than float64: none of ${most} starts near it agrees`
  return { comparisons, remark }
}

/** Parameters, each value moved to a neighbouring float32, up or down, or left. */
function nudged(start: Start, parameters: Experiment['parameters'], seed: number): Start {
  return new Map(
    parameters.map((variable, ordinal) => {
      const data = start.get(variable)!.slice()
      const draw = { ordinal, shape: [data.length], offset: 0, scale: 1.5 }
      const steps = recipeValues(seed, draw).data
      const bits = new Int32Array(data.buffer)
      steps.forEach((step, i) => {
        if (data[i]) bits[i] += Math.round(step)
      })
      return [variable, data]
    }),
  )
}
