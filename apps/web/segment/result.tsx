// The picture with what was found in it: the canvas, what is shown on it, and files of it.

import type { RefObject } from 'preact'
import { useState } from 'preact/hooks'
import { Button, Card, Choice, Figures, Slider } from '../ui/parts.tsx'
import { download } from '../ui/picture.ts'
import { ProblemBox } from '../ui/problem.tsx'
import { Probe, Working } from './probe.tsx'
import type { Result, Saved, View } from './types.ts'
import type { Segment } from './use-segment.ts'

export function ResultCard({ segment }: { segment: Segment }) {
  const { result, missed, progress, problems, say, network, view, setView, canvas } = segment
  return (
    <Card
      title={result?.name ?? 'Result'}
      aside={
        result && (
          <small>
            {result.height} × {result.width} pixels
          </small>
        )
      }
    >
      {problems.picture && (
        <ProblemBox problem={problems.picture} onClose={() => say('picture', undefined)} />
      )}
      {!result && <Nothing segment={segment} />}
      {missed && !progress && <Missed segment={segment} />}
      <Probe segment={segment}>
        <Screen canvas={canvas} result={result} view={view} segment={segment} />
      </Probe>
      {result && network && (
        <>
          <ViewControls view={view} result={result} segment={segment} setView={setView} />
          <Figures
            figures={[
              ['Prepare', milliseconds(result.ms.prepare)],
              ['Run', milliseconds(result.ms.run)],
              ['Show', milliseconds(result.ms.show)],
            ]}
          />
          {result.how.length > 0 && <p class="soft how">{result.how.join(' ')}</p>}
          <Saving segment={segment} result={result} />
        </>
      )}
    </Card>
  )
}

/** What there is before there is a result. */
function Nothing({ segment }: { segment: Segment }) {
  const { network, pictures, current, progress, missed } = segment
  const picture = pictures.find(({ key }) => key === current)
  return (
    <div class="empty">
      {picture && <img src={picture.url} alt={picture.name} />}
      {progress ? (
        <Working segment={segment} />
      ) : (
        !missed && <p>{wish(network !== undefined, picture !== undefined)}</p>
      )}
    </div>
  )
}

/** Of a picture that was stopped, or failed: it can be tried again as it is. */
function Missed({ segment: { result, pictures, current, lookAgain } }: { segment: Segment }) {
  const picture = pictures.find(({ key }) => key === current)
  return (
    <p class="row">
      {/* What is shown here may be another picture. */}
      {result ? picture?.name : 'It'} was not looked at.
      <Button onPress={lookAgain}>Look again</Button>
    </p>
  )
}

function wish(hasNetwork: boolean, hasPicture: boolean): string {
  if (hasPicture) return hasNetwork ? 'It is being looked at.' : 'Choose a network for it.'
  return hasNetwork
    ? 'Drop a picture, paste one, or draw a street.'
    : 'Choose a network and a picture.'
}

const milliseconds = (ms: number): string =>
  ms < 10
    ? `${ms.toFixed(1)} ms`
    : ms < 1000
      ? `${Math.round(ms)} ms`
      : `${(ms / 1000).toFixed(1)} s`

interface ScreenProps {
  readonly canvas: RefObject<HTMLCanvasElement | null>
  readonly result: Result | undefined
  readonly view: View
  readonly segment: Segment
}

/** The canvas is the worker's from the first on, so it is there before there is anything to show. */
function Screen({ canvas, result, view, segment }: ScreenProps) {
  const names = segment.network?.classes ?? []
  const most = result?.areas.reduce((best, n, c, all) => (n > all[best] ? c : best), 0) ?? 0
  const what =
    view.mode === 'scores' ? `the probability of ${names[view.class]?.name}` : 'its classes'
  return (
    <canvas
      ref={canvas}
      class={result && result.width < 480 ? 'screen fine' : 'screen'}
      hidden={!result}
      role="img"
      aria-label={
        result
          ? `${result.name} with ${what}; most of it is ${names[most]?.name}, the table has all`
          : 'nothing yet'
      }
    />
  )
}

interface ControlsProps {
  readonly view: View
  readonly result: Result
  readonly segment: Segment
  readonly setView: Segment['setView']
}

function ViewControls({ view, result, segment, setView }: ControlsProps) {
  const names = segment.network!.classes
  return (
    <div class="controls">
      <Choice
        name="Show"
        value={view.mode === 'scores' ? String(view.class) : 'classes'}
        options={[
          { value: 'classes', text: 'classes' },
          ...(result.hasScores
            ? names.map(({ name }, c) => ({ value: String(c), text: `probability of ${name}` }))
            : []),
        ]}
        onChange={(text) =>
          setView(
            text === 'classes' ? { mode: 'overlay' } : { mode: 'scores', class: Number(text) },
          )
        }
      />
      <Slider
        name="Blend"
        value={Math.round(100 * view.blend)}
        min={0}
        max={100}
        step={1}
        text={`${Math.round(100 * view.blend)} %`}
        onChange={(percent) => setView({ blend: percent / 100 })}
      />
      {view.mode === 'scores' ? (
        <div class="ramp" role="img" aria-label="Black is probability 0, white is 1">
          <span>0</span>
          <i />
          <span>1</span>
        </div>
      ) : (
        <label class="check">
          <input
            type="checkbox"
            checked={view.outline}
            onChange={({ currentTarget }) => setView({ outline: currentTarget.checked })}
          />
          Outlines
        </label>
      )}
    </div>
  )
}

const files: readonly (readonly [what: Saved, text: string])[] = [
  ['numbers', 'Mask, class numbers'],
  ['colours', 'Mask, colours'],
  ['shown', 'What is shown'],
]

function Saving({ segment, result }: { segment: Segment; result: Result }) {
  const [busy, setBusy] = useState(false)
  const save = async (what: Saved) => {
    setBusy(true)
    try {
      const blob = await segment.worker.current!.call.save(what)
      const base = result.name.replace(/\.[^.]*$/, '')
      download(blob, `${base}-${what === 'shown' ? segment.view.mode : what}.png`)
    } catch (error) {
      segment.say('picture', error)
    }
    setBusy(false)
  }
  return (
    <fieldset class="row saving">
      <legend class="soft">Save as PNG</legend>
      {files.map(([what, text]) => (
        <Button key={what} onPress={() => save(what)} disabled={busy}>
          {text}
        </Button>
      ))}
    </fieldset>
  )
}
