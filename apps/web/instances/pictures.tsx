// Where pictures come from: files of a person, or scenes that are drawn here.

import { useRef, useState } from 'preact/hooks'
import { crowdScenes } from '../../../train/index.ts'
import type { DroppedFile } from '../ui/dropped-files.ts'
import { Button, Card, DropZone } from '../ui/parts.tsx'
import { type OpenedPicture, openPicture } from '../ui/picture.ts'
import { type Problem, ProblemBox, problemOf } from '../ui/problem.tsx'

/** Probabilities of 21 classes at as many pixels take 88 MB of the device. */
const MOST_PIXELS = 2 ** 20

export function Pictures({
  size,
  count,
  onPictures,
  onClear,
}: {
  /** Of drawn scenes. */
  size: readonly [height: number, width: number]
  count: number
  onPictures: (pictures: readonly OpenedPicture[]) => void
  onClear: () => void
}) {
  const [problem, setProblem] = useState<Problem>()
  const scenes = useRef(0)
  const take = async (files: readonly DroppedFile[]) => {
    const opened = await Promise.allSettled(
      files.map(({ file }) => openPicture(file, file.name, MOST_PIXELS)),
    )
    const bad = opened.find((one) => one.status === 'rejected')
    setProblem(bad && problemOf(bad.reason))
    onPictures(opened.flatMap((one) => (one.status === 'fulfilled' ? one.value : [])))
  }
  const draw = async () => {
    const [height, width] = size
    const index = scenes.current++
    const { image } = await crowdScenes({ split: 'test', height, width }).get(index)
    onPictures([{ name: `crowd-${index + 1}.png`, data: image, height, width }])
  }
  return (
    <Card
      title="Pictures"
      aside={count > 0 && <Button onPress={onClear}>Remove {count === 1 ? 'it' : 'all'}</Button>}
    >
      <DropZone label="Drop pictures, or choose them" accept="image/*" multiple onFiles={take}>
        <strong>Drop pictures</strong>
        <span>or choose them; they stay on this machine</span>
      </DropZone>
      {problem && <ProblemBox problem={problem} onClose={() => setProblem(undefined)} />}
      <Button onPress={draw}>Draw a crowded scene</Button>
    </Card>
  )
}
