// Instances: the objects of a picture, each by itself, from two networks.

import { useEffect, useState } from 'preact/hooks'
import { type Support, webgpuSupport } from '../../../engine/index.ts'
import { useCheckpoints } from '../ui/checkpoints.ts'
import { ProblemBox } from '../ui/problem.tsx'
import { useFinder } from './finder.ts'
import { isFor, Networks, type Pair, type Search } from './networks.tsx'
import { Pictures } from './pictures.tsx'
import { Result } from './result.tsx'
import { PipelineSettings, useSettings } from './settings.tsx'

export default function Instances() {
  const checkpoints = useCheckpoints()
  const [pair, setPair] = useState<Pair>({ semantic: undefined, localization: undefined })
  const [search, setSearch] = useState<Search>()
  const found = search && isFor(search, pair.localization) ? search.threshold : undefined
  const settings = useSettings(found)
  const finder = useFinder(pair.semantic, pair.localization, settings.settled)
  const [at, setAt] = useState<string>()
  const [support, setSupport] = useState<Support>()
  useEffect(() => {
    webgpuSupport().then(setSupport)
  }, [])
  return (
    <div class="instances stack">
      <header class="intro">
        <h1>Instances</h1>
        <p class="soft">
          Two networks look at a picture: one says what each pixel is, the other where its object is
          and how large. From both come the objects, each by itself.
        </p>
      </header>
      {support && !support.adapter && (
        <ProblemBox problem={{ what: support.what, toDo: support.toDo, kind: 'DeviceError' }} />
      )}
      <div class={finder.shown.length ? 'split seen' : 'split'}>
        <div class="stack">
          <Networks {...{ checkpoints, pair, search }} onPair={setPair} onSearch={setSearch} />
          <Pictures
            size={pair.semantic?.info.size ?? [96, 128]}
            count={finder.shown.length}
            onPictures={(pictures) => {
              setAt(undefined)
              finder.add(pictures)
            }}
            onClear={finder.clear}
          />
          <PipelineSettings {...settings} />
        </div>
        <Result
          finder={finder}
          one={finder.shown.find(({ key }) => key === at) ?? finder.shown.at(-1)}
          onShow={setAt}
          cells={settings.settled.leastCells}
          chosen={Boolean(pair.semantic && pair.localization)}
        />
      </div>
    </div>
  )
}
