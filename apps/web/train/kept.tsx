// What is kept of trainings: the run that was left, and checkpoints by name.

import { useCallback, useEffect, useState } from 'preact/hooks'
import { type CheckpointInfo, openCheckpoint } from '../../../train/index.ts'
import { listFiles, openFolder, readFile, removeFile } from '../opfs.ts'
import { remember } from '../segment/remembered.ts'
import { aboutCheckpoint, CHECKPOINTS } from '../ui/checkpoints.ts'
import { Button, Card, Field } from '../ui/parts.tsx'
import { download } from '../ui/picture.ts'
import { bytes, whole } from './figures.tsx'
import { forgetKept, isBusy, keptCurves, type RunState, run } from './run.ts'
import { freeName, SNAPSHOT, TRAINING } from './run-store.ts'
import type { Settings } from './settings.ts'

interface Left {
  readonly info: CheckpointInfo
  readonly written: number
}

/** Offers to go on with the run that was left, as by a tab that was closed. */
export function LeftRun({ status, settings }: { status: RunState['status']; settings: Settings }) {
  const [left, setLeft] = useState<Left>()
  const resting = status === 'idle' || status === 'stopped'
  useEffect(() => {
    if (resting) leftRun().then(setLeft, () => setLeft(undefined))
  }, [resting])
  if (!left || !resting) return null
  const { progress, model, recipe } = left.info
  const { steps, minutes } = recipe as { steps?: number; minutes?: number }
  const over = steps === undefined ? progress.seconds >= 60 * minutes! : progress.step >= steps
  if (over) return null
  const goOn = async () => {
    const curves = await keptCurves()
    await run.begin(() => run.call.goOn({ kept: true }, settings), curves)
  }
  return (
    <Card title="A run was left here">
      <p>
        {model.name}, at step {whole(progress.step)}
        {steps ? ` of ${whole(steps)}` : minutes ? ` of ${minutes} minutes` : ''}, kept{' '}
        {new Date(left.written).toLocaleString()}. A new run takes its place.
      </p>
      <div class="row">
        <Button main onPress={goOn}>
          Go on from step {whole(progress.step)}
        </Button>
        <Button
          onPress={async () => {
            await run.attempt(async () => {
              await forgetKept()
              setLeft(undefined)
            })
          }}
        >
          Forget it
        </Button>
      </div>
    </Card>
  )
}

async function leftRun(): Promise<Left | undefined> {
  const file = await readFile(await openFolder(TRAINING), SNAPSHOT)
  return file && { info: (await openCheckpoint(file, SNAPSHOT)).info, written: file.lastModified }
}

interface KeptCheckpoint {
  readonly name: string
  readonly bytes: number
  readonly about: string
}

/** Keeps what is learned under a name, and what was kept before. */
export function Checkpoints({ state, settings }: { state: RunState; settings: Settings }) {
  const [list, setList] = useState<readonly KeptCheckpoint[]>([])
  const [own, setName] = useState<string>()
  const refresh = useCallback(() => {
    keptCheckpoints().then(setList, () => {})
  }, [])
  useEffect(refresh, [refresh, state.saved])
  const { status, kept, saved } = state
  const busy = isBusy(status) || state.looking !== undefined
  // What was just saved stays under its name; what was learned since takes another's place only where a person says so.
  const name =
    own ??
    (saved && saved.step === kept
      ? saved.name
      : freeName(
          settings.data,
          list.map((one) => one.name),
        ))
  const save = async () => {
    const done = await run.save(name)
    if (done) setName(undefined)
    return done
  }
  return (
    <Card title="Checkpoints">
      {kept !== undefined && (
        <form
          class="row save"
          onSubmit={(event) => {
            event.preventDefault()
            void save()
          }}
        >
          <Field name="Name">
            <input
              type="text"
              value={name}
              onInput={({ currentTarget }) => setName(currentTarget.value)}
            />
          </Field>
          <button type="submit">Save</button>
          <Button
            onPress={async () => {
              if (await save()) await run.attempt(() => toSegment(name.trim()))
            }}
          >
            Use it on Segment
          </Button>
        </form>
      )}
      {saved && (
        <p role="status">
          Kept as {saved.name}, at step {whole(saved.step)}.
        </p>
      )}
      {list.length ? (
        <ul class="kept">
          {list.map((one) => (
            <li key={one.name}>
              <span>
                <strong>{one.name}</strong>
                <small>
                  {one.about}, {bytes(one.bytes)}
                </small>
              </span>
              <span class="row">
                <Button
                  disabled={busy}
                  label={`Train ${one.name} on`}
                  onPress={() => run.begin(() => run.call.goOn({ name: one.name }, settings))}
                >
                  Train on
                </Button>
                <Button
                  label={`Download ${one.name}`}
                  onPress={() => run.attempt(() => downloaded(one.name))}
                >
                  Download
                </Button>
                <Button
                  label={`Delete ${one.name}`}
                  onPress={() =>
                    run.attempt(async () => {
                      await removeFile(await openFolder(CHECKPOINTS), `${one.name}${ENDING}`)
                      refresh()
                    })
                  }
                >
                  Delete
                </Button>
              </span>
            </li>
          ))}
        </ul>
      ) : (
        <p class="soft">
          None yet. What is saved here stays in this browser, and is on Segment’s list.
        </p>
      )}
    </Card>
  )
}

const ENDING = '.safetensors'

/** Segment opens with the network that was chosen last, which is this one then. */
async function toSegment(name: string): Promise<void> {
  const file = await readFile(await openFolder(CHECKPOINTS), `${name}${ENDING}`)
  if (file) await remember({ source: { from: 'file', file }, isKept: true })
  location.hash = 'segment'
}

async function downloaded(name: string): Promise<void> {
  const file = await readFile(await openFolder(CHECKPOINTS), `${name}${ENDING}`)
  if (file) download(file, file.name)
}

async function keptCheckpoints(): Promise<KeptCheckpoint[]> {
  const folder = await openFolder(CHECKPOINTS)
  const all = (await listFiles(folder)).filter(({ name }) => name.endsWith(ENDING))
  const known = await Promise.allSettled(
    all.map(async (one) => {
      const file = await readFile(folder, one.name)
      const about = aboutCheckpoint((await openCheckpoint(file!, one.name)).info)
      return { name: one.name.slice(0, -ENDING.length), bytes: one.bytes, about }
    }),
  )
  return known.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
}
