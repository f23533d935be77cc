// What was measured until now: losses step by step and scores of held-out images. A long run keeps fewer points, not none.

import type { TrainEvent } from '../../../train/index.ts'

export interface Curves {
  /** Steps of the points, and the mean loss since the point before. */
  readonly steps: readonly number[]
  readonly losses: readonly number[]
  /** The same, averaged over about the last thirtieth of the run. */
  readonly smooth: readonly number[]
  /** Of each look at the held-out images. */
  readonly scoreSteps: readonly number[]
  readonly meanIoU: readonly number[]
  readonly accuracy: readonly number[]
}

export const noCurves: Curves = {
  ...{ steps: [], losses: [], smooth: [], scoreSteps: [], meanIoU: [], accuracy: [] },
}

/** Points of the losses that are kept at most. */
const MOST = 1200

/** With what an event tells. */
export function grown(curves: Curves, event: TrainEvent): Curves {
  if (event.kind === 'validation') {
    const { step, score, figures } = event
    const before = until(curves, step)
    return {
      ...curves,
      ...{
        scoreSteps: [...before.scoreSteps.filter((s) => s < step), step],
        meanIoU: [...at(before, 'meanIoU', step), score],
        accuracy: [...at(before, 'accuracy', step), figures['pixelAccuracy'] ?? 0],
      },
    }
  }
  if (event.kind !== 'step') return curves
  const steps = [...curves.steps, ...event.losses.map(({ step }) => step)]
  const losses = [...curves.losses, ...event.losses.map(({ value }) => value)]
  return { ...curves, ...smoothed(thinned(steps, losses)) }
}

const at = (curves: Curves, key: 'meanIoU' | 'accuracy', step: number) =>
  curves[key].filter((_, i) => curves.scoreSteps[i] < step)

/** What was measured up to a step: where a run goes on from, what came after it never was. */
export function until(curves: Curves, step: number): Curves {
  const count = curves.steps.filter((s) => s <= step).length
  const scores = curves.scoreSteps.filter((s) => s <= step).length
  return {
    steps: curves.steps.slice(0, count),
    losses: curves.losses.slice(0, count),
    smooth: curves.smooth.slice(0, count),
    scoreSteps: curves.scoreSteps.slice(0, scores),
    meanIoU: curves.meanIoU.slice(0, scores),
    accuracy: curves.accuracy.slice(0, scores),
  }
}

/** Pairs of points become one, where there are too many. */
function thinned(steps: number[], losses: number[]): { steps: number[]; losses: number[] } {
  if (steps.length <= MOST) return { steps, losses }
  const half = Array.from({ length: steps.length >> 1 }, (_, i) => 2 * i)
  return {
    steps: half.map((i) => steps[i + 1]),
    losses: half.map((i) => (losses[i] + losses[i + 1]) / 2),
  }
}

function smoothed({ steps, losses }: { steps: number[]; losses: number[] }) {
  const reach = Math.max(4, losses.length / 30)
  let [sum, weight] = [0, 0]
  const keep = 1 - 1 / reach
  const smooth = losses.map((loss) => {
    sum = keep * sum + loss
    weight = keep * weight + 1
    return sum / weight
  })
  return { steps, losses, smooth }
}
