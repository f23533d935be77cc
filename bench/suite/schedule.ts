// What runs for a program, as the kernels' own keys say it: the schedule and tile of convolutions and matrix products, the name of
// any other kernel.

import type { Plan } from '../../engine/plan/plan.ts'

/** Each kernel once, in the order of the first dispatches: `conv tile 8x2x64 8x8, convSplitSum`. */
export function scheduleOf(plan: Plan): string {
  const names = plan.steps.flatMap(({ dispatches }) =>
    dispatches.map(({ dispatch }) => nameOf(dispatch.kernel.key)),
  )
  return [...new Set(names)].join(', ')
}

/** The words before those that tell how memory is read: of a tile sizes too, of other kernels letters alone. */
function nameOf(key: string): string {
  const words = key.split(/[/\s]/)
  const isTile = /^conv(WeightGrad)?$/.test(words[0])
  const belongs = isTile ? /^(?!vec|divided)[a-z\d]+$/i : /^(?!vec)[a-z]+$/i
  const end = words.findIndex((word) => !belongs.test(word))
  return words.slice(0, end < 0 ? undefined : end).join(' ')
}
