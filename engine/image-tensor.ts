// Images of a page as tensors on the device: the browser copies the pixels into a texture, on the GPU where it can, and a small
// kernel lays them out as networks want them. What a camera needs for its frames is kept from one to the next.

import { imageGrid, imageKernel } from '../shaders/image.ts'
import { type Buffer, usage } from './buffers.ts'
import type { Program } from './compile.ts'
import type { Device } from './device.ts'
import { DeviceTensor } from './device-tensor.ts'
import { isShape, storageBytes, type TensorType } from './dtype.ts'
import { OptionError, OutOfMemoryError } from './errors.ts'
import {
  type Crop,
  checkCrop,
  type ImageInput,
  type ImageSource,
  imageSize,
  openImage,
  writeImage,
} from './image-source.ts'
import { cast, div } from './ops/arithmetic.ts'
import type { Pair } from './ops/options.ts'
import { showBytes } from './print.ts'
import { resizedPicture } from './resized-picture.ts'
import type { Tensor } from './tensor.ts'

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
 * say the camera was held. Throws DataError for what is no image, or none yet, ShapeError for a crop outside of the image and an
 * image above the device's largest texture, OutOfMemoryError, OptionError. */
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
    checkCrop(crop, [h, w], device.gpu.limits.maxTextureDimension2D)
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

/** Tensors' buffers that are kept at rest. */
const MOST_SPARE = 2

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
    if (bytes > device.caps.maxBindingBytes)
      throw new OutOfMemoryError(
        `an image of ${height}×${width} takes ${showBytes(bytes)} as ${dtype}, and ${device.caps.name} binds at most ${showBytes(device.caps.maxBindingBytes)} at once`,
        "take it in tiles, by the option crop, or as dtype 'u8'",
      )
    const pipeline = await this.#pipeline(dtype)
    // In one go from here on: a frame of a video is gone afterwards, and the texture may become another image's.
    device.check()
    const kept = this.#spare.findIndex((b) => b.bytes === bytes)
    const isAllThere = kept >= 0 && this.#fits(crop)
    let buffer = kept >= 0 ? this.#spare.splice(kept, 1)[0] : undefined
    const fill = () => {
      buffer ??= device.buffers.make(bytes, 'image')
      this.#fill(image, crop, pipeline, buffer, bytes)
    }
    try {
      // Only what makes a texture or a buffer can be refused for want of memory: to ask costs a round trip.
      if (isAllThere) fill()
      else
        await device.guarded(fill, () => ({
          figures: `an image of ${height}×${width} needs ${showBytes(bytes + 4 * height * width)}`,
          hint: 'take it in tiles, by the option crop',
        }))
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
    this.#spare.push(buffer)
    while (this.#spare.length > MOST_SPARE) this.#device.buffers.free(this.#spare.shift()!)
  }

  #fits([, , height, width]: Crop): boolean {
    return this.#texture?.height === height && this.#texture.width === width
  }

  #forget(): void {
    for (const b of this.#spare.splice(0)) this.#device.buffers.free(b)
    this.#texture?.destroy()
    this.#texture = undefined
  }

  #fill(
    image: ImageSource,
    crop: Crop,
    pipeline: GPUComputePipeline,
    to: Buffer,
    bytes: number,
  ): void {
    const { gpu, buffers } = this.#device
    const [, , height, width] = crop
    if (!this.#fits(crop)) {
      this.#texture?.destroy()
      this.#texture = gpu.createTexture({
        label: 'image',
        size: [width, height],
        format: 'rgba8unorm',
        usage: textureUsage.copyDst | textureUsage.textureBinding | textureUsage.renderAttachment,
      })
    }
    const texture = this.#texture!
    this.#params ??= buffers.make(16, 'image sizes', usage.uniform | usage.copyDst)
    writeImage(gpu, image, texture, crop)
    gpu.queue.writeBuffer(this.#params.gpu, 0, new Uint32Array([width, width * height]))
    const group = gpu.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [
        { binding: 0, resource: { buffer: this.#params.gpu } },
        { binding: 1, resource: texture.createView() },
        { binding: 2, resource: { buffer: to.gpu, offset: to.offset, size: bytes } },
      ],
    })
    const encoder = gpu.createCommandEncoder()
    const pass = encoder.beginComputePass()
    pass.setPipeline(pipeline)
    pass.setBindGroup(0, group)
    pass.dispatchWorkgroups(...imageGrid(width * height))
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
