// The start: what this is, what each page is for, and whether this browser can run it.

import { useEffect, useState } from 'preact/hooks'
import { openDevice } from '../../engine/index.ts'
import { type Problem, ProblemBox, problemOf } from './ui/problem.tsx'

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

export function Home() {
  return (
    <div class="home">
      <h1>Dense prediction, trained in this page</h1>
      <p class="lead">
        A tensor and reverse-mode autodiff engine over WebGPU compute shaders, and the segmentation
        networks of five papers on top of it. Nothing is sent anywhere: images, weights and training
        stay on this machine.
      </p>
      <DeviceLine />
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

function DeviceLine() {
  const [line, setLine] = useState('Looking for an adapter …')
  const [problem, setProblem] = useState<Problem>()
  useEffect(() => {
    openDevice().then(
      (device) => {
        setLine(device.line)
        device.close()
      },
      (error) => setProblem(problemOf(error)),
    )
  }, [])
  if (problem) return <ProblemBox problem={problem} />
  return (
    <p class="device" role="status">
      {line}
    </p>
  )
}
