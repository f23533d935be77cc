// Which streets there are: every scene is drawn from one random stream of its own.
//
// Only + - * / and square roots are used here and in the painter, so a scene has the same bytes on every engine.

import { Random } from '../random.ts'
import { type Box, BUILDING, type Light, type RGB, type Scene, type Thing, TREE } from './scene.ts'

const FACADES: readonly RGB[] = [
  [172, 92, 74],
  [196, 168, 132],
  [214, 204, 186],
  [150, 140, 130],
  [122, 78, 66],
  [188, 186, 180],
  [206, 176, 120],
  [148, 158, 160],
  [176, 132, 112],
]
const PAINTS: readonly RGB[] = [
  [178, 30, 32],
  [36, 62, 128],
  [222, 222, 220],
  [38, 40, 44],
  [150, 154, 158],
  [88, 96, 104],
  [30, 92, 74],
  [206, 170, 52],
  [92, 140, 180],
]
const CLOTHES: readonly RGB[] = [
  [180, 44, 50],
  [42, 54, 96],
  [60, 60, 64],
  [212, 206, 194],
  [214, 160, 48],
  [56, 110, 72],
  [120, 70, 120],
  [140, 108, 80],
]
const LEAVES: readonly RGB[] = [
  [70, 104, 46],
  [88, 118, 50],
  [54, 84, 48],
  [104, 122, 58],
  [168, 120, 44],
]
const TROUSERS: readonly RGB[] = [
  [44, 48, 66],
  [70, 62, 56],
  [34, 34, 36],
  [120, 112, 100],
]

function jitter(random: Random, colour: RGB, spread: number): RGB {
  const all = random.uniform(1 - spread, 1 + spread)
  const one = () => all * random.uniform(1 - spread / 3, 1 + spread / 3)
  return [colour[0] * one(), colour[1] * one(), colour[2] * one()]
}

function sampleLight(random: Random): Light {
  const side = random.chance(0.5) ? 1 : -1
  const shadowZ = random.uniform(-0.5, 0.7)
  const haze = random.uniform(70, 260)
  const time = random.uniform()
  if (time < 0.42) {
    const k = random.uniform(0.9, 1.12)
    return {
      shadowX: side * random.uniform(0.15, 0.9),
      shadowZ,
      sun: [0.66 * k, 0.62 * k, 0.54 * k],
      ambient: [0.46, 0.5, 0.58],
      skyTop: [82, 132, 200],
      skyLow: [188, 208, 226],
      cloud: random.uniform(0, 0.7),
      haze,
      dusk: 0,
    }
  }
  if (time < 0.68) {
    const k = random.uniform(0.62, 0.92)
    return {
      shadowX: side * 0.2,
      shadowZ: 0.1,
      sun: [0.06, 0.06, 0.06],
      ambient: [0.94 * k, 0.96 * k, k],
      skyTop: [176 * k + 20, 182 * k + 20, 190 * k + 20],
      skyLow: [220 * k + 22, 222 * k + 22, 224 * k + 22],
      cloud: random.uniform(0.5, 1),
      haze: haze * 0.7,
      dusk: 0,
    }
  }
  if (time < 0.86) {
    return {
      shadowX: side * random.uniform(1, 2.4),
      shadowZ,
      sun: [0.78, 0.54, 0.3],
      ambient: [0.4, 0.38, 0.44],
      skyTop: [112, 138, 182],
      skyLow: [248, 206, 150],
      cloud: random.uniform(0, 0.6),
      haze,
      dusk: 0.15,
    }
  }
  const k = random.uniform(0.75, 1.15)
  return {
    shadowX: 0.1,
    shadowZ: 0.1,
    sun: [0.02, 0.02, 0.02],
    ambient: [0.44 * k, 0.45 * k, 0.56 * k],
    skyTop: [44 * k, 54 * k, 92 * k],
    skyLow: [148 * k, 116 * k, 118 * k],
    cloud: random.uniform(0, 0.6),
    haze: haze * 1.2,
    dusk: random.uniform(0.5, 1),
  }
}

function sampleBuilding(random: Random, x0: number, x1: number, z0: number, z1: number): Box {
  const storey = random.uniform(2.8, 3.6)
  const floors = random.int(2, random.chance(0.3) ? 8 : 4)
  return {
    label: BUILDING,
    x0,
    x1,
    z0,
    z1,
    height: storey * floors + random.uniform(0.4, 1.2),
    colour: jitter(random, random.pick(FACADES), 0.16),
    roof: random.chance(0.45) ? random.uniform(0.12, 0.24) : 0,
    storey,
    bay: random.uniform(1.6, 3.2),
    seed: random.u32(),
  }
}

function hedge(
  random: Random,
  x0: number,
  x1: number,
  z0: number,
  z1: number,
  height: number,
): Box {
  const colour = jitter(random, random.pick(LEAVES.slice(0, 4)), 0.15)
  const seed = random.u32()
  return { label: TREE, x0, x1, z0, z1, height, colour, roof: 0, storey: 1, bay: 1, seed }
}

/** One side of the street: houses with gaps, or (a park) a hedge; `sign` is -1 left, +1 right. */
function sampleSide(random: Random, sign: number, edge: number, boxes: Box[]): void {
  const put = (near: number, far: number, z0: number, z1: number, height: number) => {
    const x0 = Math.min(sign * near, sign * far)
    const x1 = Math.max(sign * near, sign * far)
    boxes.push(
      height > 0 ? hedge(random, x0, x1, z0, z1, height) : sampleBuilding(random, x0, x1, z0, z1),
    )
  }
  const park = random.chance(0.16)
  if (park) put(edge + 0.3, edge + 1.5, -2, 60, random.uniform(0.8, 1.8))
  if (random.chance(0.5)) put(edge + 16, edge + 22, 4, 110, random.uniform(5, 10))
  let z = random.uniform(-8, 0)
  while (z < 75) {
    const length = random.uniform(6, 17)
    const setback = random.chance(0.3) ? random.uniform(0.3, 2) : 0
    const inset = park ? random.uniform(14, 20) : setback
    if (!random.chance(park ? 0.4 : 0.14))
      put(edge + inset, edge + inset + random.uniform(8, 12), z, z + length, 0)
    z += length + (random.chance(0.22) ? random.uniform(3, 8) : 0)
  }
}

function sampleThings(random: Random, scene: Omit<Scene, 'things' | 'boxes'>, edges: Edges) {
  const things: Thing[] = []
  const add = (kind: Thing['kind'], x: number, z: number, height: number, form: number) => {
    const [colours, seconds, spread] = PALETTE[kind]
    things.push({
      kind,
      x,
      z,
      height,
      colour: jitter(random, random.pick(colours), spread),
      second: jitter(random, random.pick(seconds), 0.15),
      form,
      seed: random.u32(),
    })
  }
  const { roadLeft, roadRight } = scene
  const inside = (sign: number) => (sign < 0 ? roadLeft : roadRight)
  // Nearer is likelier than far: a draw is squared before it becomes a distance.
  const depth = (near: number, far: number) => near + (far - near) * random.uniform() ** 2
  for (const sign of [-1, 1]) {
    const kerb = inside(sign)
    const band = edges.pavement[sign < 0 ? 0 : 1]
    if (random.chance(0.62)) {
      const pitch = random.uniform(6, 11)
      const height = random.uniform(4.2, 8)
      for (let z = random.uniform(4.5, 11); z < 55; z += pitch * random.uniform(0.8, 1.4))
        if (random.chance(0.72))
          add('tree', kerb + sign * 0.8, z, height * random.uniform(0.8, 1.2), random.int(0, 4))
    }
    if (random.chance(0.85)) {
      const pitch = random.uniform(9, 18)
      const form = random.int(0, 3)
      for (let z = depth(3.6, 12); z < 50; z += pitch)
        add('pole', kerb + sign * 0.4, z, form < 2 ? random.uniform(4.5, 7.5) : 3.1, form)
    }
    const people = random.int(0, 6)
    for (let i = 0; i < people; i++)
      add(
        'person',
        kerb + sign * random.uniform(0.4, band),
        depth(3.6, 20),
        random.uniform(1.5, 1.9),
        0,
      )
    if (random.chance(0.5))
      for (let z = depth(5, 16); z < 45; z += random.uniform(5.2, 9))
        if (random.chance(0.7)) add('car', kerb - sign * 1.15, z, random.uniform(1.4, 1.7), 0)
  }
  if (random.chance(0.6)) add('car', random.uniform(-0.6, 0.6), depth(7, 26), 1.5, 0)
  if (random.chance(0.5)) add('car', edges.oncoming, depth(6, 30), random.uniform(1.4, 1.8), 1)
  if (random.chance(0.14)) add('car', random.uniform(-4, 4), random.uniform(9, 18), 1.5, 2)
  if (random.chance(0.3)) {
    const z = random.uniform(5, 12)
    for (let i = random.int(1, 2); i > 0; i--)
      add('person', random.uniform(roadLeft, roadRight), z + i, random.uniform(1.5, 1.9), 1)
  }
  return things
}

const PALETTE: Record<Thing['kind'], readonly [readonly RGB[], readonly RGB[], number]> = {
  car: [PAINTS, [[40, 46, 54]], 0.12],
  person: [CLOTHES, TROUSERS, 0.15],
  tree: [LEAVES, [[92, 74, 58]], 0.18],
  pole: [
    [
      [120, 124, 126],
      [74, 80, 80],
      [150, 150, 146],
    ],
    [
      [190, 40, 36],
      [40, 80, 160],
      [206, 206, 200],
    ],
    0.12,
  ],
}

interface Edges {
  readonly pavement: readonly [number, number]
  readonly oncoming: number
}

/** The scene of (seed, index): the same for the same pair, whatever was drawn before. */
export function sampleScene(seed: number, index: number): Scene {
  const random = new Random(seed, index, 0x57ee7)
  const width = random.uniform(5.6, 10)
  const place = random.uniform(0.28, 0.72)
  const roadLeft = -width * place
  const roadRight = width * (1 - place)
  const pavement = [random.uniform(2, 4.8), random.uniform(2, 4.8)] as const
  const grey = random.uniform(86, 124)
  const stone = random.uniform(136, 178)
  const base = {
    camera: {
      focal: random.uniform(0.72, 1.05),
      centre: 0.5 + random.uniform(-0.16, 0.16),
      horizon: random.uniform(0.38, 0.52),
      eye: random.uniform(1.35, 2.3),
      roll: random.uniform(-0.03, 0.03),
    },
    light: sampleLight(random),
    roadLeft,
    roadRight,
    wet: random.chance(0.2) ? random.uniform(0.2, 0.5) : 0,
    lane: random.chance(0.8) ? random.uniform(0.4, 1) : 0,
    zebra: random.chance(0.2) ? random.uniform(5, 14) : 0,
    asphalt: [grey, grey, grey * 1.03] as RGB,
    paving: [stone, stone * 0.96, stone * random.uniform(0.84, 0.98)] as RGB,
    seed: random.u32(),
  }
  const boxes: Box[] = []
  sampleSide(random, -1, pavement[0] - roadLeft, boxes)
  sampleSide(random, 1, pavement[1] + roadRight, boxes)
  for (let x = -90; x < 90; ) {
    const next = x + random.uniform(10, 30)
    const z = random.uniform(85, 130)
    if (random.chance(0.45)) boxes.push(hedge(random, x, next, z, z + 6, random.uniform(6, 12)))
    else boxes.push(sampleBuilding(random, x, next, z, z + 10))
    x = next
  }
  const oncoming = place > 0.5 ? roadLeft + width * 0.28 : roadRight - width * 0.28
  return { ...base, boxes, things: sampleThings(random, base, { pavement, oncoming }) }
}
