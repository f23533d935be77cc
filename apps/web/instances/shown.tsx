// A picture with its objects over it: an outline each, and a word about it.

import type { CSSProperties } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import type { ClassInfo } from '../../../train/index.ts'
import { imageDataOf, type OpenedPicture } from '../ui/picture.ts'
import { classOf, colourOf, percent, summary } from './look.ts'
import type { FoundObject } from './messages.ts'

export interface Marked {
  /** Of the object that stands out; -1 where none does. */
  readonly marked: number
  readonly onMark: (index: number) => void
}

export function ShownPicture({
  picture,
  classes,
  objects,
  marked,
  onMark,
}: Marked & {
  picture: OpenedPicture
  classes: readonly ClassInfo[]
  objects: readonly FoundObject[]
}) {
  const { height, width, name } = picture
  const canvas = useRef<HTMLCanvasElement>(null)
  useEffect(() => {
    canvas.current?.getContext('2d')?.putImageData(imageDataOf(picture), 0, 0)
  }, [picture])
  const marks = marked >= 0 && marked < objects.length
  // The most confident on top, but for the one that stands out.
  const order = objects.map((_, i) => i).reverse()
  if (marks) order.push(...order.splice(order.indexOf(marked), 1))
  return (
    <figure
      class={marks ? 'over marks' : 'over'}
      style={{ '--height': height, '--width': width } as CSSProperties}
    >
      <div aria-hidden="true">
        <canvas ref={canvas} width={width} height={height} />
      </div>
      <svg
        viewBox={`0 0 ${width} ${height}`}
        role="img"
        aria-label={`${name}, ${summary(classes, objects)}`}
        onMouseLeave={() => onMark(-1)}
      >
        {order.map((i) => (
          // biome-ignore lint/a11y/noStaticElementInteractions: the list does the same, for keyboards too
          <path
            key={i}
            d={objects[i].outline}
            class={i === marked ? 'marked' : undefined}
            style={{ '--own': colourOf(i) } as CSSProperties}
            onMouseEnter={() => onMark(i)}
          />
        ))}
      </svg>
      <div class="words" aria-hidden="true">
        {order.map((i) => (
          <span
            key={i}
            class={i === marked ? 'marked' : undefined}
            style={placeOf(objects[i], i, picture)}
          >
            <b>{classOf(classes, objects[i])}</b> {percent(objects[i].score)}
          </span>
        ))}
      </div>
    </figure>
  )
}

function placeOf({ box }: FoundObject, index: number, { height, width }: OpenedPicture) {
  const [top, left, bottom, right] = box
  return {
    '--own': colourOf(index),
    '--y': (top + bottom) / 2 / height,
    '--x': (left + right) / 2 / width,
  } as CSSProperties
}
