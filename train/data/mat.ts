// MATLAB files of level 5: enough of them to read arrays of numbers, structs and cells, compressed or not (MathWorks, "MAT-File
// Format", chapter 1). Sparse, object and function arrays are passed over: they come out as undefined.

import { inflateSync } from 'node:zlib'
import { DataError } from '../../engine/errors.ts'

export interface MatArray {
  readonly kind: 'numbers'
  readonly shape: readonly number[]
  /** Column-major, as MATLAB has it: the first index runs fastest. */
  readonly values: Float64Array
}
export interface MatText {
  readonly kind: 'text'
  readonly text: string
}
export interface MatCell {
  readonly kind: 'cell'
  readonly shape: readonly number[]
  readonly items: readonly MatValue[]
}
export interface MatStruct {
  readonly kind: 'struct'
  readonly shape: readonly number[]
  /** One record for each element. */
  readonly items: readonly Readonly<Record<string, MatValue>>[]
}
export type MatValue = MatArray | MatText | MatCell | MatStruct | undefined

/** Bytes that an element may unpack to. */
const most = 2 ** 30

const TYPES: Record<
  number,
  { bytes: number; get: (v: DataView, at: number, le: boolean) => number }
> = {
  1: { bytes: 1, get: (v, at) => v.getInt8(at) },
  2: { bytes: 1, get: (v, at) => v.getUint8(at) },
  3: { bytes: 2, get: (v, at, le) => v.getInt16(at, le) },
  4: { bytes: 2, get: (v, at, le) => v.getUint16(at, le) },
  5: { bytes: 4, get: (v, at, le) => v.getInt32(at, le) },
  6: { bytes: 4, get: (v, at, le) => v.getUint32(at, le) },
  7: { bytes: 4, get: (v, at, le) => v.getFloat32(at, le) },
  9: { bytes: 8, get: (v, at, le) => v.getFloat64(at, le) },
  12: { bytes: 8, get: (v, at, le) => Number(v.getBigInt64(at, le)) },
  13: { bytes: 8, get: (v, at, le) => Number(v.getBigUint64(at, le)) },
  // Text in UTF-8 and UTF-16.
  16: { bytes: 1, get: (v, at) => v.getUint8(at) },
  17: { bytes: 2, get: (v, at, le) => v.getUint16(at, le) },
}
const MATRIX = 14
const COMPRESSED = 15
const CELL = 1
const STRUCT = 2
const CHARS = 4
/** Classes double, single and the whole numbers of 8 to 64 bits. */
const isNumbers = (kind: number) => kind >= 6 && kind <= 15
/** Cells within cells within … : no file that anybody meant. */
const deepest = 32

/** The variables of a file by name. Throws DataError naming `file` for what is no level 5 file and for a damaged one. */
export function readMat(bytes: Uint8Array, file: string): Map<string, MatValue> {
  const damaged = (what: string) =>
    new DataError(file, `the MATLAB file is damaged: it ${what}`, 'fetch the file again')
  const text = new TextDecoder('latin1').decode(bytes.subarray(0, 19))
  if (bytes.length < 128 || !text.startsWith('MATLAB 5.0 MAT-file'))
    throw new DataError(
      file,
      text.startsWith('MATLAB 7.3')
        ? 'is a MATLAB file of version 7.3'
        : 'is no MATLAB file of level 5',
      'save it with -v7 or -v6',
    )
  const order = String.fromCharCode(bytes[126], bytes[127])
  if (order !== 'IM' && order !== 'MI') throw damaged('names no order of bytes')
  return new Reader(damaged, order === 'IM').variables(bytes.subarray(128))
}

interface Element {
  readonly type: number
  readonly data: Uint8Array
  readonly next: number
}

class Reader {
  readonly #damaged: (what: string) => DataError
  readonly #little: boolean

  constructor(damaged: (what: string) => DataError, little: boolean) {
    this.#damaged = damaged
    this.#little = little
  }

  variables(bytes: Uint8Array): Map<string, MatValue> {
    const found = new Map<string, MatValue>()
    for (let at = 0; at < bytes.length; ) {
      const outer = this.#element(bytes, at)
      const { type, data } = outer.type === COMPRESSED ? this.#unpacked(outer.data) : outer
      if (type === MATRIX) {
        const { name, value } = this.#matrix(data, 0)
        found.set(name, value)
      }
      at = outer.next
    }
    return found
  }

  #unpacked(data: Uint8Array): Element {
    try {
      return this.#element(inflateSync(data, { maxOutputLength: most }), 0)
    } catch (error) {
      if (error instanceof DataError) throw error
      throw this.#damaged(`does not unpack (${(error as Error).message})`)
    }
  }

  /** The element at a place: a tag of type and length with the data after it, or both and up to four bytes in eight. */
  #element(bytes: Uint8Array, at: number): Element {
    const end = (need: number) => {
      if (at + need > bytes.length) throw this.#damaged('ends before its last element')
    }
    end(8)
    const view = viewOf(bytes)
    const first = view.getUint32(at, this.#little)
    if (first >>> 16) {
      const length = first >>> 16
      if (length > 4) throw this.#damaged(`has a short element of ${length} bytes`)
      return { type: first & 0xffff, data: bytes.subarray(at + 4, at + 4 + length), next: at + 8 }
    }
    const length = view.getUint32(at + 4, this.#little)
    end(8 + length)
    // Compressed elements are the only ones that no padding follows.
    const whole = first === COMPRESSED ? length : Math.ceil(length / 8) * 8
    return { type: first, data: bytes.subarray(at + 8, at + 8 + length), next: at + 8 + whole }
  }

  #matrix(bytes: Uint8Array, depth: number): { name: string; value: MatValue } {
    if (depth > deepest) throw this.#damaged(`nests more than ${deepest} deep`)
    if (!bytes.length) return { name: '', value: undefined }
    let at = 0
    const next = () => {
      const element = this.#element(bytes, at)
      at = element.next
      return element
    }
    const flags = this.#numbers(next())
    const kind = flags[0] & 0xff
    const shape = [...this.#numbers(next())]
    const name = textOf(next().data)
    const count = shape.reduce((a, b) => a * b, 1)
    if (!(shape.length && shape.every((n) => Number.isInteger(n) && n >= 0) && count <= most))
      throw this.#damaged(`has an array of the shape ${shape.join('×') || '(none)'}`)
    const child = () => {
      const element = next()
      if (element.type !== MATRIX)
        throw this.#damaged('has something else in the place of an array')
      return this.#matrix(element.data, depth + 1).value
    }
    const some = <T>(make: () => T) => {
      // Each takes eight bytes at least.
      if (count * 8 > bytes.length) throw this.#damaged(`announces ${count} parts that it has not`)
      return Array.from({ length: count }, make)
    }
    if (kind === CELL) return { name, value: { kind: 'cell', shape, items: some(child) } }
    if (kind === STRUCT) {
      const [width] = this.#numbers(next())
      const names = next().data
      if (!(width > 0)) throw this.#damaged('has a struct without lengths of names')
      const fields = Array.from({ length: Math.floor(names.length / width) }, (_, i) =>
        textOf(names.subarray(i * width, (i + 1) * width)),
      )
      if (!fields.length) return { name, value: { kind: 'struct', shape, items: [] } }
      const items = some(() => Object.fromEntries(fields.map((field) => [field, child()])))
      return { name, value: { kind: 'struct', shape, items } }
    }
    if (kind === CHARS) {
      const text = String.fromCharCode(...this.#numbers(next()).slice(0, 65_536))
      return { name, value: { kind: 'text', text } }
    }
    if (!isNumbers(kind)) return { name, value: undefined }
    const values = this.#numbers(next())
    if (values.length !== count)
      throw this.#damaged(`has ${values.length} numbers for an array of ${shape.join('×')}`)
    return { name, value: { kind: 'numbers', shape, values } }
  }

  #numbers({ type, data }: Element): Float64Array {
    const form = TYPES[type]
    if (!form) throw this.#damaged(`has numbers of the unknown type ${type}`)
    const view = viewOf(data)
    return Float64Array.from({ length: Math.floor(data.length / form.bytes) }, (_, i) =>
      form.get(view, i * form.bytes, this.#little),
    )
  }
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** Up to the first zero. */
const textOf = (bytes: Uint8Array): string => {
  const end = bytes.indexOf(0)
  return new TextDecoder('latin1').decode(end < 0 ? bytes : bytes.subarray(0, end))
}

/** A matrix of whole numbers 0 … 65,535 as rows from top to bottom. Throws DataError for anything else. */
export function matImage(
  value: MatValue,
  what: string,
  file: string,
): { readonly values: Uint16Array; readonly height: number; readonly width: number } {
  if (value?.kind !== 'numbers' || value.shape.length !== 2)
    throw new DataError(file, `has no matrix ${what}`, 'use the files of the data set as they are')
  const [height, width] = value.shape
  const values = new Uint16Array(height * width)
  for (let x = 0; x < width; x++)
    for (let y = 0; y < height; y++) {
      const v = value.values[x * height + y]
      if (!(Number.isInteger(v) && v >= 0 && v < 65_536))
        throw new DataError(
          file,
          `has ${v} in ${what} at row ${y}, column ${x}`,
          'a class or number of an instance is a whole number',
        )
      values[y * width + x] = v
    }
  return { values, height, width }
}
