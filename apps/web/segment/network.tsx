// Which network: a file, an address, one that the Train page keeps, or, to try the page, one that knows nothing.

import { useState } from 'preact/hooks'
import { configurations, findModel, models } from '../../../models/index.ts'
import { knownClasses } from '../../../train/index.ts'
import { aboutCheckpoint, type Checkpoints, tellsBoxes } from '../ui/checkpoints.ts'
import { Button, Card, Choice, DropZone, Field, Figures } from '../ui/parts.tsx'
import { ProblemBox } from '../ui/problem.tsx'
import type { Form } from './types.ts'
import type { Segment } from './use-segment.ts'

/** What weight files are called, of any library whose files are read. */
export const WEIGHTS = '.safetensors,.pth,.pt,.bin,.npz,.params,.caffemodel'

export function NetworkCard({ segment, kept }: { segment: Segment; kept: Checkpoints['list'] }) {
  const { network, unnamed, problems, say } = segment
  const [open, setOpen] = useState(false)
  return (
    <Card title="Network">
      {network && (
        <>
          <p>
            <strong>{network.title}</strong>
            {network.file && <small class="file">{network.file}</small>}
          </p>
          <Figures
            figures={[
              ['Parameters', network.parameters.toLocaleString('en')],
              ['Classes', String(network.classes.length)],
              ...(network.size ? [['Trained at', network.size.join(' × ')] as const] : []),
            ]}
          />
          {network.report && (
            <details>
              <summary>What the file gave</summary>
              <pre>{network.report}</pre>
            </details>
          )}
        </>
      )}
      {problems.network && (
        <ProblemBox problem={problems.network} onClose={() => say('network', undefined)} />
      )}
      {unnamed ? (
        <Naming segment={segment} />
      ) : network ? (
        <details open={open} onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
          <summary>Another network</summary>
          <Sources segment={segment} kept={kept} />
        </details>
      ) : (
        <Sources segment={segment} kept={kept} />
      )}
    </Card>
  )
}

function Sources({ segment, kept }: { segment: Segment; kept: Checkpoints['list'] }) {
  const [url, setUrl] = useState('')
  const { load, network } = segment
  const segmenting = kept.filter(({ info }) => !tellsBoxes(info))
  const use = ({ file }: Checkpoints['list'][number]) =>
    load({ source: { from: 'file', file }, isKept: true })
  const [newest] = segmenting
  return (
    <div class="stack">
      {newest && !network && (
        <Button main onPress={() => use(newest)}>
          Use {newest.name}, trained here
        </Button>
      )}
      <DropZone
        label="Drop a checkpoint or a file of weights, or choose one"
        accept={WEIGHTS}
        onFiles={([first]) => first && load({ source: { from: 'file', file: first.file } })}
      />
      {segmenting.length > 0 && (
        <Choice
          name="Trained here"
          value=""
          options={[
            { value: '', text: 'choose one …' },
            ...segmenting.map(({ key, name, info }) => ({
              value: key,
              text: `${name}: ${aboutCheckpoint(info)}`,
            })),
          ]}
          onChange={(chosen) => {
            const found = segmenting.find(({ key }) => key === chosen)
            if (found) use(found)
          }}
        />
      )}
      <form
        class="address"
        onSubmit={(event) => {
          event.preventDefault()
          if (url.trim()) load({ source: { from: 'url', url: absolute(url.trim()) } })
        }}
      >
        <Field name="From an address">
          <input
            type="text"
            inputMode="url"
            placeholder="https://…/network.safetensors"
            value={url}
            onInput={({ currentTarget }) => setUrl(currentTarget.value)}
          />
        </Field>
        <button type="submit" disabled={!url.trim()}>
          Fetch
        </button>
      </form>
      <p class="soft">
        None at hand? <a href="#train">Train one</a> in a few minutes, or{' '}
        <button type="button" class="link" onClick={() => load({ source: { from: 'untrained' } })}>
          try the page with an untrained one
        </button>
        , whose answers mean nothing.
      </p>
    </div>
  )
}

/** Of the page, where it is no whole address. */
const absolute = (url: string): string => {
  try {
    return new URL(url, document.baseURI).href
  } catch {
    return url
  }
}

const segmenters = [
  ...new Set([
    ...Object.keys(models),
    ...configurations.flatMap(({ id, options }) =>
      'head' in options && options['head'] === 'classify' ? [] : id,
    ),
  ]),
].filter(
  (name) => !/^(resnet|localization|fcrn.*localization)/.test(name) && !/localization/.test(name),
)

/** Weights of others do not say whose they are. */
function Naming({ segment }: { segment: Segment }) {
  const { unnamed, load, forgetUnnamed } = segment
  const [form, setForm] = useState<Form>({ model: 'fcrn-50', options: '', classes: 'numbers' })
  const { chosen, file } = unnamed!
  const set = (change: Partial<Form>) => setForm({ ...form, ...change })
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault()
        load({ ...chosen, form })
      }}
    >
      <p>
        <strong class="file">{file.file}</strong> holds {file.tensors.toLocaleString('en')} tensors
        {file.names ? ` (${file.names})` : ''} and does not say of which network.
      </p>
      <Field name="Network" note="A name, or the id of a form in one of the papers">
        <input
          type="text"
          list="segment-models"
          value={form.model}
          onInput={({ currentTarget }) => set({ model: currentTarget.value })}
        />
      </Field>
      <datalist id="segment-models">
        {segmenters.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <Field name="Its options" note={optionsNote(form.model)}>
        <textarea
          rows={3}
          placeholder="classes=21"
          spellcheck={false}
          value={form.options}
          onInput={({ currentTarget }) => set({ options: currentTarget.value })}
        />
      </Field>
      <Choice
        name="Names of its classes"
        value={form.classes}
        options={[
          { value: 'numbers', text: 'numbers' },
          ...Object.entries(knownClasses).map(([key, { length }]) => ({
            value: key,
            text: `${key} (${length})`,
          })),
        ]}
        onChange={(classes) => set({ classes })}
      />
      <div class="row">
        <button type="submit" class="main">
          Load the weights
        </button>
        <Button onPress={forgetUnnamed}>Cancel</Button>
      </div>
    </form>
  )
}

function optionsNote(model: string): string {
  try {
    const { name } = findModel(model.trim())
    return `A line for each, KEY=VALUE: ${Object.keys(models[name].options).join(', ')}`
  } catch {
    return 'A line for each, KEY=VALUE'
  }
}
