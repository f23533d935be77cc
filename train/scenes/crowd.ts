// Drawn scenes of things that touch: pebbles and bricks in heaps, each of a colour of its own, so that a class mask has few pieces
// and many instances. Example (seed, index) is always the same picture.
//
// Lengths are shares of the shorter side, so that a scene is the same picture at any size. Things of a heap are laid one beside
// another, each over those before it; what is nearly covered is taken away.

import { type ClassInfo, type Dataset, type Example, type Split, VOID } from '../dataset.ts'
import { hashKeys, mix32, Random } from '../random.ts'

export const CROWD_CLASSES: readonly ClassInfo[] = [
  { name: 'ground', colour: [72, 72, 72] },
  { name: 'pebble', colour: [214, 122, 48] },
  { name: 'brick', colour: [52, 112, 200] },
]

export interface CrowdOptions {
  readonly split?: Split
  /** Number of scenes; at most 1e9. */
  readonly size?: number
  readonly seed?: number
  readonly height?: number
  readonly width?: number
}

/** Held-out splits take their scenes from index ranges that training never reaches. */
const FIRST_INDEX: Record<Split, number> = { train: 0, val: 1_000_000_000, test: 2_000_000_000 }
const DEFAULT_SIZE: Record<Split, number> = { train: 4096, val: 64, test: 128 }

/** Scenes of one size, 96×128 unless told otherwise, whose examples have `instances`; nothing is stored, each `get` draws. */
export function crowdScenes(options: CrowdOptions = {}): Dataset {
  const { split = 'train', seed = 1, height = 96, width = 128 } = options
  return {
    name: 'crowd',
    split,
    classes: CROWD_CLASSES,
    ignore: VOID,
    size: options.size ?? DEFAULT_SIZE[split],
    get: async (index) => drawn(seed, FIRST_INDEX[split] + index, height, width),
  }
}

interface Thing {
  readonly kind: number
  readonly x: number
  readonly y: number
  /** Half axes, of a box that lies turned. */
  readonly a: number
  readonly b: number
  readonly turn: number
  readonly colour: readonly number[]
}

/** Things of one or two heaps of each kind, in the order in which they are laid. */
function sampled(random: Random, height: number, width: number): Thing[] {
  const side = Math.min(height, width)
  const between = (low: number, high: number) => random.uniform(low, high)
  const things: Thing[] = []
  for (const kind of [1, 2]) {
    const count = random.int(4, 9)
    const heap: Thing[] = []
    for (let i = 0; i < count; i++) {
      const a = between(0.09, 0.17) * side
      const b = a * (kind === 1 ? between(0.75, 1) : between(0.45, 0.65))
      const beside = heap.length && random.chance(0.85) ? random.pick(heap) : undefined
      const way = between(0, 2 * Math.PI)
      const far = beside
        ? 0.85 * (Math.min(a, b) + Math.min(beside.a, beside.b)) + between(0, 0.1) * side
        : 0
      const at = beside ?? { x: between(0.1, 0.9) * width, y: between(0.1, 0.9) * height }
      const [x, y] = [at.x + far * Math.cos(way), at.y + far * Math.sin(way)]
      const turn = kind === 1 ? between(0, Math.PI) : between(-0.25, 0.25)
      const colour = [0, 1, 2].map(() => between(60, 235))
      heap.push({ kind, x, y, a, b, turn, colour })
    }
    things.push(...heap)
  }
  return things
}

/** How far inside a thing a point is: 1 in its middle, 0 at its edge. */
function inside({ kind, x, y, a, b, turn }: Thing, px: number, py: number): number {
  const [dx, dy] = [px - x, py - y]
  const [c, s] = [Math.cos(turn), Math.sin(turn)]
  const [u, v] = [(c * dx + s * dy) / a, (c * dy - s * dx) / b]
  return kind === 1 ? 1 - Math.hypot(u, v) : 1 - Math.max(Math.abs(u), Math.abs(v))
}

/** Share of a thing that must be seen, of an area of its half axes times 2. */
const SEEN = 0.3

function drawn(seed: number, index: number, height: number, width: number): Example {
  const own = hashKeys(seed, index)
  const random = new Random(own)
  const ground = [0, 1, 2].map(() => random.uniform(50, 140))
  const things = sampled(random, height, width)
  const top = topmost(things, height, width)
  const seen = things.map(() => 0)
  for (const t of top) if (t) seen[t - 1]++
  const kept = things.filter(({ a, b }, i) => seen[i] >= SEEN * Math.PI * a * b)
  const instances = kept.length === things.length ? top : topmost(kept, height, width)
  const image = new Uint8Array(3 * height * width)
  const labels = new Uint8Array(height * width)
  for (let at = 0; at < labels.length; at++) {
    const thing = kept[instances[at] - 1]
    const depth = thing ? inside(thing, (at % width) + 0.5, Math.floor(at / width) + 0.5) : 0
    // Darker towards the edge, and speckled.
    const light = thing ? 0.55 + 0.45 * Math.min(1, 2.5 * depth) : 1
    const noise = ((mix32(own + Math.imul(at, 0x9e3779b9)) & 255) / 255 - 0.5) * 30
    for (let c = 0; c < 3; c++)
      image[3 * at + c] = Math.max(0, Math.min(255, (thing?.colour ?? ground)[c] * light + noise))
    labels[at] = thing?.kind ?? 0
  }
  return { name: `crowd-${seed}-${index}`, image, labels, instances, height, width }
}

/** The number, from 1, of the last thing over each pixel; 0 where there is none. */
function topmost(things: readonly Thing[], height: number, width: number): Uint16Array {
  const top = new Uint16Array(height * width)
  things.forEach((thing, i) => {
    const reach = Math.hypot(thing.a, thing.b)
    const from = (v: number) => Math.max(0, Math.floor(v - reach))
    const to = (v: number, n: number) => Math.min(n, Math.ceil(v + reach))
    for (let y = from(thing.y); y < to(thing.y, height); y++)
      for (let x = from(thing.x); x < to(thing.x, width); x++)
        if (inside(thing, x + 0.5, y + 0.5) > 0) top[y * width + x] = i + 1
  })
  return top
}
