// A street-scene data set that is drawn, not downloaded: example (seed, index) is always the same picture.
//
// A scene is sampled in metres (street/sample.ts), painted on a canvas of 2×2 samples a pixel with a depth buffer
// (street/ground.ts, street/things.ts), and developed here: samples averaged into pixels, lens and sensor added.

import { OptionError } from '../../engine/errors.ts'
import { type ClassInfo, type Dataset, type Example, type Split, VOID } from '../dataset.ts'
import { hashKeys, mix32 } from '../random.ts'
import { Canvas, lattice } from './canvas.ts'
import { paintBoxes, paintGround } from './ground.ts'
import { sampleScene } from './sample.ts'
import type { Scene } from './scene.ts'
import { castShadows } from './shadows.ts'
import { paintThings } from './things.ts'

/** The eight classes; where a pixel is shared, the later class in this list takes it. */
export const STREET_CLASSES: readonly ClassInfo[] = [
  { name: 'sky', colour: [108, 168, 220] },
  { name: 'road', colour: [110, 82, 122] },
  { name: 'pavement', colour: [222, 176, 208] },
  { name: 'building', colour: [152, 78, 62] },
  { name: 'tree', colour: [96, 146, 62] },
  { name: 'pole', colour: [240, 226, 108] },
  { name: 'car', colour: [34, 66, 178] },
  { name: 'person', colour: [232, 54, 74] },
]

/** Held-out splits take their scenes from index ranges that training never reaches. */
const FIRST_INDEX: Record<Split, number> = { train: 0, val: 1_000_000_000, test: 2_000_000_000 }

const DEFAULT_SIZE: Record<Split, number> = { train: 4096, val: 64, test: 128 }

/** Pixels of a scene; drawing takes 80 bytes and much time for each. */
const MOST = 4096 * 4096

export interface StreetOptions {
  readonly split?: Split
  /** Number of scenes; at most 1e9. */
  readonly size?: number
  readonly seed?: number
  readonly height?: number
  readonly width?: number
  /** Tell cars and people apart: examples then have `instances`. */
  readonly objects?: boolean
}

/** Street scenes of one size, 48×64 unless told otherwise; nothing is stored, each `get` draws. Throws OptionError for more than
 * 4096×4096 pixels. */
export function streetScenes(options: StreetOptions = {}): Dataset {
  const { split = 'train', seed = 1, height = 48, width = 64, objects } = options
  const draw = streetPainter(height, width, objects)
  return {
    name: 'street',
    split,
    classes: STREET_CLASSES,
    ignore: VOID,
    size: options.size ?? DEFAULT_SIZE[split],
    get: async (index) => draw(seed, FIRST_INDEX[split] + index),
  }
}

/** A function that draws scene (seed, index) at this size; it owns one canvas that every call draws over. */
export function streetPainter(
  height: number,
  width: number,
  objects = false,
): (seed: number, index: number) => Example {
  if (height * width > MOST)
    throw new OptionError(
      `street scenes of ${height}×${width} are too large to draw`,
      `they have at most ${MOST} pixels; 48×64 is usual`,
    )
  const canvas = new Canvas(2 * height, 2 * width)
  return (seed, index) => {
    const scene = sampleScene(seed, index)
    canvas.begin(scene.camera)
    paintBoxes(canvas, scene)
    castShadows(canvas, scene)
    paintGround(canvas, scene)
    paintThings(canvas, scene)
    const image = new Uint8Array(height * width * 3)
    const labels = new Uint8Array(height * width)
    develop(canvas, scene, hashKeys(seed, index), image, labels)
    const example = { name: `street-${seed}-${index}`, image, labels, height, width }
    return objects ? { ...example, instances: told(canvas, labels) } : example
  }
}

/** The object of each pixel: that of its first sample that has the pixel's class. */
function told({ label, object, width }: Canvas, labels: Uint8Array): Uint16Array {
  const columns = width / 2
  return Uint16Array.from(labels, (kind, at) => {
    const a = 4 * columns * Math.floor(at / columns) + 2 * (at % columns)
    const from = [a, a + 1, a + width, a + width + 1].find((sample) => label[sample] === kind)!
    return object[from]
  })
}

/** Four samples to a pixel; then vignette, exposure, a colour cast, contrast and sensor noise. */
function develop(
  canvas: Canvas,
  scene: Scene,
  seed: number,
  image: Uint8Array,
  labels: Uint8Array,
) {
  const width = canvas.width / 2
  const height = canvas.height / 2
  const exposure = 0.86 + 0.3 * lattice(1, 0, seed)
  const cast = [0.95 + 0.1 * lattice(2, 0, seed), 1, 0.95 + 0.1 * lattice(3, 0, seed)]
  const grain = (4 + 8 * lattice(4, 0, seed)) * (1 + 0.5 * scene.light.dusk)
  const { rgb, label } = canvas
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const a = 2 * y * canvas.width + 2 * x
      const b = a + canvas.width
      const at = y * width + x
      labels[at] = majority(label[a], label[a + 1], label[b], label[b + 1])
      const dx = x / width - 0.5
      const dy = y / height - 0.5
      const gain = 0.25 * exposure * (1 - 0.34 * (dx * dx + dy * dy))
      const speck = sensor(seed, at)
      for (let i = 0; i < 3; i++) {
        const sum = rgb[3 * a + i] + rgb[3 * a + 3 + i] + rgb[3 * b + i] + rgb[3 * b + 3 + i]
        const noisy = sum * gain * cast[i] + grain * (speck + 0.6 * sensor(seed, 4 * at + i + 7e6))
        image[3 * at + i] = Math.max(0, Math.min(255, noisy + 0.5))
      }
    }
  }
}

/** Roughly normal, mean 0 and deviation 0.41: the four bytes of a hash, added. */
function sensor(seed: number, at: number): number {
  const h = mix32(seed + Math.imul(at, 0x9e3779b9))
  return ((h & 255) + ((h >>> 8) & 255) + ((h >>> 16) & 255) + (h >>> 24)) / 358 - 1.425
}

/** The commonest of four labels; of equally common ones the largest, so that thin things survive. */
function majority(a: number, b: number, c: number, d: number): number {
  if (a === b && b === c && c === d) return a
  let best = 0
  let votes = 0
  for (const label of [a, b, c, d]) {
    const count = +(a === label) + +(b === label) + +(c === label) + +(d === label)
    if (count > votes || (count === votes && label > best)) {
      best = label
      votes = count
    }
  }
  return best
}
