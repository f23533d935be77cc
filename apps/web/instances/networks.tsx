// The two networks: chosen among those that are kept, or dropped together and put where they belong.

import { useState } from 'preact/hooks'
import {
  aboutCheckpoint,
  type Checkpoints,
  type KnownCheckpoint,
  tellsBoxes,
} from '../ui/checkpoints.ts'
import { Card, Choice, type DroppedFile, DropZone } from '../ui/parts.tsx'
import { type Problem, ProblemBox, problemOf } from '../ui/problem.tsx'

export interface Pair {
  readonly semantic: KnownCheckpoint | undefined
  readonly localization: KnownCheckpoint | undefined
}

const tells: Record<keyof Pair, string> = {
  semantic: 'says what each pixel is',
  localization: 'says where the object of a pixel is, and how large',
}

export function Networks({
  checkpoints,
  pair,
  onPair,
}: {
  checkpoints: Checkpoints
  pair: Pair
  onPair: (pair: Pair) => void
}) {
  const [problem, setProblem] = useState<Problem>()
  const take = async (files: readonly DroppedFile[]) => {
    try {
      const added = await checkpoints.add(files)
      const [semantic, localization] = [false, true].map((boxes) =>
        added.find(({ info }) => tellsBoxes(info) === boxes),
      )
      setProblem(undefined)
      onPair({
        semantic: semantic ?? pair.semantic,
        localization: localization ?? pair.localization,
      })
    } catch (error) {
      setProblem(problemOf(error))
    }
  }
  const choice = (name: string, role: keyof Pair, boxes: boolean) => {
    const of = checkpoints.list.filter(({ info }) => tellsBoxes(info) === boxes)
    const chosen = pair[role]
    return (
      <Choice
        name={name}
        value={chosen?.key ?? ''}
        options={[
          { value: '', text: of.length ? 'Choose one' : 'None here yet' },
          ...of.map(({ key, name: file, info }) => ({
            value: key,
            text: `${file} (${info.model.name})`,
          })),
        ]}
        disabled={!of.length}
        note={chosen ? aboutCheckpoint(chosen.info) : tells[role]}
        onChange={(key) => onPair({ ...pair, [role]: of.find((one) => one.key === key) })}
      />
    )
  }
  return (
    <Card title="Two networks">
      <DropZone
        label="Drop both checkpoints, or choose them"
        accept=".safetensors"
        multiple
        onFiles={take}
      >
        <strong>Drop both checkpoints</strong>
        <span>or choose them: .safetensors, in either order</span>
      </DropZone>
      {problem && <ProblemBox problem={problem} onClose={() => setProblem(undefined)} />}
      {choice('Category net', 'semantic', false)}
      {choice('Localization net', 'localization', true)}
    </Card>
  )
}
