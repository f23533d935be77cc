// The objects of a picture as a list; the one under the pointer or the keyboard stands out in the picture.

import type { CSSProperties } from 'preact'
import type { ClassInfo } from '../../../train/index.ts'
import { classOf, colourOf, percent } from './look.ts'
import type { FoundObject } from './messages.ts'
import type { Marked } from './shown.tsx'

export function ObjectList({
  classes,
  objects,
  pixels,
  marked,
  onMark,
}: Marked & {
  classes: readonly ClassInfo[]
  objects: readonly FoundObject[]
  /** Of the picture. */
  pixels: number
}) {
  return (
    <div class="scroll objects">
      <table aria-label="Objects, the most confident first" onMouseLeave={() => onMark(-1)}>
        <thead>
          <tr>
            {['Object', 'Confidence', 'Top, left', 'Height × width', 'Area'].map((text) => (
              <th key={text} scope="col">
                {text}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {objects.map((object, i) => {
            const [top, left, bottom, right] = object.box
            return (
              <tr
                key={i}
                class={i === marked ? 'marked' : undefined}
                onMouseEnter={() => onMark(i)}
              >
                <td>
                  <button
                    type="button"
                    style={{ '--own': colourOf(i) } as CSSProperties}
                    onFocus={() => onMark(i)}
                    onBlur={() => onMark(-1)}
                    onClick={() => onMark(i)}
                  >
                    {classOf(classes, object)}
                  </button>
                </td>
                <td>{percent(object.score)}</td>
                <td>
                  {top}, {left}
                </td>
                <td>
                  {bottom - top} × {right - left}
                </td>
                <td>
                  {object.area.toLocaleString('en')} px ({percent(object.area / pixels)})
                </td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </div>
  )
}
