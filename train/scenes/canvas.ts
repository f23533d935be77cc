// A picture in the making: colour, class and depth of each sample, and the few shapes that objects are drawn with.

import { mix32 } from '../random.ts'
import type { Camera } from './scene.ts'

/** Uniform in [0, 1), fixed by two lattice coordinates and a seed. */
export function lattice(x: number, y: number, seed: number): number {
  let h = Math.imul(x, 0x27d4eb2d) ^ Math.imul(y, 0x165667b1) ^ seed
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return ((h ^ (h >>> 16)) >>> 0) / 4294967296
}

/** Smooth noise in [0, 1): lattice values blended by smoothstep. */
export function noise(x: number, y: number, seed: number): number {
  const ix = Math.floor(x)
  const iy = Math.floor(y)
  const fx = x - ix
  const fy = y - iy
  const sx = fx * fx * (3 - 2 * fx)
  const sy = fy * fy * (3 - 2 * fy)
  const a = lattice(ix, iy, seed)
  const b = lattice(ix + 1, iy, seed)
  const c = lattice(ix, iy + 1, seed)
  const d = lattice(ix + 1, iy + 1, seed)
  return a + (b - a) * sx + (c - a + (a - b - c + d) * sx) * sy
}

/** Samples of one scene, [height, width], with a depth buffer; made once and drawn over for each scene. */
export class Canvas {
  readonly height: number
  readonly width: number
  readonly rgb: Float32Array
  readonly label: Uint8Array
  /** Which object a sample belongs to, 0 for none. */
  readonly object: Uint16Array
  readonly depth: Float32Array
  readonly shade: Uint8Array
  // Of the scene being drawn: focal length and centre in samples, horizon row at the centre, eye height in metres.
  focal = 1
  centre = 0
  horizon = 0
  eye = 1
  roll = 0
  // Colour and class that the shapes below draw with.
  r = 0
  g = 0
  b = 0
  kind = 0
  own = 0
  z = 1

  constructor(height: number, width: number) {
    this.height = height
    this.width = width
    const count = height * width
    this.rgb = new Float32Array(3 * count)
    this.label = new Uint8Array(count)
    this.object = new Uint16Array(count)
    this.depth = new Float32Array(count)
    this.shade = new Uint8Array(count)
  }

  begin(camera: Camera): void {
    this.focal = camera.focal * this.width
    this.centre = camera.centre * this.width
    this.horizon = camera.horizon * this.height
    this.eye = camera.eye
    this.roll = camera.roll
    this.depth.fill(Number.POSITIVE_INFINITY)
    this.shade.fill(0)
    this.object.fill(0)
    this.own = 0
  }

  horizonAt(column: number): number {
    return this.horizon + this.roll * (column - this.centre)
  }

  /** Column of a point at X metres to the right and Z ahead. */
  columnOf(x: number, z: number): number {
    return this.centre + (this.focal * x) / z
  }

  /** Row of a point Y metres above the ground, in the column given. */
  rowOf(y: number, z: number, column: number): number {
    return this.horizonAt(column) + (this.focal * (this.eye - y)) / z
  }

  /** The class, distance and colour of what is drawn next; colour is 0..255. */
  pen(kind: number, z: number, r: number, g: number, b: number): void {
    this.kind = kind
    // As the depth buffer stores it, so that later shapes of one thing cover its earlier ones.
    this.z = Math.fround(z)
    this.r = r
    this.g = g
    this.b = b
  }

  colour(r: number, g: number, b: number): void {
    this.r = r
    this.g = g
    this.b = b
  }

  /** One sample, if nothing nearer is there. */
  plot(at: number, light: number): void {
    if (this.depth[at] < this.z) return
    this.depth[at] = this.z
    this.label[at] = this.kind
    this.object[at] = this.own
    this.rgb[3 * at] = this.r * light
    this.rgb[3 * at + 1] = this.g * light
    this.rgb[3 * at + 2] = this.b * light
  }

  /** The samples whose centres lie in [x0, x1) × [y0, y1). */
  rect(x0: number, y0: number, x1: number, y1: number, light = 1): void {
    const left = Math.max(0, Math.ceil(x0 - 0.5))
    const right = Math.min(this.width, Math.ceil(x1 - 0.5))
    const top = Math.max(0, Math.ceil(y0 - 0.5))
    const bottom = Math.min(this.height, Math.ceil(y1 - 0.5))
    for (let y = top; y < bottom; y++)
      for (let x = left; x < right; x++) this.plot(y * this.width + x, light)
  }

  /** An ellipse lit from above and from one side (`lean` -1..1), its edge made ragged by noise (`rough` 0..1). */
  ellipse(cx: number, cy: number, rx: number, ry: number, lean = 0, rough = 0, seed = 0): void {
    const left = Math.max(0, Math.floor(cx - rx))
    const right = Math.min(this.width - 1, Math.ceil(cx + rx))
    const top = Math.max(0, Math.floor(cy - ry))
    const bottom = Math.min(this.height - 1, Math.ceil(cy + ry))
    const grain = 5 / Math.max(rx, ry)
    for (let y = top; y <= bottom; y++) {
      const v = (y + 0.5 - cy) / ry
      for (let x = left; x <= right; x++) {
        const u = (x + 0.5 - cx) / rx
        const out = u * u + v * v
        if (out > 1) continue
        if (rough === 0) {
          this.plot(y * this.width + x, 1 - 0.16 * v + 0.12 * lean * u)
          continue
        }
        const leaf = noise((x - cx) * grain, (y - cy) * grain, seed)
        if (out > 1 - rough * leaf) continue
        this.plot(y * this.width + x, 0.72 + 0.5 * leaf - 0.26 * v + 0.22 * lean * u)
      }
    }
  }

  /** A convex polygon of corners x0, y0, x1, y1, …; rows are filled between its leftmost and rightmost crossing. */
  polygon(points: readonly number[], light = 1): void {
    let low = Number.POSITIVE_INFINITY
    let high = Number.NEGATIVE_INFINITY
    for (let i = 1; i < points.length; i += 2) {
      low = Math.min(low, points[i])
      high = Math.max(high, points[i])
    }
    const top = Math.max(0, Math.ceil(low - 0.5))
    const bottom = Math.min(this.height, Math.ceil(high - 0.5))
    for (let y = top; y < bottom; y++) {
      let left = Number.POSITIVE_INFINITY
      let right = Number.NEGATIVE_INFINITY
      for (let i = 0; i < points.length; i += 2) {
        const next = (i + 2) % points.length
        const ya = points[i + 1] - (y + 0.5)
        const yb = points[next + 1] - (y + 0.5)
        if (ya < 0 === yb < 0) continue
        const x = points[i] + ((points[next] - points[i]) * ya) / (ya - yb)
        left = Math.min(left, x)
        right = Math.max(right, x)
      }
      const last = Math.min(this.width, Math.ceil(right - 0.5))
      for (let x = Math.max(0, Math.ceil(left - 0.5)); x < last; x++)
        this.plot(y * this.width + x, light)
    }
  }
}

/** A seed of its own for a part of a scene. */
export const subSeed = (seed: number, part: number): number =>
  mix32(seed + Math.imul(part, 0x9e3779b9))
