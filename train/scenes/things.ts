// What stands in the street: cars, people, trees and poles, each a few shapes at one distance.

import { type Canvas, subSeed } from './canvas.ts'
import { CAR, PERSON, POLE, type RGB, type Scene, type Thing, TREE } from './scene.ts'

/** All things of a scene; the depth buffer sorts them. */
export function paintThings(canvas: Canvas, scene: Scene): void {
  for (const [i, thing] of scene.things.entries()) {
    if (thing.z < 1.5) continue
    canvas.own = thing.kind === 'car' || thing.kind === 'person' ? i + 1 : 0
    const brush = new Brush(canvas, scene, thing)
    if (thing.kind === 'car') paintCar(brush)
    else if (thing.kind === 'person') paintPerson(brush)
    else if (thing.kind === 'tree') paintTree(brush)
    else paintPole(brush)
  }
}

/** Draws in metres around a thing: `u` right of its middle, `v` above the ground, with the scene's light and haze. */
class Brush {
  readonly canvas: Canvas
  readonly scene: Scene
  readonly thing: Thing
  readonly lean: number
  private readonly keep: number

  constructor(canvas: Canvas, scene: Scene, thing: Thing) {
    this.canvas = canvas
    this.scene = scene
    this.thing = thing
    this.keep = scene.light.haze / (scene.light.haze + thing.z)
    this.lean = scene.light.sun[0] > 0.1 ? (scene.light.shadowX > 0 ? -1 : 1) : 0
  }

  colour(kind: number, colour: RGB, gain = 1, sun = 0.7): void {
    const { ambient, sun: rays, skyLow } = this.scene.light
    const lit = (i: 0 | 1 | 2) =>
      colour[i] * gain * (ambient[i] + sun * rays[i]) * this.keep + skyLow[i] * (1 - this.keep)
    this.canvas.pen(kind, this.thing.z, lit(0), lit(1), lit(2))
  }

  /** A light of its own, whatever the hour. */
  glow(kind: number, r: number, g: number, b: number): void {
    this.canvas.pen(kind, this.thing.z, r, g, b)
  }

  column(u: number, w = 0): number {
    return this.canvas.columnOf(this.thing.x + u, this.thing.z + w)
  }

  row(v: number, u: number, w = 0): number {
    return this.canvas.rowOf(v, this.thing.z + w, this.column(u, w))
  }

  /** A box seen flat on: from (u0, v0) to (u1, v1), v up. */
  rect(u0: number, v0: number, u1: number, v1: number, light = 1): void {
    const middle = (u0 + u1) / 2
    this.canvas.rect(
      this.column(u0),
      this.row(v1, middle),
      this.column(u1),
      this.row(v0, middle),
      light,
    )
  }

  /** Corners as u, v, w triples; w is metres further away than the thing. */
  face(corners: readonly number[], light = 1): void {
    const points: number[] = []
    for (let i = 0; i < corners.length; i += 3)
      points.push(
        this.column(corners[i], corners[i + 2]),
        this.row(corners[i + 1], corners[i], corners[i + 2]),
      )
    this.canvas.polygon(points, light)
  }

  blob(u: number, v: number, ru: number, rv: number, rough = 0, part = 0): void {
    const scale = this.canvas.focal / this.thing.z
    const seed = subSeed(this.thing.seed, part)
    const { canvas, lean } = this
    canvas.ellipse(this.column(u), this.row(v, u), ru * scale, rv * scale, lean, rough, seed)
  }
}

const BLACK: RGB = [26, 27, 30]
const GLASS: RGB = [86, 100, 116]

/** A car is a lower and an upper body; its near end and the one side that can be seen. */
function paintCar(brush: Brush): void {
  const { thing, scene } = brush
  const crossing = thing.form === 2
  const halfU = crossing ? 2.1 : 0.88
  const length = crossing ? 1.75 : 4.1
  const side = thing.x > 0 ? -halfU : halfU
  const belt = thing.height * 0.58
  const roofHalf = crossing ? halfU * 0.52 : halfU * 0.78
  const roof = side > 0 ? roofHalf : -roofHalf
  const shine = side > 0 === scene.light.shadowX < 0 ? 1 : 0.25
  const from = crossing ? 0.1 : length * 0.1
  const to = crossing ? length - 0.1 : length * 0.82
  // Far to near: an equal depth is drawn over.
  brush.colour(CAR, BLACK)
  for (const w of [length * 0.2, length * 0.8])
    if (!crossing)
      brush.face([side, 0, w - 0.32, side, 0, w + 0.32, side, 0.6, w + 0.3, side, 0.6, w - 0.3])
  brush.colour(CAR, thing.colour, 0.85, shine)
  brush.face([side, 0.24, 0, side, 0.24, length, side, belt, length, side, belt, 0])
  brush.colour(CAR, thing.colour, 1.12, 1)
  brush.face([-halfU, belt, 0, halfU, belt, 0, halfU, belt, length, -halfU, belt, length])
  brush.colour(CAR, GLASS, 0.9, shine)
  const top = thing.height
  brush.face([side, belt, from, side, belt, to, roof, top, to - 0.6, roof, top, from + 0.3])
  brush.colour(CAR, thing.colour, 1.18, 1)
  brush.face([
    -roofHalf,
    top,
    from + 0.3,
    roofHalf,
    top,
    from + 0.3,
    roofHalf,
    top,
    to,
    -roofHalf,
    top,
    to,
  ])
  brush.colour(CAR, GLASS, 1.1, 0.5)
  brush.face([
    -halfU * 0.92,
    belt,
    from,
    halfU * 0.92,
    belt,
    from,
    roofHalf,
    top,
    from + 0.2,
    -roofHalf,
    top,
    from + 0.2,
  ])
  brush.colour(CAR, thing.colour, 0.92, Math.max(0, Math.min(1, scene.light.shadowZ + 0.4)))
  brush.rect(-halfU, 0.3, halfU, belt)
  brush.colour(CAR, BLACK)
  if (crossing) {
    for (const u of [-1.3, 1.3]) brush.blob(u, 0.32, 0.34, 0.34)
    brush.colour(CAR, BLACK, 1.6)
    brush.rect(-0.04, belt, 0.04, top)
    return
  }
  brush.rect(-halfU, 0, -halfU + 0.26, 0.32)
  brush.rect(halfU - 0.26, 0, halfU, 0.32)
  brush.colour(CAR, BLACK, 1.4)
  brush.rect(-halfU, 0.26, halfU, 0.4)
  carLamps(brush, belt, halfU)
}

function carLamps(brush: Brush, belt: number, halfU: number): void {
  const { dusk } = brush.scene.light
  const front = brush.thing.form === 1
  if (front && dusk > 0.3) brush.glow(CAR, 255, 246, 214)
  else if (front) brush.colour(CAR, [226, 226, 220])
  else if (dusk > 0.3) brush.glow(CAR, 226, 44, 34)
  else brush.colour(CAR, [186, 30, 30], 1.15)
  brush.rect(-halfU + 0.04, belt - 0.3, -halfU + 0.34, belt - 0.08)
  brush.rect(halfU - 0.34, belt - 0.3, halfU - 0.04, belt - 0.08)
  brush.colour(CAR, [218, 214, 190])
  brush.rect(-0.26, 0.44, 0.26, 0.56)
}

const SKIN: readonly RGB[] = [
  [224, 178, 148],
  [176, 124, 92],
  [112, 78, 58],
]

function paintPerson(brush: Brush): void {
  const { thing } = brush
  const h = thing.height
  const stride = ((thing.seed & 255) / 255) * 0.16 + (thing.form === 1 ? 0.08 : 0)
  const hip = h * 0.48
  brush.colour(PERSON, thing.second)
  brush.face([-0.14, hip, 0, 0.02, hip, 0, -stride + 0.03, 0, 0, -stride - 0.1, 0, 0])
  brush.colour(PERSON, thing.second, 0.85)
  brush.face([-0.02, hip, 0, 0.14, hip, 0, stride + 0.1, 0, 0, stride - 0.03, 0, 0])
  brush.colour(PERSON, thing.colour, 0.8)
  brush.face([
    -0.25,
    h * 0.8,
    0,
    -0.14,
    h * 0.82,
    0,
    -0.17 - stride,
    h * 0.46,
    0,
    -0.27 - stride,
    h * 0.46,
    0,
  ])
  brush.face([
    0.14,
    h * 0.82,
    0,
    0.25,
    h * 0.8,
    0,
    0.27 + stride,
    h * 0.46,
    0,
    0.17 + stride,
    h * 0.46,
    0,
  ])
  brush.colour(PERSON, thing.colour)
  brush.face([-0.16, hip - 0.06, 0, 0.16, hip - 0.06, 0, 0.22, h * 0.82, 0, -0.22, h * 0.82, 0])
  brush.colour(PERSON, SKIN[(thing.seed >>> 8) % 3])
  brush.rect(-0.05, h * 0.8, 0.05, h * 0.88)
  brush.blob(0, h * 0.92, 0.105, h * 0.075)
  brush.colour(PERSON, [54, 42, 34], 0.7 + ((thing.seed >>> 12) & 3) * 0.4)
  brush.blob(0, h * 0.955, 0.11, h * 0.05)
}

function paintTree(brush: Brush): void {
  const { thing } = brush
  const h = thing.height
  brush.colour(TREE, thing.second)
  brush.face([-0.17, 0, 0, 0.17, 0, 0, 0.1, h * 0.6, 0, -0.1, h * 0.6, 0])
  if (thing.form === 0) {
    for (let i = 0; i < 5; i++) {
      brush.colour(TREE, thing.colour, 0.72 + 0.06 * i)
      brush.blob(0, h * (0.34 + 0.15 * i), h * (0.2 - 0.036 * i), h * 0.13, 0.5, i)
    }
    return
  }
  const spread = h * 0.27
  for (let i = 0; i < 9; i++) {
    const bits = subSeed(thing.seed, 40 + i)
    const u = ((bits & 255) / 255 - 0.5) * 1.5 * spread
    const v = h * 0.5 + (((bits >>> 8) & 255) / 255) * h * 0.36
    const r = spread * (0.5 + 0.3 * (((bits >>> 16) & 255) / 255))
    brush.colour(TREE, thing.colour, 0.78 + 0.4 * ((v / h - 0.5) / 0.36))
    brush.blob(u, v, r, r * 0.85, 0.55, i)
  }
}

/** Forms: 0 street lamp with an arm, 1 traffic light, 2 round sign, 3 square sign. */
function paintPole(brush: Brush): void {
  const { thing } = brush
  const h = thing.height
  const arm = thing.x < 0 ? 1 : -1
  const half = thing.form < 2 ? 0.1 : 0.06
  brush.colour(POLE, thing.colour, 0.95)
  brush.rect(-half, 0, half, h)
  if (thing.form === 0) {
    brush.rect(Math.min(0, arm * 1.5), h - 0.14, Math.max(0, arm * 1.5), h)
    if (brush.scene.light.dusk > 0.3) brush.glow(POLE, 255, 226, 160)
    brush.blob(arm * 1.4, h - 0.16, 0.34, 0.16)
  } else if (thing.form === 1) {
    brush.colour(POLE, BLACK)
    brush.rect(-0.24, h * 0.62, 0.24, h * 0.62 + 1.1)
    const lamp = thing.seed % 3
    if (lamp === 0) brush.glow(POLE, 236, 48, 36)
    else if (lamp === 1) brush.glow(POLE, 250, 190, 40)
    else brush.glow(POLE, 54, 226, 120)
    brush.blob(0, h * 0.62 + 0.9 - lamp * 0.35, 0.15, 0.15)
  } else {
    brush.colour(POLE, thing.second, 1.1)
    if (thing.form === 3) brush.rect(-0.36, h - 0.72, 0.36, h)
    else brush.blob(0, h - 0.3, 0.36, 0.36)
    brush.colour(POLE, [226, 226, 222])
    if (thing.form === 2) brush.blob(0, h - 0.3, 0.22, 0.22)
  }
}
