// What was found in a picture: seen, listed, and saved.

import { useEffect, useMemo, useState } from 'preact/hooks'
import type { ClassInfo } from '../../../train/index.ts'
import { Button, Card, Figures, Progress, Slider } from '../ui/parts.tsx'
import { download } from '../ui/picture.ts'
import { type Problem, ProblemBox, problemOf } from '../ui/problem.tsx'
import type { Finder, Shown } from './finder.ts'
import { Guide } from './guide.tsx'
import { classOf, percent } from './look.ts'
import type { FoundObject } from './messages.ts'
import { ObjectList } from './objects.tsx'
import { overlayPng } from './save.ts'
import { ShownPicture } from './shown.tsx'

interface ResultProps {
  readonly finder: Finder
  /** The picture that is shown. */
  readonly one: Shown | undefined
  readonly onShow: (key: string) => void
  /** Whether there are two networks to look with. */
  readonly chosen: boolean
  /** Of the least region that counts. */
  readonly cells: number
}

/** Of `FoundObject`s, none. */
const NONE: readonly FoundObject[] = []

export function Result({ finder, one, onShow, chosen, cells }: ResultProps) {
  const { classes, doing, problem, shown } = finder
  const [least, setLeast] = useState(0.5)
  const [marked, setMarked] = useState(-1)
  const all = one?.found?.objects ?? NONE
  const objects = useMemo(() => all.filter(({ score }) => score >= least), [all, least])
  useEffect(() => setMarked(-1), [one?.key, objects])
  return (
    <div class="stack">
      <Card title={one?.picture.name ?? 'What is found'} aside={<Around finder={finder} />}>
        {problem && (
          <>
            <ProblemBox problem={problem} />
            {problem.kind === 'DeviceLostError' && (
              <div class="row">
                <Button main onPress={finder.again}>
                  Open it again
                </Button>
              </div>
            )}
          </>
        )}
        {doing && <Progress text={doing} announced />}
        {one?.failed && <ProblemBox problem={one.failed} />}
        {one ? (
          <ShownPicture
            {...{ picture: one.picture, classes, objects, marked }}
            onMark={setMarked}
          />
        ) : (
          chosen && (
            <p class="soft">Drop a picture, or have a scene drawn: its objects appear here.</p>
          )
        )}
        {!chosen && <Guide />}
        {shown.length > 1 && (
          <nav class="row" aria-label="Pictures that are open">
            {shown.map(({ key, picture, failed }) => (
              <Button key={key} pressed={key === one?.key} onPress={() => onShow(key)}>
                {picture.name}
                {failed && ' (failed)'}
              </Button>
            ))}
          </nav>
        )}
        {one?.found && (
          <>
            <Slider
              name="Least confidence"
              {...{ value: least, min: 0, max: 1, step: 0.01 }}
              text={`${percent(least)}: ${objects.length} of ${all.length}`}
              onChange={setLeast}
            />
            {!objects.length && <p role="status">{nothing(all, least, cells, classes)}</p>}
            <Timing one={one} />
          </>
        )}
      </Card>
      {objects.length > 0 && one && (
        <Card title="Objects" aside={<Save {...{ finder, one, objects, least }} />}>
          <ObjectList
            {...{ classes, objects, marked }}
            pixels={one.picture.height * one.picture.width}
            onMark={setMarked}
          />
        </Card>
      )}
    </div>
  )
}

/** The device, once there is one. */
function Around({ finder: { opened } }: { finder: Finder }) {
  return opened ? <small class="mono">{opened.device}</small> : null
}

function Timing({ one: { picture, found } }: { one: Shown }) {
  const { networks, objects } = found!.seconds
  const time = (s: number) => (s < 0.95 ? `${Math.round(1000 * s)} ms` : `${s.toFixed(1)} s`)
  const { height, width, from } = picture
  return (
    <Figures
      figures={[
        ['Picture', `${height} × ${width} pixels${from ? `, of ${from.join(' × ')}` : ''}`],
        ['Both networks', networks < 1e-3 ? 'looked before' : time(networks)],
        ['Objects from them', time(objects)],
      ]}
    />
  )
}

function nothing(
  all: readonly FoundObject[],
  least: number,
  cells: number,
  classes: readonly ClassInfo[],
): string {
  const [first] = all
  if (!first)
    return `No object was found: no region of ${cells} cells or more is anything but ${classes[0].name}.`
  return `Nothing of ${percent(least)} or more: the surest of ${all.length} is ${classOf(classes, first)}, of ${percent(first.score)}.`
}

function Save({
  finder,
  one,
  objects,
  least,
}: {
  finder: Finder
  one: Shown
  objects: readonly FoundObject[]
  least: number
}) {
  const [problem, setProblem] = useState<Problem>()
  const saving = (work: () => Promise<void>) => () =>
    work().then(
      () => setProblem(undefined),
      (error) => setProblem(problemOf(error)),
    )
  const json = saving(async () => {
    const blob = new Blob([await finder.coco(least)], { type: 'application/json' })
    download(blob, 'instances.json')
  })
  const png = saving(async () => {
    const { picture } = one
    const blob = await overlayPng(picture, finder.classes, objects)
    download(blob, `${picture.name.replace(/\.[^.]*$/, '')}-instances.png`)
  })
  return (
    <div class="row">
      <Button onPress={json}>
        {finder.shown.length > 1 ? 'Save all as COCO JSON' : 'Save as COCO JSON'}
      </Button>
      <Button onPress={png}>Save picture</Button>
      {problem && <ProblemBox problem={problem} />}
    </div>
  )
}
