// Results on a canvas, without a way over the host: the tensors stay where they are, and a small shader paints them. What is
// painted how may change with each drawing, as a slider does; the network does not run again.

import {
  NO_CLASS,
  type ViewParams,
  type ViewStructure,
  viewKey,
  viewShader,
  viewWords,
} from '../../shaders/view.ts'
import type { Device } from '../device.ts'
import type { DeviceTensor } from '../device-tensor.ts'
import { DeviceError, OptionError, OutOfMemoryError } from '../errors.ts'
import type { Pair } from '../ops/options.ts'
import { hostTensor } from '../ops/source.ts'
import { showBytes } from '../print.ts'
import { type Buffer, usage, writePadded } from '../run/buffers.ts'
import { heatRamp, rampColour } from './ramp.ts'
import { type Bound, canvasSize, type Painted, viewBands } from './view-bands.ts'
import { checkOptions, checkShown, type Mode, type ViewOptions } from './view-options.ts'

export type { ViewOptions } from './view-options.ts'

/** Steps of a ramp on the device. */
const RAMP = 256

/** Paints tensors of one device onto a canvas of the same thread. Tensors stay their owners': keep those that are shown until others
 * are, then dispose them. The canvas gets as many pixels as the image has, or else the classes or scores; where the device has no canvas
 * of that size, or it had more than 2²⁶ pixels, fewer in the same proportion, each the nearest of the picture's. How large it is on the
 * page is up to CSS. For a canvas in a page and a device in a worker, give the worker `canvas.transferControlToOffscreen()`. */
export class CanvasView {
  /** RGB, f32 [1, h, w, 3] in [0, 1] or u8. */
  image: DeviceTensor | undefined
  /** u8, i32 or u32 [1, h, w]; stretched to the image by nearest pixels where its size is another. */
  classes: DeviceTensor | undefined
  /** f32 [1, h, w] or [1, h, w, c]; stretched likewise. NaN leaves the image. */
  scores: DeviceTensor | undefined
  readonly device: Device
  readonly canvas: HTMLCanvasElement | OffscreenCanvas
  readonly #context: GPUCanvasContext
  readonly #format: GPUTextureFormat
  readonly #params: Buffer
  readonly #pipelines = new Map<string, Promise<GPURenderPipeline>>()
  #colours: Buffer
  #last: ViewOptions = {}
  #turn = 0

  /** Throws DeviceError where the canvas cannot be drawn on: it has another context, or belongs to a worker. */
  constructor(device: Device, canvas: HTMLCanvasElement | OffscreenCanvas) {
    device.check()
    this.device = device
    this.canvas = canvas
    this.#context = contextOf(canvas)
    this.#format = navigator.gpu.getPreferredCanvasFormat()
    this.#context.configure({ device: device.gpu, format: this.#format, alphaMode: 'opaque' })
    this.#params = device.buffers.make(64, 'view', usage.uniform | usage.copyDst)
    this.#colours = device.buffers.make(4 * RAMP, 'colours')
  }

  /** Paints. Resolves when the commands are on their way; what a later call shows is not painted over by an earlier one. Options are
   * these alone, whatever was asked for before. Throws ShapeError for tensors of other types, OptionError, and DeviceError for tensors
   * that are disposed or another device's. */
  async show(options: ViewOptions = {}): Promise<void> {
    const turn = ++this.#turn
    this.device.check()
    const { structure } = this.#wanted(options)
    this.#last = options
    const pipeline = await this.#pipeline(structure)
    if (turn !== this.#turn) return
    // Tensors of other types may have been set meanwhile.
    if (viewKey(this.#wanted(options).structure) !== viewKey(structure)) return this.show(options)
    this.#paint(pipeline, options)
  }

  /** What is shown as a file, such as a PNG; it is painted again for that. */
  async blob(type = 'image/png', quality?: number): Promise<Blob> {
    const { canvas } = this
    // A browser keeps what was painted for this task only.
    await this.show(this.#last)
    if ('convertToBlob' in canvas) return canvas.convertToBlob({ type, quality })
    return new Promise((resolve, reject) => {
      const failed = () => reject(new DeviceError(`the browser gave no ${type} of the canvas`))
      canvas.toBlob((blob) => (blob ? resolve(blob) : failed()), type, quality)
    })
  }

  /** Gives its own memory back; the canvas keeps nothing. */
  dispose(): void {
    if (this.#turn < 0) return
    this.#turn = Number.NEGATIVE_INFINITY
    // Unless another view has the canvas by now, as one of a device that came after this one was lost.
    if (this.#context.getConfiguration?.()?.device === this.device.gpu) this.#context.unconfigure()
    this.device.buffers.free(this.#params)
    this.device.buffers.free(this.#colours)
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  /** What these options ask for, with all that is wrong about it refused. */
  #wanted(options: ViewOptions) {
    if (this.#turn < 0) throw new DeviceError('a disposed view was shown', 'make another')
    const mode = options.mode ?? this.#default()
    checkOptions(mode, options)
    const map = mode === 'scores' ? this.scores : mode === 'image' ? undefined : this.classes
    const image = mode === 'classes' ? undefined : this.image
    if (mode === 'image' ? !image : !map) {
      const name = mode === 'scores' || mode === 'image' ? mode : 'classes'
      throw new OptionError(
        `mode: '${mode}' needs ${name}, and there are none`,
        `set the view's ${name}`,
      )
    }
    checkShown(this.device, 'image', this.image)
    checkShown(this.device, 'classes', this.classes)
    checkShown(this.device, 'scores', this.scores)
    const channels = mode === 'scores' ? (map?.shape[3] ?? 1) : 1
    if (mode === 'scores' && (options.class ?? 0) >= channels)
      throw new OptionError(`class: ${options.class} of scores of ${channels}`)
    const structure = {
      mode: mode === 'overlay' ? 'classes' : mode,
      ...(image && { image: image.dtype }),
      ...(mode !== 'scores' && map && { classes: map.dtype }),
    } as ViewStructure
    return { mode, structure, image, map, channels, size: sizeOf((this.image ?? map)!) }
  }

  #default(): Mode {
    if (this.classes) return this.image ? 'overlay' : 'classes'
    return this.image || !this.scores ? 'image' : 'scores'
  }

  #paint(pipeline: GPURenderPipeline, options: ViewOptions): void {
    const { canvas, device } = this
    // Asked again: a tensor may have been disposed or changed for another meanwhile.
    const { mode, structure, image, map, channels, size } = this.#wanted(options)
    const { maxTextureSide, maxBindingBytes } = device.caps
    const [height, width] = canvasSize(size, maxTextureSide)
    if (canvas.width !== width) canvas.width = width
    if (canvas.height !== height) canvas.height = height
    const colours = this.#writeColours(mode, options)
    const { range = [0, 1] } = options
    const words: Omit<ViewParams, 'first'> = {
      canvas: [width, height],
      image: image ? toWidth(image) : [1, 1],
      map: map ? toWidth(map) : [1, 1],
      channels,
      channel: options.class ?? 0,
      colours,
      chosen: options.class ?? NO_CLASS,
      outline: options.outline ?? false,
      share: mode === 'classes' ? 1 : (options.blend ?? (mode === 'scores' ? 1 : 0.5)),
      least: range[0],
      most: range[1],
    }
    const shown = [image, map].filter((t) => t !== undefined)
    const painted = shown.map((t) => paintedOf(t, t === image ? 3 : channels))
    // The lines between classes look at the rows beside theirs.
    const bands = viewBands([height, width], painted, maxBindingBytes, options.outline ? 1 : 0)
    const most = Math.max(...bands.flatMap(({ bound }) => bound.map(({ bytes }) => bytes)))
    if (most > maxBindingBytes)
      throw new OutOfMemoryError(
        `a row of ${height} needs ${showBytes(most)} of what is shown, and ${device.caps.name} binds at most ${showBytes(maxBindingBytes)}`,
        'show it smaller, or a part of it',
      )
    const texture = this.#context.getCurrentTexture().createView()
    for (const { rows, bound } of bands) {
      const ofImage = image && bound[0]
      const ofMap = map && bound[shown.length - 1]
      const first = [ofImage?.first ?? 0, ofMap?.first ?? 0] as const
      // What is written is there for the commands that are submitted next, and for no later ones.
      device.gpu.queue.writeBuffer(this.#params.gpu, 0, viewWords({ ...words, first }))
      const group = device.gpu.createBindGroup({
        layout: pipeline.getBindGroupLayout(0),
        entries: [
          entry(0, this.#params),
          ...(structure.mode === 'image' ? [] : [entry(1, this.#colours)]),
          ...(image ? [entry(2, image.buffer, ofImage)] : []),
          ...(map ? [entry(3, map.buffer, ofMap)] : []),
        ],
      })
      const encoder = device.gpu.createCommandEncoder()
      const loadOp = rows[0] ? ('load' as const) : ('clear' as const)
      const pass = encoder.beginRenderPass({
        colorAttachments: [{ view: texture, loadOp, storeOp: 'store' }],
      })
      pass.setScissorRect(0, rows[0], width, rows[1] - rows[0])
      pass.setPipeline(pipeline)
      pass.setBindGroup(0, group)
      pass.draw(3)
      pass.end()
      device.gpu.queue.submit([encoder.finish()])
    }
  }

  /** How many there are. */
  #writeColours(mode: Mode, { palette = [], ramp = heatRamp }: ViewOptions): number {
    const colours =
      mode === 'scores'
        ? Array.from({ length: RAMP }, (_, i) => rampColour(i / (RAMP - 1), ramp))
        : palette
    const words = new Uint32Array(colours.map(([r, g, b]) => r | (g << 8) | (b << 16)))
    if (!words.length) return 0
    if (words.byteLength > this.#colours.bytes) {
      this.device.buffers.free(this.#colours)
      this.#colours = this.device.buffers.make(words.byteLength, 'colours')
    }
    writePadded(this.device.gpu, this.#colours, hostTensor(words, [words.length]))
    return words.length
  }

  #pipeline(structure: ViewStructure): Promise<GPURenderPipeline> {
    const label = viewKey(structure)
    let made = this.#pipelines.get(label)
    if (!made) {
      const module = this.device.gpu.createShaderModule({ code: viewShader(structure), label })
      made = this.device.gpu.createRenderPipelineAsync({
        label,
        layout: 'auto',
        vertex: { module, entryPoint: 'corners' },
        fragment: { module, entryPoint: 'paint', targets: [{ format: this.#format }] },
      })
      this.#pipelines.set(label, made)
      made.catch(() => this.#pipelines.delete(label))
    }
    return made
  }
}

const sizeOf = ({ shape: [, h, w] }: DeviceTensor): Pair => [h, w]
const toWidth = ({ shape: [, h, w] }: DeviceTensor): Pair => [w, h]

const paintedOf = (t: DeviceTensor, elements: number): Painted => ({
  ...{ size: sizeOf(t), elements, elementBytes: t.dtype === 'u8' ? 1 : 4 },
  bytes: t.buffer.bytes,
})

const entry = (binding: number, { gpu, offset, bytes }: Buffer, bound?: Bound) => ({
  binding,
  resource: { buffer: gpu, offset: offset + (bound?.offset ?? 0), size: bound?.bytes ?? bytes },
})

function contextOf(canvas: HTMLCanvasElement | OffscreenCanvas): GPUCanvasContext {
  let context: GPUCanvasContext | null = null
  try {
    context = canvas.getContext('webgpu') as GPUCanvasContext | null
  } catch {
    // One that was transferred throws.
  }
  if (context) return context
  throw new DeviceError(
    'the canvas gave no WebGPU context',
    'it has a context of another kind already, or was given to a worker: make a new one',
  )
}
