// A drawn street scene and the class of each of its pixels, with a divider that a person can move: what dense prediction is.

import { useEffect, useRef, useState } from 'preact/hooks'
import { colourLabels, STREET_CLASSES, streetPainter } from '../../train/index.ts'
import { Slider } from './ui/parts.tsx'

const [HEIGHT, WIDTH] = [144, 256]
const SEED = 7

/** Everything is drawn by the library, on the host: it is there in browsers without WebGPU too. */
export function Hero() {
  const canvas = useRef<HTMLCanvasElement>(null)
  const [share, setShare] = useState(0.5)
  const pictures = useRef<readonly [ImageData, ImageData]>(undefined)
  useEffect(() => {
    pictures.current ??= drawScene()
    const [photo, classes] = pictures.current
    const draw = canvas.current!.getContext('2d')!
    const left = Math.round(share * WIDTH)
    draw.putImageData(photo, 0, 0)
    draw.putImageData(classes, 0, 0, left, 0, WIDTH - left, HEIGHT)
    draw.fillStyle = 'white'
    draw.fillRect(left - 1, 0, 1, HEIGHT)
  }, [share])
  return (
    <figure class="hero">
      <canvas
        ref={canvas}
        width={WIDTH}
        height={HEIGHT}
        role="img"
        aria-label="A drawn street scene, and beside the divider the class of each of its pixels"
      />
      <Slider
        name="Picture or classes"
        value={share}
        min={0}
        max={1}
        step={0.01}
        text={`${Math.round(100 * share)} % picture`}
        onChange={setShare}
      />
      <figcaption>
        {STREET_CLASSES.map(({ name, colour }) => (
          <span key={name}>
            <i style={{ background: `rgb(${colour})` }} />
            {name}
          </span>
        ))}
      </figcaption>
    </figure>
  )
}

function drawScene(): readonly [ImageData, ImageData] {
  const { image, labels } = streetPainter(HEIGHT, WIDTH)(SEED, 3)
  const classes = colourLabels(labels, HEIGHT, WIDTH, STREET_CLASSES)
  return [imageData(image), imageData(classes.data)]
}

function imageData(rgb: Uint8Array): ImageData {
  const out = new ImageData(WIDTH, HEIGHT)
  for (let i = 0, at = 0; i < out.data.length; i += 4) {
    out.data.set([rgb[at++], rgb[at++], rgb[at++], 255], i)
  }
  return out
}
