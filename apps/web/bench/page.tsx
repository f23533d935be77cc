// How fast every family of kernels is on this adapter, set against what it was measured to do at most.

import { useEffect, useRef, useState } from 'preact/hooks'
import { kernelCases } from '../../../bench/suite/cases.ts'
import { isMeasured, type Measured } from '../../../bench/suite/measure.ts'
import type { Remote } from '../remote.ts'
import { Button, Card, Choice, Figures, Progress, Slider } from '../ui/parts.tsx'
import { type Problem, ProblemBox, problemOf } from '../ui/problem.tsx'
import { startWorker } from '../ui/start-worker.ts'
import { download } from './download.ts'
import type { BenchEvents, BenchFunctions, Opened, Tuned } from './messages.ts'
import { Results, tunable } from './results.tsx'
import { RooflinePlot } from './roofline.tsx'
import { TunedTable } from './tuned.tsx'

const families = [...new Set(kernelCases(1, false).map(({ family }) => family))]

const kernelChoices = [
  { value: 'quick', text: 'Two of each family' },
  { value: 'all', text: 'All of them' },
  ...families.map((family) => ({ value: family, text: `Only ${family}` })),
]

const sizeChoices = [
  { value: '1', text: 'as in the papers' },
  { value: '0.5', text: '1/2 of the papers’ sides' },
  { value: '0.25', text: '1/4 of the papers’ sides' },
  { value: '0.125', text: '1/8 of the papers’ sides' },
  { value: '0.0625', text: '1/16 of the papers’ sides' },
]

/** On a processor the papers' sizes take minutes. */
const shareFor = (opened: Opened | undefined) => (opened && !opened.software ? '1' : '0.125')

export default function Bench() {
  const remote = useRef<Remote<BenchFunctions, BenchEvents>>(undefined)
  const [which, setWhich] = useState('quick')
  const [size, setSize] = useState<string>()
  const [schedules, setSchedules] = useState<'shipped' | 'cached'>('shipped')
  const [seconds, setSeconds] = useState(20)
  const [opened, setOpened] = useState<Opened>()
  /** Whether the worker still holds that device. */
  const [ready, setReady] = useState(false)
  const [share, setShare] = useState(1)
  const [results, setResults] = useState<readonly BenchEvents['result'][]>([])
  const [tuned, setTuned] = useState<readonly Tuned[]>([])
  const [busy, setBusy] = useState<BenchEvents['progress']>()
  const [stopping, setStopping] = useState(false)
  const [said, setSaid] = useState('')
  const [problem, setProblem] = useState<Problem>()
  const [marked, setMarked] = useState<string>()
  const measured = results.filter(isMeasured)

  useEffect(() => () => remote.current?.close(), [])

  const worker = () => {
    if (remote.current) return remote.current
    const started = startWorker<BenchFunctions, BenchEvents>('bench')
    started.on('progress', setBusy)
    started.on('result', (result) => setResults((all) => [...all, result]))
    started.on('tuned', (one) => {
      setTuned((all) => [...all.filter((t) => t.before.name !== one.before.name), one])
      setResults((all) => all.map((r) => (r.name === one.after.name ? one.after : r)))
    })
    remote.current = started
    return started
  }

  /** Runs `work`, with what it takes to be seen and stopped around it. */
  const working = async (text: string, work: () => Promise<boolean>) => {
    setProblem(undefined)
    setSaid('')
    setStopping(false)
    setBusy({ done: 0, of: 1, text })
    const begun = performance.now()
    try {
      const whole = await work()
      const took = `${((performance.now() - begun) / 1000).toFixed(0)} s`
      setSaid(
        whole ? `Done in ${took}` : `Cancelled after ${took}; what was measured until then stays`,
      )
    } catch (error) {
      setProblem(problemOf(error))
      // Whatever is left of the device is of no use.
      remote.current?.close()
      remote.current = undefined
      setReady(false)
    }
    setBusy(undefined)
  }

  const run = () =>
    working('The adapter is opened and its ceilings are measured …', async () => {
      setResults([])
      setTuned([])
      setMarked(undefined)
      const { call } = worker()
      const open = await call.open(schedules)
      setOpened(open)
      setReady(true)
      const chosen = size ?? shareFor(open)
      setSize(chosen)
      setShare(Number(chosen))
      return call.run({ which, share: Number(chosen) })
    })

  const tune = (before: readonly Measured[]) =>
    working('Tiles are tried by turns …', () => worker().call.tune(before, seconds))

  const cancel = () => {
    setStopping(true)
    // Whoever leaves the page meanwhile has ended it all the more.
    remote.current?.call.cancel().catch(() => {})
  }

  const save = () => opened && download({ opened, share, results, tuned })

  return (
    <div class="stack">
      <header class="intro">
        <h1>Bench</h1>
        <p class="soft">
          Each kernel is checked against a float64 reference, then timed. Nothing is sent anywhere.
        </p>
      </header>
      <div class="split">
        <div class="stack">
          <Card title="What to measure">
            <Choice
              name="Kernels"
              value={which}
              options={kernelChoices}
              onChange={setWhich}
              disabled={!!busy}
            />
            <Choice
              name="Sizes"
              value={size ?? ''}
              options={[
                ...(size ? [] : [{ value: '', text: 'as the adapter allows' }]),
                ...sizeChoices,
              ]}
              onChange={setSize}
              disabled={!!busy}
            />
            <Choice
              name="Schedules"
              value={schedules}
              options={[
                { value: 'shipped', text: 'shipped with the engine' },
                { value: 'cached', text: 'tuned in this browser' },
              ]}
              onChange={setSchedules}
              disabled={!!busy}
            />
            <div class="row">
              <Button main onPress={run} disabled={!!busy}>
                Run
              </Button>
              {busy && (
                <Button onPress={cancel} disabled={stopping}>
                  {stopping ? 'Stopping after this kernel …' : 'Cancel'}
                </Button>
              )}
              <Button onPress={save} disabled={!measured.length || !!busy}>
                Download JSON
              </Button>
            </div>
            {busy && (
              <Progress
                text={`${busy.text} (${Math.min(busy.done + 1, busy.of)} of ${busy.of})`}
                share={busy.done / busy.of}
              />
            )}
            {said && <p role="status">{said}</p>}
            {problem && <ProblemBox problem={problem} onClose={() => setProblem(undefined)} />}
          </Card>
          {opened && <Adapter opened={opened} />}
        </div>
        <Card title="Roofline">
          {opened && measured.length > 0 ? (
            <RooflinePlot
              ceilings={opened.ceilings}
              results={measured}
              marked={marked}
              onMark={setMarked}
            />
          ) : (
            <p class="soft bench-empty">
              Run, and each kernel becomes a point beneath this adapter’s own measured ceilings: how
              fast it copies memory, and how fast it multiplies and adds.
            </p>
          )}
        </Card>
      </div>
      {results.length > 0 && (
        <Card
          title="Kernels"
          aside={
            ready &&
            measured.some(tunable) && (
              <div class="row">
                <Slider
                  name="Seconds for each"
                  value={seconds}
                  min={5}
                  max={60}
                  step={5}
                  text={`${seconds} s`}
                  onChange={setSeconds}
                  disabled={!!busy}
                />
                <Button onPress={() => tune(measured.filter(tunable))} disabled={!!busy}>
                  Tune all convolutions and products
                </Button>
              </div>
            )
          }
        >
          <Results
            results={results}
            marked={marked}
            onMark={setMarked}
            onTune={ready && !busy ? (result) => tune([result]) : undefined}
          />
        </Card>
      )}
      {tuned.length > 0 && (
        <Card title="Tuned">
          <TunedTable tuned={tuned} />
        </Card>
      )}
    </div>
  )
}

function Adapter({ opened }: { opened: Opened }) {
  const { line, software, ceilings, timerLine, tuningFrom, warnings } = opened
  return (
    <Card title="This adapter">
      <p class="mono">{line}</p>
      <Figures
        figures={[
          ['multiply-adds', `${(ceilings.flopsPerSecond / 1e9).toFixed(1)} GFLOP/s`],
          ['copy', `${(ceilings.bytesPerSecond / 1e9).toFixed(1)} GB/s`],
        ]}
      />
      {software && (
        <p class="bench-note">
          A software adapter: these are figures of the processor, shared with all else that runs on
          it, and say nothing of a GPU.
        </p>
      )}
      <details class="bench-clocks">
        <summary>Clocks and schedules</summary>
        <p class="soft">
          Clocks: {timerLine}. A kernel too short for its timestamps’ steps has whole runs timed on
          the wall, as its row says.
        </p>
        <p class="soft">
          A share above 100 % is of data that stays in a cache, which the copy of the ceiling is too
          large for.
        </p>
        <p class="soft">Schedules: {tuningFrom}.</p>
        {warnings.map((warning) => (
          <p key={warning} class="soft">
            {warning}
          </p>
        ))}
      </details>
    </Card>
  )
}
