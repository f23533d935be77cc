// Images of a page as tensors on the device: the browser copies the pixels into a texture, on the GPU where it can, and a small
// kernel lays them out as networks want them; those of large ones come part by part through the same texture. What a camera needs for
// its frames is kept from one to the next.

import { IMAGE_PARAMS, imageGrid, imageKernel, imageWords } from '../../shaders/image.ts'
import type { Program } from '../compile.ts'
import type { Device } from '../device.ts'
import { DeviceTensor } from '../device-tensor.ts'
import { isShape, storageBytes, type TensorType } from '../dtype.ts'
import { OptionError, OutOfMemoryError } from '../errors.ts'
import { cast, div } from '../ops/arithmetic.ts'
import type { Pair } from '../ops/options.ts'
import { showBytes } from '../print.ts'
import { type Buffer, usage } from '../run/buffers.ts'
import type { Tensor } from '../tensor.ts'
import { imageParts, type Part } from './image-parts.ts'
import {
  type Crop,
  checkCrop,
  type ImageInput,
  type ImageSource,
  imageSize,
  openImage,
  writeImage,
} from './image-source.ts'
import { resizedPicture } from './resized-picture.ts'

export type { Crop, ImageInput, ImageSource } from './image-source.ts'
export { imageSize } from './image-source.ts'

export interface ImageOptions {
  /** Height and width of the tensor; default those of the image. By Pillow's bicubic rule, antialiased, rounded to bytes. */
  readonly size?: Pair
  /** The part of the image that is taken, [top, left, height, width] in its pixels, before it is resized; default all. */
  readonly crop?: Crop
  /** `f32`, k/255 in [0, 1] (default), or `u8`, the bytes k themselves. */
  readonly dtype?: 'f32' | 'u8'
}

/** An image as a tensor [1, h, w, 3], RGB in sRGB, which programs take as an argument; dispose it. Alpha is dropped: a colour
 * that is half transparent is itself, not darker. Opaque pictures give the very bytes of `getImageData`. Files are turned as they
 * say the camera was held. It may be larger than the device's largest texture. Throws DataError for what is no image, or none yet,
 * ShapeError for a crop outside of the image, OutOfMemoryError, also where no buffer of the device holds it, and OptionError. */
export async function imageTensor(
  device: Device,
  image: ImageInput,
  options: ImageOptions = {},
): Promise<DeviceTensor> {
  const { size, dtype = 'f32' } = options
  if (dtype !== 'f32' && dtype !== 'u8')
    throw new OptionError(`dtype: an image is taken as f32 or u8, not as ${dtype}`)
  if (size && !(isShape(size) && size.length === 2 && size[0] > 0 && size[1] > 0))
    throw new OptionError(`size: [${size}] is no height and width`, 'two whole numbers from 1')
  device.check()
  const uploads = uploadsOf(device)
  const { source, release } = await openImage(image)
  try {
    const [h, w] = imageSize(source)
    const crop = options.crop ?? [0, 0, h, w]
    checkCrop(crop, [h, w])
    if (!size || (size[0] === crop[2] && size[1] === crop[3]))
      return await uploads.tensor(source, crop, dtype)
    using whole = await uploads.tensor(source, crop, 'u8')
    return await uploads.resize.run(whole.donate(), JSON.stringify(size), dtype)
  } finally {
    release()
  }
}

const known = new WeakMap<Device, ImageUploads>()

function uploadsOf(device: Device): ImageUploads {
  const uploads = known.get(device) ?? new ImageUploads(device)
  known.set(device, uploads)
  return uploads
}

/** Tensors' buffers that are kept at rest, for cameras: not those of large photographs. */
const MOST_SPARE = 2
const MOST_SPARE_BYTES = 2 ** 27

// As numbers: Node has no such globals.
const textureUsage = { copyDst: 2, textureBinding: 4, renderAttachment: 16 } as const

/** What the images of a device have in common. */
class ImageUploads {
  readonly resize: Program<Tensor>
  readonly #device: Device
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>()
  readonly #spare: Buffer[] = []
  #texture: GPUTexture | undefined
  #params: Buffer | undefined

  constructor(device: Device) {
    this.#device = device
    this.resize = device.compile((bytes: Tensor, size: string, dtype: string) => {
      const resized = resizedPicture(bytes, JSON.parse(size) as Pair)
      return dtype === 'u8' ? resized : div(cast(resized, 'f32'), 255)
    })
  }

  async tensor(image: ImageSource, crop: Crop, dtype: 'f32' | 'u8'): Promise<DeviceTensor> {
    const device = this.#device
    const [, , height, width] = crop
    const type: TensorType = { dtype, shape: [1, height, width, 3] }
    const bytes = storageBytes(type)
    const { caps } = device
    const large = () => ({
      figures: `an image of ${height}×${width} needs ${showBytes(bytes)} as ${dtype}`,
      hint: `take it in tiles, by the option crop${dtype === 'u8' ? '' : ", or as dtype 'u8'"}`,
    })
    if (bytes > caps.maxBufferBytes)
      throw new OutOfMemoryError(
        `${large().figures}, and ${caps.name} has buffers of at most ${showBytes(caps.maxBufferBytes)}`,
        large().hint,
      )
    const parts = imageParts(crop, {
      ...{ side: caps.maxTextureSide, bindingBytes: caps.maxBindingBytes },
      pixelBytes: dtype === 'u8' ? 3 : 12,
    })
    if (parts.some((part) => part.bytes > caps.maxBindingBytes))
      throw new OutOfMemoryError(
        `${large().figures}, and ${caps.name} binds at most ${showBytes(caps.maxBindingBytes)}, less than a row of it`,
        large().hint,
      )
    const pipeline = await this.#pipeline(dtype)
    // In one go from here on: a frame of a video is gone afterwards, and the texture may become another image's.
    device.check()
    const kept = this.#spare.findIndex((b) => b.bytes === bytes)
    const isAllThere = kept >= 0 && this.#fits(parts[0])
    let buffer = kept >= 0 ? this.#spare.splice(kept, 1)[0] : undefined
    const fill = () => {
      buffer ??= device.buffers.make(bytes, 'image')
      for (const part of parts) this.#fill(image, part, pipeline, buffer)
    }
    try {
      // Only what makes a texture or a buffer can be refused for want of memory: to ask costs a round trip.
      if (isAllThere) fill()
      else await device.guarded(fill, large)
    } catch (error) {
      if (buffer) device.buffers.free(buffer)
      this.#forget()
      throw error
    }
    return this.#result(type, buffer!)
  }

  // Apart from the rest: what gives a buffer back must not lead to the tensor.
  #result(type: TensorType, buffer: Buffer): DeviceTensor {
    return new DeviceTensor(this.#device, type, buffer, () => this.#giveBack(buffer))
  }

  #giveBack(buffer: Buffer): void {
    if (buffer.bytes > MOST_SPARE_BYTES) this.#device.buffers.free(buffer)
    else this.#spare.push(buffer)
    while (this.#spare.length > MOST_SPARE) this.#device.buffers.free(this.#spare.shift()!)
  }

  #fits({ size: [width, height] }: Part): boolean {
    return this.#texture?.height === height && this.#texture.width === width
  }

  #forget(): void {
    for (const b of this.#spare.splice(0)) this.#device.buffers.free(b)
    this.#texture?.destroy()
    this.#texture = undefined
  }

  /** The first of an image's parts makes the texture, which is large enough for the others. */
  #fill(image: ImageSource, part: Part, pipeline: GPUComputePipeline, to: Buffer): void {
    const { gpu, buffers } = this.#device
    const isFirst = part.corner.every((n) => n === 0)
    if (isFirst && !this.#fits(part)) {
      this.#texture?.destroy()
      this.#texture = gpu.createTexture({
        label: 'image',
        size: [...part.size],
        format: 'rgba8unorm',
        usage: textureUsage.copyDst | textureUsage.textureBinding | textureUsage.renderAttachment,
      })
    }
    const texture = this.#texture!
    this.#params ??= buffers.make(IMAGE_PARAMS, 'image part', usage.uniform | usage.copyDst)
    writeImage(gpu, image, texture, part.crop)
    gpu.queue.writeBuffer(this.#params.gpu, 0, imageWords(part) as Uint32Array<ArrayBuffer>)
    const { offset, bytes } = part
    const size = Math.min(bytes, to.bytes - offset)
    const group = gpu.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [
        { binding: 0, resource: { buffer: this.#params.gpu } },
        { binding: 1, resource: texture.createView() },
        { binding: 2, resource: { buffer: to.gpu, offset: to.offset + offset, size } },
      ],
    })
    const encoder = gpu.createCommandEncoder()
    const pass = encoder.beginComputePass()
    pass.setPipeline(pipeline)
    pass.setBindGroup(0, group)
    pass.dispatchWorkgroups(...imageGrid(part.end - part.first))
    pass.end()
    gpu.queue.submit([encoder.finish()])
  }

  #pipeline(dtype: 'f32' | 'u8'): Promise<GPUComputePipeline> {
    let made = this.#pipelines.get(dtype)
    if (!made) {
      const { gpu } = this.#device
      const module = gpu.createShaderModule({ code: imageKernel(dtype), label: `image ${dtype}` })
      made = gpu.createComputePipelineAsync({
        label: `image ${dtype}`,
        layout: 'auto',
        compute: { module, entryPoint: 'main' },
      })
      this.#pipelines.set(dtype, made)
      made.catch(() => this.#pipelines.delete(dtype))
    }
    return made
  }
}
