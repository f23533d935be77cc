// What does not move: sky, houses and hedges (cast column by column), and the ground between them.

import { type Canvas, lattice, noise } from './canvas.ts'
import { type Box, BUILDING, type Light, PAVEMENT, ROAD, type Scene, SKY, TREE } from './scene.ts'

/** Houses and hedges: where the ray of each column first meets the box's plan, a strip from ground to top. */
export function paintBoxes(canvas: Canvas, scene: Scene): void {
  for (const box of scene.boxes)
    for (let column = 0; column < canvas.width; column++) paintStrip(canvas, scene, box, column)
}

function paintStrip(canvas: Canvas, scene: Scene, box: Box, column: number): void {
  const slope = (column + 0.5 - canvas.centre) / canvas.focal || 1e-9
  const za = box.x0 / slope
  const zb = box.x1 / slope
  const near = Math.max(box.z0, Math.min(za, zb))
  if (near > Math.min(box.z1, Math.max(za, zb)) || near < 0.4) return
  const front = near === box.z0
  const along = front ? slope * near : near
  const ragged = box.label === TREE ? 0.75 + 0.5 * noise(along * 0.9, 7, box.seed) : 1
  const height = box.height * ragged
  const middle = canvas.horizonAt(column + 0.5)
  const scale = canvas.focal / near
  const top = Math.max(0, Math.ceil(middle + (canvas.eye - height) * scale - 0.5))
  const bottom = Math.min(canvas.height, Math.ceil(middle + canvas.eye * scale - 0.5))
  if (top >= bottom) return
  const sunny = facing(scene.light, front, slope)
  for (let row = top; row < bottom; row++) {
    const at = row * canvas.width + column
    if (canvas.depth[at] <= near) continue
    const up = canvas.eye - (row + 0.5 - middle) / scale
    canvas.depth[at] = near
    canvas.label[at] = box.label
    if (box.label === TREE) leaves(canvas, at, box, along, up, height, near, scene.light, sunny)
    else facade(canvas, at, box, along, up, near, scene.light, sunny)
  }
}

/** Share of the sun that a wall gets: walls turned away from it live on ambient light. */
function facing(light: Light, front: boolean, slope: number): number {
  if (front) return light.shadowZ > 0 ? 0.25 + 0.75 * Math.min(1, light.shadowZ) : 0
  // The shadow of a thing falls to +X when the sun stands at -X, which lights the walls on the right.
  return slope > 0 === light.shadowX > 0 ? Math.min(1, 0.35 + Math.abs(light.shadowX)) : 0
}

function put(
  c: Canvas,
  at: number,
  light: Light,
  sun: number,
  r: number,
  g: number,
  b: number,
  z: number,
) {
  const keep = light.haze / (light.haze + z)
  const { ambient, sun: rays, skyLow } = light
  c.rgb[3 * at] = r * (ambient[0] + sun * rays[0]) * keep + skyLow[0] * (1 - keep)
  c.rgb[3 * at + 1] = g * (ambient[1] + sun * rays[1]) * keep + skyLow[1] * (1 - keep)
  c.rgb[3 * at + 2] = b * (ambient[2] + sun * rays[2]) * keep + skyLow[2] * (1 - keep)
}

function leaves(
  canvas: Canvas,
  at: number,
  box: Box,
  along: number,
  up: number,
  height: number,
  z: number,
  light: Light,
  sunny: number,
): void {
  const k = 0.55 + 0.45 * noise(along * 3, up * 3, box.seed) + 0.25 * (up / height)
  put(canvas, at, light, sunny, box.colour[0] * k, box.colour[1] * k, box.colour[2] * k, z)
}

function facade(
  canvas: Canvas,
  at: number,
  box: Box,
  along: number,
  up: number,
  z: number,
  light: Light,
  sunny: number,
): void {
  const [r, g, b] = box.colour
  const roofLine = box.height * (1 - box.roof)
  if (up > roofLine) {
    const k = 0.34 + 0.1 * noise(along * 2, up * 6, box.seed)
    put(canvas, at, light, sunny, r * k + 18, g * k + 20, b * k + 24, z)
    return
  }
  const floor = Math.floor(up / box.storey)
  const bay = Math.floor(along / box.bay)
  const y = up / box.storey - floor
  const x = along / box.bay - bay
  const draw = lattice(bay, floor, box.seed)
  const shop = floor === 0 && (box.seed & 3) === 0
  const window = shop
    ? x > 0.08 && x < 0.92 && y > 0.12 && y < 0.78
    : floor === 0 && draw < 0.25
      ? x > 0.3 && x < 0.72 && y < 0.74
      : x > 0.24 && x < 0.76 && y > 0.26 && y < 0.8
  if (window && up < roofLine - 0.5) {
    const lit = light.dusk > 0.3 && lattice(bay, floor, box.seed ^ 77) < 0.45
    if (lit) {
      const glow = (shop ? 235 : 215) * light.dusk
      canvas.rgb[3 * at] = glow + 20
      canvas.rgb[3 * at + 1] = glow * 0.8 + 18
      canvas.rgb[3 * at + 2] = glow * 0.46 + 16
      return
    }
    const k = 0.5 + 0.8 * draw
    put(canvas, at, light, sunny * 0.4, 58 * k, 70 * k, 84 * k, z)
    return
  }
  const trim = y > 0.93 || up > roofLine - 0.3 ? 1.14 : 1
  const soot = up < 0.6 ? 0.74 : 1
  const k = (0.88 + 0.24 * noise(along * 2.2, up * 2.2, box.seed)) * trim * soot
  put(canvas, at, light, sunny, r * k, g * k, b * k, z)
}

/** Sky above the horizon and ground below it, wherever no box was painted. */
export function paintGround(canvas: Canvas, scene: Scene): void {
  for (let row = 0; row < canvas.height; row++) {
    for (let column = 0; column < canvas.width; column++) {
      const at = row * canvas.width + column
      if (canvas.depth[at] !== Number.POSITIVE_INFINITY) continue
      const below = row + 0.5 - canvas.horizonAt(column + 0.5)
      if (below <= 0) {
        sky(canvas, at, scene, column, -below)
        continue
      }
      const z = (canvas.focal * canvas.eye) / below
      ground(canvas, at, scene, ((column + 0.5 - canvas.centre) / canvas.focal) * z, z)
    }
  }
}

function sky(canvas: Canvas, at: number, scene: Scene, column: number, above: number): void {
  const { skyTop, skyLow, cloud } = scene.light
  const t = Math.min(1, above / (canvas.height * 0.5))
  const blend = t * (2 - t)
  const x = (column - canvas.centre) / canvas.focal
  const flat = 1.2 / (0.12 + above / canvas.focal)
  const puff =
    0.65 * noise(x * flat * 1.6, flat * 1.9, scene.seed) +
    0.35 * noise(x * flat * 4, flat * 4.6, scene.seed ^ 5)
  const white =
    Math.max(0, Math.min(1, (puff - 1 + cloud * 0.8) * 3)) * (1 - 0.4 * scene.light.dusk)
  canvas.label[at] = SKY
  for (let i = 0; i < 3; i++) {
    const clear = skyLow[i] + (skyTop[i] - skyLow[i]) * blend
    canvas.rgb[3 * at + i] = clear + (Math.min(250, skyLow[i] * 1.12) - clear) * white * 0.8
  }
}

function ground(canvas: Canvas, at: number, scene: Scene, x: number, z: number): void {
  const { roadLeft, roadRight, light } = scene
  const onRoad = x > roadLeft && x < roadRight
  canvas.label[at] = onRoad ? ROAD : PAVEMENT
  const sun = canvas.shade[at] ? 0 : inShadow(scene, x, z) ? 0.06 : 1
  // What a sample covers grows with distance: grain finer than that would only sparkle.
  const fine = Math.min(1, 9 / z)
  if (!onRoad) {
    paving(canvas, at, scene, x, z, sun, fine)
    return
  }
  let k = 0.92 + 0.16 * noise(x * 0.7, z * 0.18, scene.seed) - 0.08
  k += 0.22 * fine * (noise(x * 9, z * 9, scene.seed ^ 3) - 0.5)
  let [r, g, b] = scene.asphalt
  if (marked(scene, x, z)) {
    const wear = 0.55 + 0.45 * noise(x * 5, z * 3, scene.seed ^ 9)
    r += (226 - r) * wear
    g += (224 - g) * wear
    b += (214 - b) * wear
  }
  const mirror = scene.wet * Math.min(1, z / 22)
  put(canvas, at, light, sun, r * k, g * k, b * k, z)
  for (let i = 0; i < 3; i++)
    canvas.rgb[3 * at + i] += (light.skyLow[i] * 0.8 - canvas.rgb[3 * at + i]) * mirror
}

function paving(
  canvas: Canvas,
  at: number,
  scene: Scene,
  x: number,
  z: number,
  sun: number,
  fine: number,
): void {
  const [r, g, b] = scene.paving
  const gap = Math.min(Math.abs(x - scene.roadLeft), Math.abs(x - scene.roadRight))
  if (gap < 0.22) {
    put(canvas, at, scene.light, sun, r * 1.14, g * 1.14, b * 1.14, z)
    return
  }
  const slab = lattice(Math.floor(x / 0.8), Math.floor(z / 0.8), scene.seed)
  const joint = x / 0.8 - Math.floor(x / 0.8) < 0.1 || z / 0.8 - Math.floor(z / 0.8) < 0.1
  const k =
    0.95 +
    0.16 * fine * (slab - 0.5) -
    (joint ? 0.16 * fine : 0) +
    0.12 * (noise(x * 0.6, z * 0.4, scene.seed ^ 21) - 0.5)
  put(canvas, at, scene.light, sun, r * k, g * k, b * k, z)
}

/** Lane dashes in the middle, edge lines, and a zebra crossing. */
function marked(scene: Scene, x: number, z: number): boolean {
  const across = x - scene.roadLeft
  const width = scene.roadRight - scene.roadLeft
  if (scene.zebra && z > scene.zebra && z < scene.zebra + 2.6)
    return across > 0.3 && across < width - 0.3 && across % 1.1 < 0.55
  if (Math.abs(across - width / 2) < 0.09) return z % 6 < 3 && scene.lane > 0
  if (scene.lane < 0.7) return false
  return Math.abs(across - 0.35) < 0.07 || Math.abs(width - across - 0.35) < 0.07
}

/** Does the line from a ground point towards the sun pass through a house? */
function inShadow(scene: Scene, x: number, z: number): boolean {
  const { shadowX, shadowZ } = scene.light
  if (scene.light.sun[0] < 0.1 || z > 60) return false
  for (const box of scene.boxes) {
    if (box.label !== BUILDING || box.z0 > 80) continue
    const t0 = (x - (shadowX > 0 ? box.x1 : box.x0)) / shadowX
    const t1 = (x - (shadowX > 0 ? box.x0 : box.x1)) / shadowX
    if (t1 < 0 || t0 > box.height) continue
    const z0 = z - shadowZ * Math.max(0, t0)
    const z1 = z - shadowZ * Math.min(box.height, t1)
    if (Math.max(z0, z1) > box.z0 && Math.min(z0, z1) < box.z1) return true
  }
  return false
}
