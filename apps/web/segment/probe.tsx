// What is at a pixel: under the pointer, where a finger tapped, or where the arrow keys have moved to.

import type { ComponentChildren, TargetedKeyboardEvent, TargetedPointerEvent } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { Button, Progress } from '../ui/parts.tsx'
import type { Reading } from './types.ts'
import type { Segment } from './use-segment.ts'

interface Spot {
  readonly y: number
  readonly x: number
}

const moves: Readonly<Record<string, Spot>> = {
  ArrowUp: { y: -1, x: 0 },
  ArrowDown: { y: 1, x: 0 },
  ArrowLeft: { y: 0, x: -1 },
  ArrowRight: { y: 0, x: 1 },
}

export function Probe({ segment, children }: { segment: Segment; children: ComponentChildren }) {
  const { result, network, worker, progress } = segment
  const [spot, setSpot] = useState<Spot>()
  /** What was found, and where. */
  const [reading, setReading] = useState<{ spot: Spot; found: Reading | undefined }>()
  const wanted = useRef<Spot>(undefined)
  const asking = useRef(false)
  const { height = 1, width = 1 } = result ?? {}

  /** One question at a time: of those that come meanwhile the last. */
  const ask = async (at: Spot | undefined) => {
    wanted.current = at
    setSpot(at)
    if (!at) setReading(undefined)
    if (asking.current) return
    asking.current = true
    while (wanted.current) {
      const spot = wanted.current
      wanted.current = undefined
      const found = await worker.current!.call.read(spot.y, spot.x).catch(() => undefined)
      if (!wanted.current) setReading({ spot, found })
    }
    asking.current = false
  }
  useEffect(() => {
    // Of another picture, or another network, the same place is another pixel.
    if (spot) ask(spot.y < height && spot.x < width ? spot : undefined)
  }, [result])

  const point = (event: TargetedPointerEvent<HTMLElement>) => {
    const { left, top, width: w, height: h } = event.currentTarget.getBoundingClientRect()
    const inside = (n: number, count: number) => Math.max(0, Math.min(count - 1, Math.floor(n)))
    const y = inside(((event.clientY - top) / h) * height, height)
    const x = inside(((event.clientX - left) / w) * width, width)
    if (spot?.y !== y || spot.x !== x) ask({ y, x })
  }
  const press = (event: TargetedKeyboardEvent<HTMLElement>) => {
    const move = moves[event.key]
    if (event.key === 'Escape') ask(undefined)
    if (!move) return
    event.preventDefault()
    const far = event.shiftKey ? 10 : 1
    const from = spot ?? { y: Math.floor(height / 2), x: Math.floor(width / 2) }
    const kept = (n: number, count: number) => Math.max(0, Math.min(count - 1, n))
    ask({ y: kept(from.y + far * move.y, height), x: kept(from.x + far * move.x, width) })
  }
  const names = network?.classes.map(({ name }) => name) ?? []
  const found = reading?.spot === spot ? reading?.found : undefined
  const aspect = { '--aspect': String(width / height) } as Record<string, string>
  return (
    <div class="probe">
      <div
        class={result ? 'stage' : 'stage none'}
        style={aspect}
        role="application"
        aria-label="Pixels of the picture: the arrow keys read them, with Shift ten further"
        tabIndex={result ? 0 : undefined}
        onPointerMove={result && point}
        onPointerDown={result && point}
        onKeyDown={result && press}
      >
        {children}
        {spot && result && (
          <span
            class="spot"
            aria-hidden="true"
            style={{
              top: `${(100 * (spot.y + 0.5)) / height}%`,
              left: `${(100 * (spot.x + 0.5)) / width}%`,
            }}
          />
        )}
      </div>
      {result && progress && <Working segment={segment} />}
      {result && !progress && (
        <output class="reading" aria-live="polite">
          {spot
            ? `Row ${spot.y}, column ${spot.x}${found ? `: ${told(found, names)}` : ''}`
            : 'Point at a pixel, or focus the picture and use the arrow keys.'}
        </output>
      )}
    </div>
  )
}

/** How far what runs is; what may take long can be stopped. */
export function Working({ segment: { progress, stop } }: { segment: Segment }) {
  if (!progress) return null
  const { stops, ...rest } = progress
  return (
    <div class="working">
      <Progress {...rest} />
      {stops && <Button onPress={stop}>Stop</Button>}
    </div>
  )
}

function told({ class: kind, likeliest }: Reading, names: readonly string[]): string {
  if (!likeliest.length) return names[kind] ?? `class ${kind}`
  return likeliest
    .map(([c, p]) => `${names[c] ?? `class ${c}`} ${(100 * p).toFixed(1)} %`)
    .join(', ')
}
