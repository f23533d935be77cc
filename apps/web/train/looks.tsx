// The same few held-out images again and again: what they show, what is true of them, and what the network says of them now.

import { useEffect, useMemo, useRef } from 'preact/hooks'
import { type ClassInfo, colourLabels, type Picture } from '../../../train/index.ts'
import { Table } from '../ui/parts.tsx'
import { imageDataOf } from '../ui/picture.ts'
import { percent } from './figures.tsx'
import type { Look } from './messages.ts'
import type { RunState } from './run.ts'

export function Looks({ looks, classes }: Pick<RunState, 'looks' | 'classes'>) {
  return (
    <ul class="looks">
      {looks.map((look) => (
        <OneLook key={look.name} look={look} classes={classes} />
      ))}
    </ul>
  )
}

function OneLook({ look, classes }: { look: Look; classes: readonly ClassInfo[] }) {
  const { name, height, width } = look
  // Drawn again when they are others, not at every step that is told.
  const { image, truth, answer, right } = useMemo(() => picturesOf(look, classes), [look, classes])
  return (
    <li>
      <Drawn picture={image} label={`${name}: the image`}>
        image
      </Drawn>
      <Drawn picture={truth} label={`${name}: its true classes`}>
        truth
      </Drawn>
      {answer ? (
        <Drawn
          picture={answer}
          label={`${name}: what the network says, ${percent(right!)} of its pixels right`}
        >
          network, {percent(right!)}
        </Drawn>
      ) : (
        <figure class="empty">
          <div style={{ aspectRatio: `${width} / ${height}` }} />
          <figcaption>network</figcaption>
        </figure>
      )}
    </li>
  )
}

function picturesOf({ height, width, image, truth, answer }: Look, classes: readonly ClassInfo[]) {
  const coloured = (labels: Uint8Array) => colourLabels(labels, height, width, classes)
  return {
    image: { data: image, height, width },
    truth: coloured(truth),
    answer: answer && coloured(answer),
    right: answer && shareRight(truth, answer),
  }
}

interface DrawnProps {
  readonly picture: Picture
  readonly label: string
  readonly children: preact.ComponentChildren
}

function Drawn({ picture, label, children }: DrawnProps) {
  const canvas = useRef<HTMLCanvasElement>(null)
  useEffect(() => {
    canvas.current!.getContext('2d')!.putImageData(imageDataOf(picture), 0, 0)
  }, [picture])
  return (
    <figure>
      <canvas
        ref={canvas}
        width={picture.width}
        height={picture.height}
        role="img"
        aria-label={label}
      />
      <figcaption>{children}</figcaption>
    </figure>
  )
}

/** Of the pixels that have a class. */
function shareRight(truth: Uint8Array, answer: Uint8Array): number {
  let [right, all] = [0, 0]
  truth.forEach((label, i) => {
    if (label === 255) return
    all++
    if (label === answer[i]) right++
  })
  return all ? right / all : 0
}

export function Classes({ state: { classes, validation } }: { state: RunState }) {
  const scores = new Map(validation?.perClass?.map(({ name, iou }) => [name, iou]))
  return (
    <Table
      caption={validation && `Of the held-out images at step ${validation.step}`}
      head={['Class', 'IoU', '']}
      rows={classes.map((info) => {
        const iou = scores.get(info.name)
        return [
          <span key="name" class="class">
            <Swatch info={info} />
            {info.name}
          </span>,
          iou === undefined ? '–' : percent(iou),
          <meter key="bar" min={0} max={1} value={iou ?? 0} aria-label={`IoU of ${info.name}`} />,
        ]
      })}
    />
  )
}

function Swatch({ info: { colour } }: { info: ClassInfo }) {
  return <i class="swatch" style={{ background: `rgb(${colour.join(' ')})` }} aria-hidden="true" />
}
