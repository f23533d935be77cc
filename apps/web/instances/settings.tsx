// The numbers of the pipeline, for those who want to see what they do. Networks need not look again for another one.

import { useEffect, useMemo, useState } from 'preact/hooks'
import { type InstanceSettings, instanceSettings } from '../../../train/index.ts'
import { Button, Card, Slider } from '../ui/parts.tsx'

type Tuned = Pick<InstanceSettings, 'masks' | 'threshold' | 'overlap' | 'leastCells'>

const { masks, threshold, overlap, leastCells } = instanceSettings()
const defaults: Tuned = { masks, threshold, overlap, leastCells }

export interface SettingsState {
  readonly now: Tuned
  /** What `now` is once it has not changed for a moment. */
  readonly settled: Tuned
  /** What it begins with. */
  readonly first: Tuned
  readonly set: (to: Tuned) => void
}

/** `chosen` is the overlap of boxes that a search found for the networks: where there is one, that is the first. */
export function useSettings(chosen: number | undefined): SettingsState {
  const first = useMemo(() => ({ ...defaults, threshold: chosen ?? threshold }), [chosen])
  const [now, set] = useState(first)
  const [settled, setSettled] = useState(first)
  useEffect(() => {
    const waiting = setTimeout(() => setSettled(now), 250)
    return () => clearTimeout(waiting)
  }, [now])
  useEffect(() => {
    // One object for both: what is settled does not change again later.
    const begun = { ...now, threshold: first.threshold }
    set(begun)
    setSettled(begun)
  }, [first])
  return { now, settled, first, set }
}

const sliders = [
  ['threshold', 'Overlap of boxes', 0.05, 0.95, 0.05],
  ['overlap', 'Overlap of regions', 0, 1, 0.05],
  ['leastCells', 'Least size, in cells', 1, 64, 1],
  ['masks', 'Classes of a pixel', 1, 5, 1],
] as const

export function PipelineSettings({ now, first, set }: SettingsState) {
  const changed = sliders.some(([key]) => now[key] !== first[key])
  return (
    <Card>
      <details>
        <summary>How boxes become objects</summary>
        <div class="stack">
          <p class="soft">
            Boxes of a class that overlap more belong to one object, and of its regions that overlap
            more the surer one stays. A cell is 2 × 2 pixels; of a pixel the likeliest classes
            count.
          </p>
          {sliders.map(([key, name, min, max, step]) => (
            <Slider
              key={key}
              {...{ name, min, max, step }}
              value={now[key]}
              text={max > 1 ? `${now[key]}` : now[key].toFixed(2)}
              onChange={(value) => set({ ...now, [key]: value })}
            />
          ))}
          <Button onPress={() => set(first)} disabled={!changed}>
            As it was
          </Button>
        </div>
      </details>
    </Card>
  )
}
