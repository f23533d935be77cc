// Segment: a network, a picture, and what each of its pixels is. All of it happens in the worker; here it is asked for and shown.

import { useCheckpoints } from '../ui/checkpoints.ts'
import { ProblemBox } from '../ui/problem.tsx'
import { Legend } from './legend.tsx'
import { LookCard } from './look.tsx'
import { NetworkCard } from './network.tsx'
import { PicturesCard } from './pictures.tsx'
import { ResultCard } from './result.tsx'
import { useSegment } from './use-segment.ts'

export default function Segment() {
  const segment = useSegment()
  const { list } = useCheckpoints()
  const { line, problems, say, network, look, setLook, view, setView, result, filming } = segment
  return (
    <div class="segment stack">
      <header class="opening">
        <h1>Segment</h1>
        <p class="soft">
          What each pixel of a picture is, found on this machine: nothing is sent anywhere.
        </p>
        {line && <p class="device">{line}</p>}
      </header>
      {problems.device && (
        <ProblemBox problem={problems.device} onClose={() => say('device', undefined)} />
      )}
      <div class={result ? 'split answered' : 'split'}>
        <div class="stack">
          <NetworkCard segment={segment} kept={list} />
          <PicturesCard segment={segment} />
          <LookCard look={look} network={network} onChange={setLook} />
        </div>
        <div class="stack">
          <ResultCard segment={segment} />
          {network && (
            <Legend
              classes={network.classes}
              result={result}
              view={view}
              sorted={!filming}
              onClass={(kind) =>
                setView(kind === undefined ? { mode: 'overlay' } : { mode: 'scores', class: kind })
              }
            />
          )}
        </div>
      </div>
    </div>
  )
}
