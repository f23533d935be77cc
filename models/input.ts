// What a network expects of its images: they come as RGB in [0, 1], and the first thing it does is bring them to the
// form that its weights were trained with. So the same image goes into every network, and zero padding means the mean.

import { showType } from '../engine/dtype.ts'
import { ShapeError } from '../engine/errors.ts'
import { div, mul, sub } from '../engine/ops/arithmetic.ts'
import { indexSelect } from '../engine/ops/index-select.ts'
import { constant } from '../engine/ops/source.ts'
import type { Tensor } from '../engine/tensor.ts'
import { scope } from '../engine/trace.ts'
import { oneOf } from './options.ts'

/** `none`: as they are. `imagenet`: mean subtracted and divided by the deviation of ImageNet's colours, as torchvision, timm
 * and the code of Wu et al. 2019 have it. `caffe`: BGR in 0..255 with the mean colour subtracted, as the original ResNets have
 * it. */
export type InputForm = 'none' | 'imagenet' | 'caffe'

export const inputCheck = oneOf('none', 'imagenet', 'caffe')

const mean = [0.485, 0.456, 0.406]
const deviation = [0.229, 0.224, 0.225]
/** In the order blue, green, red. */
const caffeMean = [103.939, 116.779, 123.68]

/** What images are grown with, below and to the right, to a size that a network takes: their reflection, or a colour, RGB in
 * [0, 1]. */
export type ImagePadding = 'reflection' | readonly [r: number, g: number, b: number]

/** The mean colour that a form subtracts, RGB in [0, 1]; of `none`, which subtracts nothing, that of ImageNet. */
export function meanColour(form: InputForm): readonly [r: number, g: number, b: number] {
  const [r, g, b] = form === 'caffe' ? caffeMean.map((v) => v / 255).reverse() : mean
  return [r, g, b]
}

/** An image f32 [n, h, w, 3], RGB in [0, 1], in the form that a network was trained with. Throws ShapeError for what is none. */
export function inForm(image: Tensor, form: InputForm): Tensor {
  // One channel would be broadcast to three.
  checkImage('inForm', image, 1)
  if (form === 'none') return image
  return scope('input', () =>
    form === 'imagenet'
      ? div(sub(image, constant(mean)), constant(deviation))
      : sub(mul(indexSelect(image, constant(Int32Array.of(2, 1, 0)), 3), 255), constant(caffeMean)),
  )
}

/** Throws ShapeError, in the name of the network, for what is no image f32 [n, h, w, 3] with h and w multiples of `multiple`,
 * and for none; the hint says that one is to be grown with `padding`. */
export function checkImage(
  name: string,
  image: Tensor,
  multiple: number,
  padding: ImagePadding = 'reflection',
): void {
  const [n, h, w, c] = image.shape
  const isImage = image.shape.length === 4 && c === 3
  const divides = h % multiple === 0 && w % multiple === 0
  if (isImage && image.shape.includes(0))
    throw new ShapeError(
      name,
      n === 0 ? 'there are no images' : 'images have no pixels',
      [showType(image)],
      '',
      'leave such a batch out',
    )
  if (isImage && divides && image.dtype === 'f32') return
  const up = (n: number) => Math.ceil(n / multiple) * multiple
  const how = padding === 'reflection' ? 'by reflection' : `with the mean colour, ${padding}`
  const hint = divides
    ? 'cast it, and divide bytes by 255'
    : `pad it to ${up(h)} x ${up(w)} ${how}, its labels with void, and crop the logits`
  throw new ShapeError(
    name,
    `an image must be f32 [n, h, w, 3]${multiple > 1 ? ` with h and w multiples of ${multiple}` : ''}`,
    [showType(image)],
    '',
    isImage ? hint : 'put the colour channels last',
  )
}
