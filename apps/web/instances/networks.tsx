// The two networks: chosen among those that are kept, or dropped together and put where they belong; and beside them what a search
// found to be the best overlap of boxes for them.

import { useState } from 'preact/hooks'
import { type ChosenOverlap, chosenOverlap } from '../../../train/index.ts'
import {
  aboutCheckpoint,
  type Checkpoints,
  type KnownCheckpoint,
  tellsBoxes,
} from '../ui/checkpoints.ts'
import type { DroppedFile } from '../ui/dropped-files.ts'
import { Card, Choice, DropZone } from '../ui/parts.tsx'
import { type Problem, ProblemBox, problemOf } from '../ui/problem.tsx'

export interface Pair {
  readonly semantic: KnownCheckpoint | undefined
  readonly localization: KnownCheckpoint | undefined
}

/** What a search found, and the key of the localization net that it was dropped with. */
export interface Search extends ChosenOverlap {
  readonly droppedWith?: string | undefined
}

/** Whether a search was for this localization net: the one beside it, or one of as many steps. */
export const isFor = ({ droppedWith, step }: Search, net: KnownCheckpoint | undefined): boolean =>
  droppedWith ? droppedWith === net?.key : step === net?.info.progress.step

const tells: Record<keyof Pair, string> = {
  semantic: 'says what each pixel is',
  localization: 'says where the object of a pixel is, and how large',
}

export function Networks({
  checkpoints,
  pair,
  search,
  onPair,
  onSearch,
}: {
  checkpoints: Checkpoints
  pair: Pair
  search: Search | undefined
  onPair: (change: (now: Pair) => Pair) => void
  onSearch: (search: Search) => void
}) {
  const [problem, setProblem] = useState<Problem>()
  const take = async (files: readonly DroppedFile[]) => {
    try {
      const record = files.find(isRecord)
      const found = record && chosenOverlap(await record.file.text(), record.file.name)
      const added = await checkpoints.add(files.filter((one) => !isRecord(one)))
      const semantic = added.find(({ info }) => !tellsBoxes(info))
      const nets = added.filter(({ info }) => tellsBoxes(info))
      const searched = nets.find(({ info }) => info.progress.step === found?.step)
      const localization = searched ?? nets[0]
      if (found) onSearch({ ...found, droppedWith: searched?.key })
      setProblem(undefined)
      // Another may have been chosen while files were read.
      onPair((now) => ({
        semantic: semantic ?? now.semantic,
        localization: localization ?? now.localization,
      }))
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
        onChange={(key) => onPair((now) => ({ ...now, [role]: of.find((one) => one.key === key) }))}
      />
    )
  }
  return (
    <Card title="Two networks">
      <DropZone
        label="Drop both checkpoints, or choose them"
        accept=".safetensors,.json"
        multiple
        onFiles={take}
      >
        <strong>Drop both checkpoints</strong>
        <span>or choose them: .safetensors, in either order</span>
      </DropZone>
      {problem && <ProblemBox problem={problem} onClose={() => setProblem(undefined)} />}
      {choice('Category net', 'semantic', false)}
      {choice('Localization net', 'localization', true)}
      {search && <Searched search={search} counts={isFor(search, pair.localization)} />}
    </Card>
  )
}

const isRecord = ({ file }: DroppedFile): boolean => file.name.toLowerCase().endsWith('.json')

/** What the record is for, and whether that is here. */
function Searched({ search, counts }: { search: Search; counts: boolean }) {
  const { threshold, split, step, droppedWith } = search
  const net = droppedWith ? 'that it was dropped with' : `of step ${step.toLocaleString('en')}`
  return (
    <p class="soft">
      {counts
        ? `Overlap of boxes ${threshold}, as a search on the ${split} split found.`
        : `instances.json is for the localization net ${net}: it counts when that one is chosen.`}
    </p>
  )
}
