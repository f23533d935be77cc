// Which pictures: files, what was copied, drawn scenes, or the camera.

import { useEffect } from 'preact/hooks'
import type { DroppedFile } from '../ui/dropped-files.ts'
import { Button, Card, DropZone } from '../ui/parts.tsx'
import { ProblemBox } from '../ui/problem.tsx'
import { WEIGHTS } from './network.tsx'
import type { Segment } from './use-segment.ts'

export function PicturesCard({ segment }: { segment: Segment }) {
  const { pictures, current, setCurrent, add, addScene, filming, film, stopFilming } = segment
  const { problems, say, load, rate } = segment
  const files = (dropped: readonly { readonly file: File }[]) => {
    const all = dropped.map(({ file }) => file)
    const weights = all.find(isWeights)
    if (weights) load({ source: { from: 'file', file: weights } })
    const rest = all.filter((file) => !isWeights(file))
    add(
      rest,
      rest.map(({ name }) => name),
    )
  }
  useEffect(() => {
    const pasted = (event: ClipboardEvent) => {
      const given = [...(event.clipboardData?.files ?? [])]
      if (given.length) files(given.map((file) => ({ file })))
    }
    addEventListener('paste', pasted)
    return () => removeEventListener('paste', pasted)
  }, [])
  return (
    <Card title="Picture">
      <DropZone
        label="Drop pictures, choose some, or paste one"
        accept={`image/*,${WEIGHTS}`}
        multiple
        onFiles={(dropped: readonly DroppedFile[]) => files(dropped)}
      />
      <div class="row">
        <Button onPress={addScene}>Draw a street</Button>
        {filming ? (
          <Button onPress={stopFilming} pressed>
            Stop the camera
          </Button>
        ) : (
          <Button onPress={film}>Camera</Button>
        )}
      </div>
      {filming && rate > 0 && <p class="soft">{frames(rate)}</p>}
      {problems.camera && (
        <ProblemBox problem={problems.camera} onClose={() => say('camera', undefined)} />
      )}
      {pictures.length > 0 && (
        <ul class="thumbs" aria-label="Pictures">
          {pictures.map(({ key, name, url }) => (
            <li key={key}>
              <button
                type="button"
                aria-pressed={key === current && !filming}
                aria-label={name}
                title={name}
                onClick={() => {
                  stopFilming()
                  setCurrent(key)
                }}
              >
                <img src={url} alt="" />
              </button>
            </li>
          ))}
        </ul>
      )}
    </Card>
  )
}

const frames = (rate: number): string =>
  rate < 1
    ? `${rate.toFixed(2)} frames a second`
    : `${rate < 9.5 ? rate.toFixed(1) : Math.round(rate)} frames a second`

const isWeights = ({ name }: File): boolean =>
  WEIGHTS.split(',').some((ending) => name.toLowerCase().endsWith(ending))
