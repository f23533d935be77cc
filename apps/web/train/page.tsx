// Train: teach a network the drawn streets or a folder of one's own, and watch it learn.

import { useEffect, useState } from 'preact/hooks'
import { type Support, webgpuSupport } from '../../../engine/index.ts'
import { Button, Card } from '../ui/parts.tsx'
import { ProblemBox } from '../ui/problem.tsx'
import { afterLoss, Curves, capital, RunFigures, RunStatus } from './figures.tsx'
import { Form } from './form.tsx'
import { Checkpoints, LeftRun } from './kept.tsx'
import { Classes, Looks } from './looks.tsx'
import { isBusy, type RunState, run, useRun } from './run.ts'
import { defaultsFor } from './settings.ts'

export default function Train() {
  const state = useRun()
  const [support, setSupport] = useState<Support>()
  const [chosen, setChosen] = useState(run.chosen)
  const settings = { ...defaultsFor(support?.state !== 'hardware'), ...chosen }
  const { status } = state
  const able = support?.state === 'hardware' || support?.state === 'software'
  const busy = isBusy(status) || state.looking !== undefined
  useEffect(() => {
    run.prepare()
    void webgpuSupport().then(setSupport)
  }, [])
  useEffect(() => {
    if (able && status === 'idle') void run.preview(settings)
  }, [able, status, settings.data, settings.size, settings.seed, state.folder])
  const start = () => run.begin(() => run.call.start(settings))
  return (
    <>
      <header class="intro">
        <h1>Train</h1>
        <p class="soft">
          A network learns to tell what each pixel is, here, in a worker of this page. It goes on
          while you look at other pages, and what it has learned survives a closed tab.
        </p>
      </header>
      {support && !able && (
        <ProblemBox problem={{ what: support.what, toDo: support.toDo, kind: 'DeviceError' }} />
      )}
      <LeftRun status={status} settings={settings} />
      <div class={state.title ? 'split training' : 'split'}>
        <Card title="What and how">
          <Form
            settings={settings}
            onChange={(change) => {
              run.chosen = { ...run.chosen, ...change }
              setChosen(run.chosen)
            }}
            folder={state.folder}
            looking={state.looking}
            disabled={busy}
          />
          <Button
            main
            disabled={!able || busy || (settings.data === 'folder' && !state.folder)}
            onPress={start}
          >
            Start
          </Button>
        </Card>
        <div class="stack">
          {state.problem && (
            <ProblemBox problem={state.problem} onClose={() => run.closeProblem()} />
          )}
          {(status !== 'idle' || state.title) && <RunCard state={state} />}
          {state.looks.length > 0 && (
            <Card
              title={state.title ? 'Predictions' : 'What there is to learn'}
              aside={when(state)}
            >
              <Looks looks={state.looks} classes={state.classes} />
              <Classes state={state} />
            </Card>
          )}
          <Checkpoints state={state} settings={settings} />
        </div>
      </div>
    </>
  )
}

const when = ({ looksStep }: RunState) =>
  looksStep === undefined ? undefined : <small>at step {looksStep}</small>

function RunCard({ state }: { state: RunState }) {
  const { status, lost, notes, device, title, curves } = state
  return (
    <Card
      title={title ?? 'Run'}
      aside={device && <small class="mono">{device.split(':')[0]}</small>}
    >
      <RunStatus state={state} />
      {lost && (
        <p class="lost" role="alert">
          <strong>{capital(lost.what)}.</strong> {afterLoss(lost)}
        </p>
      )}
      {(status === 'running' || status === 'paused') && (
        <div class="row">
          {status === 'running' ? (
            <Button onPress={() => run.pause()}>Pause</Button>
          ) : (
            <Button main onPress={() => run.resume()}>
              Resume
            </Button>
          )}
          <Button onPress={() => run.stop()}>Stop</Button>
          {status === 'running' && isDebug() && (
            <Button onPress={() => run.call.loseDevice()}>Lose the device (for testing)</Button>
          )}
        </div>
      )}
      <RunFigures state={state} />
      {curves.steps.length > 0 && <Curves state={state} />}
      {notes.map((text) => (
        <p key={text} class="soft">
          {capital(text)}
        </p>
      ))}
    </Card>
  )
}

/** `#train?debug` */
const isDebug = (): boolean => /\?(.*&)?debug\b/.test(location.hash)
