// What lib-view.test.ts runs inside the page: tensors are painted, and the canvas is read as a person's eye would.

import {
  add,
  CanvasView,
  type Device,
  type DeviceOptions,
  type DeviceTensor,
  type HostArray,
  heatRamp,
  hostTensor,
  openDevice,
  type Rgb,
  rampColour,
  type ViewOptions,
} from '../../engine/index.ts'

const [height, width] = [6, 7]
const palette: readonly Rgb[] = [
  [255, 0, 0],
  [0, 128, 64],
  [13, 77, 201],
]

let opened: Promise<Device> | undefined
const device = () => (opened ??= openDevice())

/** A result of a program, as a network's is. */
async function tensor(data: HostArray, shape: number[]): Promise<DeviceTensor> {
  const program = (await device()).compile((x) => add(x, 0))
  return program.run(hostTensor(data, shape))
}

const count = height * width
const imageBytes = Uint8Array.from({ length: 3 * count }, (_, i) => (i * 29) % 256)
/** Class 3 has no colour, as void has none. */
const classData = Array.from({ length: count }, (_, i) =>
  i % 11 === 0 ? 3 : Math.floor(i / 9) % 3,
)

/** RGB of every pixel. */
function seen(canvas: CanvasImageSource, h = height, w = width): number[][] {
  const context = new OffscreenCanvas(w, h).getContext('2d')!
  context.drawImage(canvas, 0, 0)
  const { data } = context.getImageData(0, 0, w, h)
  return Array.from({ length: h * w }, (_, i) => [...data.subarray(4 * i, 4 * i + 3)])
}

const imageAt = (i: number) => [...imageBytes.subarray(3 * i, 3 * i + 3)]
const mixed = (below: readonly number[], over: readonly number[], share: number) =>
  below.map((b, c) => b + (over[c] - b) * share)

/** The largest difference of two pictures. */
const apart = (a: readonly (readonly number[])[], b: readonly (readonly number[])[]): number =>
  a.length === b.length
    ? Math.max(...a.flatMap((pixel, i) => pixel.map((v, c) => Math.abs(v - b[i][c]))))
    : Number.POSITIVE_INFINITY

async function view(canvas: HTMLCanvasElement | OffscreenCanvas = new OffscreenCanvas(1, 1)) {
  const v = new CanvasView(await device(), canvas)
  v.image = await tensor(
    Float32Array.from(imageBytes, (k) => k / 255),
    [1, height, width, 3],
  )
  v.classes = await tensor(Uint8Array.from(classData), [1, height, width])
  return v
}

/** How far what is painted is from what it should be, for each mode. */
export async function modes() {
  const v = await view()
  const { canvas } = v
  const off: Record<string, number> = {}
  const check = async (
    name: string,
    options: ViewOptions,
    at: (i: number) => readonly number[],
  ) => {
    await v.show({ palette, ...options })
    off[name] = apart(
      seen(canvas),
      classData.map((_, i) => at(i)),
    )
  }
  const image = v.image
  const overlay = (share: (k: number) => number) => (i: number) => {
    const k = classData[i]
    return k < 3 ? mixed(imageAt(i), palette[k], share(k)) : imageAt(i)
  }
  await check('image', { mode: 'image' }, imageAt)
  await check(
    'overlay by default',
    {},
    overlay(() => 0.5),
  )
  await check('blend 0', { blend: 0 }, imageAt)
  await check(
    'blend 0.3',
    { blend: 0.3 },
    overlay(() => 0.3),
  )
  await check(
    'class 1',
    { blend: 0.8, class: 1 },
    overlay((k) => (k === 1 ? 0.8 : 0.1)),
  )
  await check('classes', { mode: 'classes' }, (i) => palette[classData[i]] ?? [0, 0, 0])
  v.image = await tensor(imageBytes, [1, height, width, 3])
  await check('u8 image', { mode: 'image' }, imageAt)
  v.classes = await tensor(
    Int32Array.from(classData, (k) => (k === 3 ? -1 : k)),
    [1, height, width],
  )
  await check(
    'i32 classes',
    {},
    overlay(() => 0.5),
  )
  v.image = image
  const scores = Float32Array.from(classData, (_, i) => i / 20 - 0.2)
  scores[3] = Number.NaN
  v.scores = await tensor(scores, [1, height, width])
  const heat = (i: number, least: number, most: number, share: number) => {
    if (Number.isNaN(scores[i])) return imageAt(i)
    const strength = Math.min(1, Math.max(0, (scores[i] - least) / (most - least)))
    return mixed(imageAt(i), rampColour(strength, heatRamp), share)
  }
  await check('scores', { mode: 'scores' }, (i) => heat(i, 0, 1, 1))
  const range = [-1, 2] as const
  await check('scores over', { mode: 'scores', blend: 0.4, range }, (i) => heat(i, -1, 2, 0.4))
  const twice = Float32Array.from({ length: 2 * count }, (_, i) =>
    i % 2 ? scores[(i - 1) / 2] : 9,
  )
  v.scores = await tensor(twice, [1, height, width, 2])
  await check('channel 1', { mode: 'scores', class: 1 }, (i) => heat(i, 0, 1, 1))
  return off
}

/** Where the white line runs: around class 1, and between all. */
export async function outlines() {
  const v = await view()
  const grid = ['0000000', '0111100', '0111100', '0111100', '0000000', '2222222'].join('')
  v.classes = await tensor(Uint8Array.from(grid, Number), [1, height, width])
  v.image = undefined
  const dark: readonly Rgb[] = [
    [0, 0, 0],
    [9, 9, 9],
    [20, 20, 20],
  ]
  const line = async (options: ViewOptions) => {
    await v.show({ mode: 'classes', palette: dark, outline: true, ...options })
    const marks = seen(v.canvas).map(([r]) => (r === 255 ? '#' : '.'))
    return Array.from({ length: height }, (_, y) =>
      marks.slice(y * width, (y + 1) * width).join(''),
    )
  }
  return { one: await line({ class: 1 }), all: await line({}) }
}

/** Classes at a quarter of the image's size, and a canvas that follows the size of what is shown. */
export async function sizes() {
  const v = await view()
  v.classes = await tensor(Uint8Array.of(0, 1, 2, 0), [1, 2, 2])
  await v.show({ palette, mode: 'classes' })
  const stretched = seen(v.canvas)
  const expected = Array.from({ length: count }, (_, i) => {
    const [y, x] = [Math.floor(i / width), i % width]
    return palette[
      [0, 1, 2, 0][2 * Math.floor(((y + 0.5) * 2) / height) + Math.floor(((x + 0.5) * 2) / width)]
    ]
  })
  v.image = undefined
  await v.show({ palette })
  return { off: apart(stretched, expected), size: [v.canvas.height, v.canvas.width] }
}

/** Pictures above what a canvas or a binding of the device holds, against those of a device that has room: how many pixels differ in
 * each mode, and the canvas of the small one. */
export async function beyondCanvas() {
  const [h, w, channels] = [61, 43, 3]
  const data = {
    image: Uint8Array.from({ length: 3 * h * w }, (_, i) => (i * 29) % 256),
    classes: Uint8Array.from(
      { length: h * w },
      (_, i) => (Math.floor(i / 300) + (i % w > 20 ? 1 : 0)) % 3,
    ),
    scores: Float32Array.from({ length: channels * h * w }, (_, i) => (i % 97) / 97),
  }
  const on = async (options: DeviceOptions) => {
    const opened = await openDevice(options)
    const program = opened.compile((x) => add(x, 0))
    const v = new CanvasView(opened, new OffscreenCanvas(1, 1))
    v.image = await program.run(hostTensor(data.image, [1, h, w, 3]))
    v.classes = await program.run(hostTensor(data.classes, [1, h, w]))
    v.scores = await program.run(hostTensor(data.scores, [1, h, w, channels]))
    return v
  }
  const roomy = await on({})
  const bands = await on({ bindingBytes: 2048 })
  const scaled = await on({ textureSide: 20, bindingBytes: 2048 })
  const out: Record<string, number> = {}
  const modes: Record<string, ViewOptions> = {
    image: { mode: 'image' },
    overlay: { palette, blend: 0.4 },
    outline: { palette, outline: true },
    chosen: { palette, outline: true, class: 1 },
    classes: { mode: 'classes', palette },
    scores: { mode: 'scores', class: 2, blend: 0.7 },
  }
  const size: number[] = []
  for (const [name, options] of Object.entries(modes)) {
    for (const v of [roomy, bands, scaled]) await v.show(options)
    const whole = seen(roomy.canvas, h, w)
    out[name] = apart(seen(bands.canvas, h, w), whole)
    size.splice(0, 2, scaled.canvas.height, scaled.canvas.width)
    // A line between classes is a pixel of the canvas wide.
    if (options.outline) continue
    const [rows, columns] = size
    const at = (i: number, n: number, of: number) => Math.floor(((2 * i + 1) * of) / (2 * n))
    const nearest = Array.from(
      { length: rows * columns },
      (_, i) => at(Math.floor(i / columns), rows, h) * w + at(i % columns, columns, w),
    )
    out[`${name}, smaller`] = apart(
      seen(scaled.canvas, rows, columns),
      nearest.map((i) => whole[i]),
    )
  }
  return { out, size }
}

/** A hundred blends of one result: nothing is read back, no buffer is made; and the last of calls at once is what stays. */
export async function withoutReadBack() {
  const v = await view()
  await v.show({ palette })
  let mapped = 0
  const { mapAsync } = GPUBuffer.prototype
  GPUBuffer.prototype.mapAsync = function (...args) {
    mapped++
    return mapAsync.apply(this, args)
  }
  const before = (await device()).stats().buffersMade
  for (let i = 0; i < 100; i++) await v.show({ palette, blend: i / 99 })
  const { buffersMade } = (await device()).stats()
  const other = await view()
  // The first needs a pipeline that is not there yet.
  await Promise.all([
    other.show({ palette, mode: 'classes' }),
    other.show({ palette, mode: 'image' }),
  ])
  const last = apart(
    seen(other.canvas),
    classData.map((_, i) => imageAt(i)),
  )
  return { mapped, made: buffersMade - before, last }
}

/** A canvas whose device is lost goes on with the next one, also once the first view is disposed. */
export async function afterLoss() {
  const first = await openDevice()
  const canvas = document.createElement('canvas')
  const lost = new CanvasView(first, canvas)
  first.gpu.destroy()
  await first.lost
  const said = await lost.show().then(() => 'shown', String)
  const v = await view(canvas)
  lost.dispose()
  await v.show({ mode: 'image' })
  return {
    said,
    off: apart(
      seen(canvas),
      classData.map((_, i) => imageAt(i)),
    ),
  }
}

/** A canvas of the page, and what a download of it holds; then it is left for the picture. */
export async function onThePage() {
  const canvas = document.createElement('canvas')
  canvas.style.cssText = 'width: 280px; image-rendering: pixelated'
  document.body.append(canvas)
  const v = await view(canvas)
  await v.show({ mode: 'classes', palette })
  const file = await v.blob()
  const bitmap = await createImageBitmap(file)
  const expected = classData.map((k) => palette[k] ?? [0, 0, 0])
  return { type: file.type, off: apart(seen(bitmap), expected) }
}

/** The same in a worker, on a canvas of the page. */
export function inWorker(): Promise<unknown> {
  const code = `import { paintGiven } from '${import.meta.url}'
    onmessage = ({ data }) => paintGiven(data).then(postMessage, (e) => postMessage(String(e)))`
  const url = URL.createObjectURL(new Blob([code], { type: 'text/javascript' }))
  const worker = new Worker(url, { type: 'module' })
  const canvas = document.createElement('canvas')
  document.body.append(canvas)
  const given = canvas.transferControlToOffscreen()
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data)
    worker.onerror = ({ message }) => reject(new Error(message))
    // A module worker listens once it is loaded; what came before waits.
    worker.postMessage(given, [given])
  })
}

export async function paintGiven(canvas: OffscreenCanvas) {
  const v = await view(canvas)
  await v.show({ mode: 'classes', palette })
  return apart(
    seen(canvas),
    classData.map((k) => palette[k] ?? [0, 0, 0]),
  )
}

/** What each thing that cannot be shown says. */
export async function refusals() {
  const v = await view()
  const said = (options: ViewOptions) => v.show(options).then(() => 'shown', String)
  const out: Record<string, string> = {
    palette: await said({}),
    blend: await said({ palette, blend: 2 }),
    mode: await said({ palette, mode: 'mask' as 'image' }),
    scores: await said({ mode: 'scores' }),
    range: await said({ mode: 'image', range: [1, 1] }),
    colour: await said({ palette: [[256, 0, 0]] }),
  }
  const { classes } = v
  v.classes = v.image
  out['shape'] = await said({ palette })
  v.classes = classes
  classes!.dispose()
  out['disposed'] = await said({ palette })
  const other = await openDevice()
  const theirs = new CanvasView(other, new OffscreenCanvas(1, 1))
  theirs.image = v.image
  out['device'] = await theirs.show().then(() => 'shown', String)
  const taken = new OffscreenCanvas(1, 1)
  taken.getContext('2d')
  try {
    new CanvasView(other, taken)
  } catch (error) {
    out['canvas'] = String(error)
  }
  const before = (await device()).stats().allocatedBytes
  const short = new CanvasView(await device(), new OffscreenCanvas(1, 1))
  short.dispose()
  short.dispose()
  out['left'] = String((await device()).stats().allocatedBytes - before)
  out['ended'] = await short.show().then(() => 'shown', String)
  return out
}
