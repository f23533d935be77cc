// The classes, their colours, and how much of the picture each takes.

import type { ClassInfo } from '../../../train/index.ts'
import { Card } from '../ui/parts.tsx'
import type { Result, View } from './types.ts'

export interface LegendProps {
  readonly classes: readonly ClassInfo[]
  readonly result: Result | undefined
  readonly view: View
  /** The largest first; in their own order where they would not stand still. */
  readonly sorted: boolean
  readonly onClass: (kind: number | undefined) => void
}

export function Legend({ classes, result, view, sorted, onClass }: LegendProps) {
  const areas = result?.areas ?? []
  const all = areas.reduce((a, b) => a + b, 0)
  const order = classes.map((_, c) => c)
  if (sorted && all) order.sort((a, b) => areas[b] - areas[a] || a - b)
  const chosen = view.mode === 'scores' ? view.class : undefined
  return (
    <Card title="Classes" aside={result?.hasScores && <small>press one for its probability</small>}>
      <div class="scroll">
        <table class="areas">
          <thead>
            <tr>
              <th scope="col">Class</th>
              <th scope="col">Share</th>
              <th scope="col">Pixels</th>
            </tr>
          </thead>
          <tbody>
            {order.map((c) => {
              const share = all ? areas[c] / all : 0
              return (
                <tr key={c} class={all && !areas[c] ? 'absent' : undefined}>
                  <th scope="row">
                    <button
                      type="button"
                      class="class"
                      disabled={!result?.hasScores}
                      aria-pressed={c === chosen}
                      onClick={() => onClass(c === chosen ? undefined : c)}
                    >
                      <span class="swatch" style={{ background: `rgb(${classes[c].colour})` }} />
                      {classes[c].name}
                    </button>
                  </th>
                  <td>
                    {all ? (
                      <>
                        <span class="bar" aria-hidden="true">
                          {share > 0 && (
                            <i
                              style={{
                                width: `${100 * share}%`,
                                background: `rgb(${classes[c].colour})`,
                              }}
                            />
                          )}
                        </span>
                        <span class="share">{(100 * share).toFixed(1)} %</span>
                      </>
                    ) : (
                      ''
                    )}
                  </td>
                  <td>{all ? areas[c].toLocaleString('en') : ''}</td>
                </tr>
              )
            })}
          </tbody>
        </table>
      </div>
    </Card>
  )
}
