// The start: what this is, what each page is for, and whether this browser can run it.

import { useEffect, useState } from 'preact/hooks'
import { type Support, webgpuSupport } from '../../engine/index.ts'
import { Hero } from './hero.tsx'
import { ProblemBox, sentence } from './ui/problem.tsx'

const pages = [
  [
    'segment',
    'Segment',
    'Drop a picture, or hold it before the camera, and see what each pixel is.',
  ],
  [
    'instances',
    'Instances',
    'One object after the other, with outlines and confidence, from two networks.',
  ],
  ['train', 'Train', 'Teach a network street scenes, or your own folder, and watch it learn.'],
  [
    'explore',
    'Explore',
    'How reverse mode works: the graph, its derivative, the plan, every kernel.',
  ],
  ['bench', 'Bench', 'How fast the kernels are here, against what this adapter can do.'],
]

export default function Home() {
  return (
    <div class="home">
      <div class="opening">
        <div class="stack">
          <h1>Dense prediction, trained in this page</h1>
          <p class="lead">
            A tensor and reverse-mode autodiff engine over WebGPU compute shaders, and the
            segmentation networks of five papers on top of it. Nothing is sent anywhere: images,
            weights and training stay on this machine.
          </p>
          <SupportLine />
        </div>
        <Hero />
      </div>
      <ul class="doors">
        {pages.map(([key, name, text]) => (
          <li key={key}>
            <a href={`#${key}`}>
              <strong>{name}</strong>
              <span>{text}</span>
            </a>
          </li>
        ))}
      </ul>
    </div>
  )
}

/** Whether this browser can run any of it, and how well. */
function SupportLine() {
  const [support, setSupport] = useState<Support>()
  useEffect(() => {
    webgpuSupport().then(setSupport)
  }, [])
  if (!support)
    return (
      <p class="device" role="status">
        Looking for an adapter …
      </p>
    )
  const { state, what, toDo, adapter } = support
  if (!adapter) return <ProblemBox problem={{ what, toDo, kind: 'DeviceError' }} />
  return (
    <div class="stack" role="status" data-state={state}>
      <p class="device">{adapter}</p>
      {toDo && (
        <small>
          {sentence(what)} {sentence(toDo)}
        </small>
      )}
    </div>
  )
}
