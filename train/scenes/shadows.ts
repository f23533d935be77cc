// Shadows that things cast on the ground, marked before the ground is painted.

import type { Canvas } from './canvas.ts'
import type { Scene, Thing } from './scene.ts'

/** Marks the ground that things keep the sun (or the sky, right under them) from; call before `paintGround`. */
export function castShadows(canvas: Canvas, scene: Scene): void {
  const { light } = scene
  const sunny = light.sun[0] > 0.1
  for (const thing of scene.things) {
    const [halfX, halfZ] = FOOT[thing.kind]
    const crossing = thing.kind === 'car' && thing.form === 2
    const rx = (crossing ? halfZ : halfX) * 1.1
    const rz = (crossing ? halfX : halfZ) * 1.1
    const long = sunny ? thing.height : 0
    const middle = thing.z + (thing.kind === 'car' ? rz : 0)
    const endZ = middle + light.shadowZ * long
    shadowBand(canvas, thing, rx, rz, middle, endZ, light.shadowX * long)
    if (thing.kind === 'tree' && sunny) {
      const crown = thing.height * 0.3
      const x = thing.x + light.shadowX * thing.height * 0.75
      const z = middle + light.shadowZ * thing.height * 0.75
      shadowBand(canvas, { ...thing, x }, crown, crown, z, z, 0)
    }
  }
}

const FOOT: Record<Thing['kind'], readonly [number, number]> = {
  car: [0.92, 2.1],
  person: [0.26, 0.22],
  tree: [0.25, 0.25],
  pole: [0.12, 0.12],
}

/** Ground rows from z0 - rz to z1 + rz, whose middle moves by `dx` on the way. */
function shadowBand(
  c: Canvas,
  thing: Thing,
  rx: number,
  rz: number,
  z0: number,
  z1: number,
  dx: number,
) {
  const near = Math.max(0.8, Math.min(z0, z1) - rz)
  const far = Math.max(z0, z1) + rz
  if (far < 0.9) return
  const base = c.horizonAt(c.columnOf(thing.x, z0))
  const top = Math.max(0, Math.floor(base + (c.focal * c.eye) / far))
  const bottom = Math.min(c.height - 1, Math.ceil(base + (c.focal * c.eye) / near))
  for (let row = top; row <= bottom; row++) {
    const below = row + 0.5 - base
    if (below <= 0) continue
    const z = (c.focal * c.eye) / below
    // A band of constant slope; at its ends the half width follows a circle.
    const t = z1 === z0 ? 0 : Math.max(0, Math.min(1, (z - z0) / (z1 - z0)))
    const out = (z - (z0 + t * (z1 - z0))) / rz
    if (out * out > 1) continue
    const half = rx * (rz > 1 ? 1 : Math.sqrt(1 - out * out))
    // When the sun is abeam the whole length of the shadow lies in one row.
    const from = z1 - z0 < 0.3 && z1 - z0 > -0.3 ? Math.min(0, dx) : dx * t
    const to = z1 - z0 < 0.3 && z1 - z0 > -0.3 ? Math.max(0, dx) : dx * t
    const left = Math.max(0, Math.round(c.columnOf(thing.x + from - half, z)))
    const right = Math.min(c.width, Math.round(c.columnOf(thing.x + to + half, z)))
    for (let x = left; x < right; x++) c.shade[row * c.width + x] = 1
  }
}
