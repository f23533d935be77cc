// What is learned, by which network, and how: the choices before a run.

import { useState } from 'preact/hooks'
import { Choice, DropZone, Field, Progress } from '../ui/parts.tsx'
import type { FolderFound } from './messages.ts'
import { type RunState, run } from './run.ts'
import { type DataChoice, depths, networks, type Settings, sizes, widths } from './settings.ts'

const dataChoices: readonly { value: DataChoice; text: string }[] = [
  { value: 'street', text: 'Street scenes' },
  { value: 'crowd', text: 'Pebbles and bricks' },
  { value: 'folder', text: 'A folder of yours' },
]

const notes: Record<DataChoice, string> = {
  street: 'Drawn here, 8 classes, never the same twice.',
  crowd: 'Drawn here, 3 classes, in heaps that touch.',
  folder: '',
}

export interface FormProps {
  readonly settings: Settings
  readonly onChange: (change: Partial<Settings>) => void
  readonly folder: FolderFound | undefined
  readonly looking: RunState['looking']
  readonly disabled: boolean
}

export function Form({ settings, onChange, folder, looking, disabled }: FormProps) {
  const choose =
    <K extends keyof Settings>(key: K) =>
    (value: Settings[K]) =>
      onChange({ [key]: value })
  const flag = (key: 'flip' | 'gamma', name: string) => (
    <label class="tick">
      <input
        type="checkbox"
        checked={settings[key]}
        onChange={({ currentTarget }) => onChange({ [key]: currentTarget.checked })}
      />
      {name}
    </label>
  )
  return (
    <>
      <fieldset class="choices" disabled={disabled}>
        <legend>Images</legend>
        <Choice
          name="Learn from"
          value={settings.data}
          options={dataChoices}
          onChange={choose('data')}
          note={notes[settings.data]}
        />
        {settings.data === 'folder' && <Folder folder={folder} looking={looking} />}
        <Choice
          name="Size"
          value={settings.size}
          options={sizes}
          onChange={choose('size')}
          note="Height × width of the images."
        />
      </fieldset>
      <fieldset class="choices" disabled={disabled}>
        <legend>Network</legend>
        <Choice
          name="Network"
          value={settings.model}
          options={networks}
          onChange={choose('model')}
        />
        <div class="pair">
          <Choice
            name="Channels"
            value={settings.width}
            options={widths}
            onChange={choose('width')}
          />
          <Choice name="Units" value={settings.depth} options={depths} onChange={choose('depth')} />
        </div>
      </fieldset>
      <fieldset class="choices" disabled={disabled}>
        <legend>Training</legend>
        <div class="pair">
          <Choice
            name="Until"
            value={settings.limit}
            options={[
              { value: 'steps', text: 'steps' },
              { value: 'minutes', text: 'minutes' },
            ]}
            onChange={choose('limit')}
          />
          {settings.limit === 'steps' ? (
            <Count name="Steps" value={settings.steps} onChange={choose('steps')} />
          ) : (
            <Count name="Minutes" value={settings.minutes} any onChange={choose('minutes')} />
          )}
        </div>
        <div class="pair">
          <Count name="Learning rate" value={settings.lr} any onChange={choose('lr')} />
          <Count name="Images a step" value={settings.batch} onChange={choose('batch')} />
        </div>
        <div class="ticks">
          {flag('flip', 'Mirror half of them')}
          {flag('gamma', 'Vary the brightness')}
        </div>
        <details>
          <summary>More</summary>
          <div class="pair">
            <Count
              name="Look every"
              value={settings.validateEvery}
              onChange={choose('validateEvery')}
              note="steps, at held-out images"
            />
            <Count
              name="Snapshot every"
              value={settings.snapshotEvery}
              onChange={choose('snapshotEvery')}
              note="steps, to go on from"
            />
            <Count name="Seed" value={settings.seed} least={0} onChange={choose('seed')} />
          </div>
        </details>
      </fieldset>
    </>
  )
}

interface CountProps {
  readonly name: string
  readonly value: number
  readonly least?: number
  /** Parts of a whole too. */
  readonly any?: boolean
  readonly note?: string
  readonly onChange: (value: number) => void
}

function Count({ name, value, least = 1, any, note, onChange }: CountProps) {
  // A number alone would lose what is half typed, as the zeros of 0.005.
  const [typed, setTyped] = useState<string>()
  return (
    <Field name={name} note={note}>
      <input
        type="number"
        inputMode="decimal"
        min={any ? 0 : least}
        step={any ? 'any' : 1}
        value={typed ?? String(value)}
        onBlur={() => setTyped(undefined)}
        onInput={({ currentTarget: { value, valueAsNumber } }) => {
          setTyped(value)
          if (Number.isFinite(valueAsNumber)) onChange(valueAsNumber)
        }}
      />
    </Field>
  )
}

function Folder({ folder, looking }: Pick<FormProps, 'folder' | 'looking'>) {
  return (
    <>
      <DropZone folder label="Drop a folder, or choose one" onFiles={(files) => run.look(files)}>
        <strong>Drop a folder, or choose one</strong>
        <small>
          <code>images/</code>, <code>labels/</code> with a PNG of class indices for each image, and{' '}
          <code>classes.txt</code> with a name a line. It stays on this machine.
        </small>
      </DropZone>
      {looking && <Progress text={`${looking.text} …`} share={looking.share} />}
      {folder && (
        <div class="found" role="status">
          <p>
            {folder.train} images to learn from and {folder.val} held out, {folder.sizes}.
          </p>
          <p class="soft">{folder.classNames.join(', ')}</p>
          {folder.warnings.map((text) => (
            <p key={text} class="warning">
              {text}
            </p>
          ))}
        </div>
      )}
    </>
  )
}
