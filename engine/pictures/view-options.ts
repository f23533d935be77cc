// What may be shown on a canvas, and how: the options of a view and what they refuse.

import type { Device } from '../device.ts'
import type { DeviceTensor } from '../device-tensor.ts'
import { type DType, showType } from '../dtype.ts'
import { DeviceError, OptionError, ShapeError } from '../errors.ts'
import type { Rgb } from './ramp.ts'

export interface ViewOptions {
  /** What is painted: the image, the colours of the classes, these over the image, or the scores over the image. Default: what
   * there is, `scores` last. */
  readonly mode?: 'image' | 'classes' | 'overlay' | 'scores'
  /** How much of the colours covers the image, 0 to 1; default ½ for classes, 1 for scores. */
  readonly blend?: number
  /** Colour of each class by its number; numbers beyond, as that of void, leave the image, or black. */
  readonly palette?: readonly Rgb[]
  /** Of classes: the one that stands out, while the others keep an eighth of their colour. Of scores [1, h, w, c]: the channel. */
  readonly class?: number
  /** A white line, a pixel wide, around the class that stands out, or where classes meet. */
  readonly outline?: boolean
  /** Scores that have the first and the last colour; what is beyond has these too. Default [0, 1]. */
  readonly range?: readonly [least: number, most: number]
  /** Colours of the scores, two or more, evenly spread over the range; default black over red and yellow to white. */
  readonly ramp?: readonly Rgb[]
}

export type Mode = NonNullable<ViewOptions['mode']>
const modes: readonly Mode[] = ['image', 'classes', 'overlay', 'scores']

interface Showable {
  readonly dtypes: readonly DType[]
  readonly fits: (shape: readonly number[]) => boolean
  readonly text: string
}

const showable: Record<'image' | 'classes' | 'scores', Showable> = {
  image: {
    dtypes: ['f32', 'u8'],
    fits: ([n, , , c, more]) => n === 1 && c === 3 && more === undefined,
    text: 'f32 or u8 [1, h, w, 3]',
  },
  classes: {
    dtypes: ['u8', 'i32', 'u32'],
    fits: ([n, , w, more]) => n === 1 && w !== undefined && more === undefined,
    text: 'u8, i32 or u32 [1, h, w]',
  },
  scores: {
    dtypes: ['f32'],
    fits: ([n, , w, , more]) => n === 1 && w !== undefined && more === undefined,
    text: 'f32 [1, h, w] or [1, h, w, c]',
  },
}

/** Throws DeviceError for a tensor of another device, ShapeError for one that cannot be shown in that place. */
export function checkShown(
  device: Device,
  name: keyof typeof showable,
  tensor: DeviceTensor | undefined,
): void {
  if (!tensor) return
  if (tensor.device !== device)
    throw new DeviceError(`${name} is on another device than the view`, 'open one device for both')
  const { dtype, shape } = tensor
  const { dtypes, fits, text } = showable[name]
  const refuse = (problem: string, hint?: string) => {
    throw new ShapeError('CanvasView', problem, [showType(tensor)], '', hint)
  }
  if (!dtypes.includes(dtype) || !fits(shape) || shape.includes(0)) refuse(`${name} is ${text}`)
}

/** Throws OptionError for what means nothing. */
export function checkOptions(mode: Mode, options: ViewOptions): void {
  const { blend, class: chosen, range, ramp, palette } = options
  const refuse = (problem: string, hint?: string) => {
    throw new OptionError(problem, hint)
  }
  if (!modes.includes(mode)) refuse(`mode: '${mode}' is none`, `use one of ${modes.join(', ')}`)
  if (blend !== undefined && !(blend >= 0 && blend <= 1)) refuse(`blend: ${blend} is not 0 to 1`)
  if (chosen !== undefined && !(Number.isInteger(chosen) && chosen >= 0))
    refuse(`class: ${chosen} is no whole number from 0`)
  if (range && !(range[0] < range[1] && range.every(Number.isFinite)))
    refuse(`range: [${range}] does not go from less to more`)
  if (ramp && ramp.length < 2)
    refuse(`ramp: ${ramp.length} colours are too few`, 'give two or more')
  if ((mode === 'classes' || mode === 'overlay') && !palette?.length)
    refuse(
      'palette: classes need colours',
      'give one for each class, as classes.map(c => c.colour)',
    )
  for (const colour of [...(palette ?? []), ...(ramp ?? [])])
    if (colour.length !== 3 || !colour.every((v) => Number.isInteger(v) && v >= 0 && v <= 255))
      refuse(`colour [${colour}] is not three whole numbers from 0 to 255`)
}
