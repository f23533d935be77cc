// The values that flow through a node, as the device computes them: how they are distributed, a few of them, and pictures of what is
// a picture.

import { useEffect, useRef, useState } from 'preact/hooks'
import { showType } from '../../../engine/dtype.ts'
import type { Device } from '../../../engine/index.ts'
import type { Node } from '../../../engine/tensor.ts'
import { Button, Progress } from '../ui/parts.tsx'
import { type Problem, ProblemBox, problemOf } from '../ui/problem.tsx'
import { pageDevice } from './device.ts'
import type { Explored } from './explored.ts'
import { type Looked, look } from './look.ts'
import { type Figures, figuresOf, planesOf, tableOf } from './value-figures.ts'

export function Values(props: {
  readonly device: Device | undefined
  readonly explored: Explored
  readonly node: Node
}) {
  const { device, explored, node } = props
  const [found, setFound] = useState<readonly Looked[]>()
  const [problem, setProblem] = useState<Problem>()
  const [asked, setAsked] = useState(false)
  const newest = useRef(0)
  const run = async () => {
    const mine = ++newest.current
    setProblem(undefined)
    setFound(undefined)
    try {
      const looked = await look(await pageDevice(), explored, node)
      if (mine === newest.current) setFound(looked)
    } catch (error) {
      if (mine !== newest.current) return
      // Of a device that went away the page tells by itself. It may be this run that ended it: the next one waits to be asked.
      if ((error as Error).name === 'DeviceLostError') setAsked(false)
      else setProblem(problemOf(error))
    }
  }
  // Once asked for, the values of each node that is chosen are shown.
  useEffect(() => {
    if (asked && device) run()
  }, [asked, device, node, explored])
  return (
    <section class="values">
      <h4>Values</h4>
      {!asked && (
        <Button onPress={() => setAsked(true)} disabled={!device}>
          Run, and look at this node
        </Button>
      )}
      {asked && !found && !problem && <Progress text="Running …" announced />}
      {problem && (
        <>
          <ProblemBox problem={problem} />
          <Button onPress={run}>Try again</Button>
        </>
      )}
      {found?.length === 0 && <p class="soft">Nothing of this node is ever stored.</p>}
      {found?.map((looked) => (
        <One key={`${looked.name} ${looked.what}`} looked={looked} />
      ))}
    </section>
  )
}

function One({ looked }: { looked: Looked }) {
  const { name, what, type, data } = looked
  const figures = figuresOf(data)
  const title = what === 'value' ? 'Value' : 'Cotangent'
  return (
    <figure class={`value ${what === 'value' ? 'forward' : 'backward'}`}>
      <figcaption>
        <strong>{title}</strong> <code>{showType(type)}</code> <small>{name} as traced</small>
      </figcaption>
      <dl class="few">
        {(['min', 'mean', 'max', 'deviation'] as const).map((key) => (
          <div key={key}>
            <dt>{key}</dt>
            <dd>{showNumber(figures[key])}</dd>
          </div>
        ))}
        {figures.strange > 0 && (
          <div class="bad">
            <dt>not finite</dt>
            <dd>{figures.strange}</dd>
          </div>
        )}
      </dl>
      {data.length > 1 && <Histogram figures={figures} />}
      <Pictures looked={looked} />
      <Numbers looked={looked} />
    </figure>
  )
}

export const showNumber = (x: number): string =>
  Number.isInteger(x) && Math.abs(x) < 1e6 ? `${x}` : `${+x.toPrecision(4)}`

function Histogram({ figures }: { figures: Figures }) {
  const { counts, min, max } = figures
  const most = Math.max(1, ...counts)
  const width = 260
  const each = width / counts.length
  return (
    <svg
      class="histogram"
      viewBox={`0 0 ${width} 74`}
      role="img"
      aria-label={`Histogram from ${showNumber(min)} to ${showNumber(max)}; the fullest bin has ${most}`}
    >
      {counts.map((n, i) => (
        <rect
          key={i}
          x={i * each + 0.5}
          width={each - 1}
          y={56 - (52 * n) / most}
          height={(52 * n) / most}
        />
      ))}
      {min < 0 && max > 0 && <path class="zero" d={`M${(-min / (max - min)) * width} 2V56`} />}
      <path class="base" d={`M0 56.5H${width}`} />
      <text x={0} y={70}>
        {showNumber(min)}
      </text>
      <text x={width} y={70} text-anchor="end">
        {showNumber(max)}
      </text>
    </svg>
  )
}

/** Channels of the first entry of [n, h, w, c]: dark below 0, bright above. */
function Pictures({ looked }: { looked: Looked }) {
  const planes = planesOf(looked)
  if (!planes.length) return null
  return (
    <div class="planes">
      {planes.map((plane, i) => (
        <Plane key={i} plane={plane} label={`channel ${i}`} />
      ))}
    </div>
  )
}

function Plane({ plane, label }: { plane: ImageData; label: string }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  useEffect(() => {
    canvas.current?.getContext('2d')?.putImageData(plane, 0, 0)
  }, [plane])
  return (
    <canvas
      ref={canvas}
      width={plane.width}
      height={plane.height}
      role="img"
      aria-label={label}
      title={label}
    />
  )
}

function Numbers({ looked }: { looked: Looked }) {
  const { rows, left } = tableOf(looked)
  return (
    <div class="scroll">
      <table class="numbers">
        <tbody>
          {rows.map((row, i) => (
            <tr key={i}>
              {row.map((x, k) => (
                <td key={k}>{showNumber(x)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {left > 0 && <small>and {left.toLocaleString('en')} more</small>}
    </div>
  )
}
