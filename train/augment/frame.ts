// An image on its way through the steps, with what belongs to its pixels. Steps that only move pixels leave it in bytes; the first
// that computes makes numbers of it, and those that follow may write into them, since nobody else holds them.

import { DataError } from '../../engine/errors.ts'
import type { Example } from '../dataset.ts'

export interface Frame {
  /** Of the example, for errors. */
  readonly name: string
  readonly height: number
  readonly width: number
  /** RGB, [height, width, 3]: bytes that may be the reader's own, or numbers in [0, 1] that are the frame's. */
  readonly image: Uint8Array | Float32Array
  /** [height, width]; undefined where an image has a class and not its pixels. */
  readonly labels: Uint8Array | undefined
  /** [height, width]; undefined where objects are not told apart. */
  readonly instances: Uint16Array | undefined
}

/** What steps have drawn, for people: name of the step and its numbers. */
export interface Drawn {
  readonly name: string
  readonly values: Readonly<Record<string, number | string | boolean>>
}

/** An example before the first step. Throws DataError for arrays that are not of its size. */
export function frameOf({
  name,
  image,
  labels,
  instances,
  height,
  width,
  category,
}: Example): Frame {
  const pixels = height * width
  const mustBe = (what: string, length: number, right: number) => {
    if (length === right) return
    throw new DataError(
      name,
      `is ${height}×${width} and has ${length} ${what}, not ${right}`,
      'look at what reads it',
    )
  }
  mustBe('numbers of red, green and blue', image.length, 3 * pixels)
  // An image that is classified as a whole has none, or one.
  const isMap = category === undefined && labels.length > 0
  if (isMap) mustBe('labels', labels.length, pixels)
  if (instances) mustBe('numbers of objects', instances.length, pixels)
  return {
    name,
    height,
    width,
    image: plain(image),
    labels: isMap ? plain(labels) : undefined,
    instances,
  }
}

/** Bytes as what they are and not as Node's Buffer, whose slices share and which loops do not expect. */
const plain = (bytes: Uint8Array): Uint8Array =>
  bytes.constructor === Uint8Array
    ? bytes
    : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)

/** Part of a frame, in pixels; it may reach beyond it. */
export interface Region {
  readonly top: number
  readonly left: number
  readonly height: number
  readonly width: number
}

/** RGB in [0, 1]. */
export type Rgb = readonly [r: number, g: number, b: number]

/** Of each byte its 255th. */
export const shares = Float32Array.from({ length: 256 }, (_, value) => value / 255)

/** The image as numbers in [0, 1] that the caller may write into. */
export const numbersOf = ({ image }: Frame): Float32Array =>
  image instanceof Float32Array ? image : looked(image, shares)

/** Each byte by a table of 256. */
export function looked(bytes: Uint8Array, table: Float32Array): Float32Array {
  const out = new Float32Array(bytes.length)
  for (let i = 0; i < bytes.length; i++) out[i] = table[bytes[i]]
  return out
}

/** As many elements of the same type. */
export const alike = <T extends Uint8Array | Uint16Array | Float32Array>(
  { constructor }: T,
  length: number,
): T => new (constructor as new (length: number) => T)(length)
