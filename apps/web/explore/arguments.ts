// The arguments of a function, by their types, and values for them.

import { type DType, hostArray, isDType, sizeOf, type TensorType } from '../../../engine/dtype.ts'
import { OptionError } from '../../../engine/errors.ts'
import type { HostTensor } from '../../../engine/tensor.ts'
import { Random } from '../../../train/random.ts'
import { streetPainter } from '../../../train/scenes/street.ts'
import { CodeError } from './evaluate.ts'

/** An argument: its type, and for whole numbers how many different ones are drawn. */
export interface InputSpec extends TensorType {
  readonly below: number
}

const syntax = /^(\w+)\[([\d,\s]*)\](?:<(\d+))?$/

/** Of `f32[4,3] u8[4]<5`: types as the text printer writes them; `<5` draws whole numbers from 0 to 4. Throws CodeError. */
export function inputsOf(text: string): InputSpec[] {
  const parts = text.trim().split(/\s+(?![^[]*\])|,\s*(?![^[]*\])/)
  return parts.filter(Boolean).map((part) => {
    const found = syntax.exec(part)
    const [dtype, shape, below] = found?.slice(1) ?? []
    if (!found || !isDType(dtype))
      throw new CodeError(
        `'${part}' is no type of an argument`,
        undefined,
        'write them as f32[4,3] or, for labels below 5, i32[4]<5',
      )
    const sizes = shape.split(',').filter((s) => s.trim())
    return { dtype: dtype as DType, shape: sizes.map(Number), below: Number(below ?? 10) }
  })
}

/** More elements than anybody wants to see flow through a page. */
const MOST = 2 ** 22

/** Values for arguments, the same at every call: drawn street scenes for what is as large as a picture, else normal numbers, or
 * whole ones. Throws OptionError for very large ones. */
export function valuesFor(inputs: readonly InputSpec[]): HostTensor[] {
  return inputs.map(({ dtype, shape, below }, i) => {
    const count = sizeOf(shape)
    if (count > MOST)
      throw new OptionError(
        `argument ${i} has ${count} elements`,
        `this page draws at most ${MOST}; use a smaller shape`,
      )
    const random = new Random(1 + i)
    const data = hostArray(dtype, count)
    const [, h, w] = shape
    if (dtype === 'f32' && shape.length === 4 && h >= 16 && w >= 16)
      scenes(data as Float32Array, shape, i)
    else
      for (let k = 0; k < count; k++)
        data[k] = dtype === 'f32' ? normal(random) : random.int(0, below - 1)
    return { dtype, shape, data }
  })
}

/** Fills [n, h, w, c] with scenes, one for each three channels, of about mean 0 and variance 1. */
function scenes(data: Float32Array, shape: readonly number[], seed: number): void {
  const [n, h, w, c] = shape
  const paint = streetPainter(h, w)
  for (let example = 0; example < n; example++)
    for (let first = 0; first < c; first += 3) {
      const { image } = paint(1 + seed, example + 100 * first)
      for (let pixel = 0; pixel < h * w; pixel++)
        for (let k = first; k < Math.min(c, first + 3); k++)
          data[(example * h * w + pixel) * c + k] =
            (image[3 * pixel + k - first] / 255 - 0.45) / 0.25
    }
}

const normal = (random: Random): number =>
  Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform())
