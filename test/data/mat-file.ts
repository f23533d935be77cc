// MATLAB files of level 5, written by the letter of the format: for tests of their reader.

import { deflateSync } from 'node:zlib'

export type MatNode =
  | {
      readonly numbers: readonly number[]
      readonly shape: readonly number[]
      readonly type?: 'uint8' | 'uint16' | 'double'
    }
  | { readonly struct: Readonly<Record<string, MatNode>> }
  | { readonly cells: readonly MatNode[] }
  | { readonly sparse: true }

const INT8 = 1
const UINT8 = 2
const UINT16 = 4
const INT32 = 5
const UINT32 = 6
const DOUBLE = 9
const MATRIX = 14
const COMPRESSED = 15

/** A file of some variables. `short` packs elements of up to four bytes with their tag, as MATLAB does. */
export function matFile(
  variables: Readonly<Record<string, MatNode>>,
  { compressed = false, big = false, short = true } = {},
): Uint8Array {
  const head = Buffer.alloc(128, ' ')
  head.write('MATLAB 5.0 MAT-file, Platform: test')
  const w = new Writer(big, short)
  w.u16(head, 0x0100, 124)
  head.write(big ? 'MI' : 'IM', 126)
  const parts = Object.entries(variables).map(([name, node]) => {
    const matrix = w.matrix(name, node)
    if (!compressed) return matrix
    const packed = deflateSync(matrix)
    return Buffer.concat([w.words(COMPRESSED, packed.length), packed])
  })
  return new Uint8Array(Buffer.concat([head, ...parts]))
}

class Writer {
  readonly big: boolean
  readonly short: boolean

  constructor(big: boolean, short: boolean) {
    this.big = big
    this.short = short
  }

  u16(to: Buffer, value: number, at: number): void {
    if (this.big) to.writeUInt16BE(value, at)
    else to.writeUInt16LE(value, at)
  }

  words(...values: number[]): Buffer {
    const out = Buffer.alloc(4 * values.length)
    values.forEach((v, i) => {
      if (this.big) out.writeUInt32BE(v, 4 * i)
      else out.writeUInt32LE(v, 4 * i)
    })
    return out
  }

  element(type: number, data: Buffer): Buffer {
    if (this.short && data.length <= 4 && data.length > 0 && type !== MATRIX) {
      const padded = Buffer.alloc(4)
      data.copy(padded)
      return Buffer.concat([this.words(data.length * 65_536 + type), padded])
    }
    const padding = Buffer.alloc((8 - (data.length % 8)) % 8)
    return Buffer.concat([this.words(type, data.length), data, padding])
  }

  matrix(name: string, node: MatNode): Buffer {
    const [kind, shape, content] = this.#content(node)
    return this.element(
      MATRIX,
      Buffer.concat([
        this.element(UINT32, this.words(kind, 0)),
        this.element(INT32, this.words(...shape)),
        this.element(INT8, Buffer.from(name)),
        ...content,
      ]),
    )
  }

  #content(node: MatNode): [kind: number, shape: readonly number[], parts: Buffer[]] {
    if ('numbers' in node) {
      const { numbers, shape, type = 'uint8' } = node
      if (type === 'uint8') return [9, shape, [this.element(UINT8, Buffer.from(numbers))]]
      const bytes = type === 'double' ? 8 : 2
      const data = Buffer.alloc(bytes * numbers.length)
      numbers.forEach((v, i) => {
        if (bytes === 2) this.u16(data, v, 2 * i)
        else if (this.big) data.writeDoubleBE(v, 8 * i)
        else data.writeDoubleLE(v, 8 * i)
      })
      return type === 'double'
        ? [6, shape, [this.element(DOUBLE, data)]]
        : [11, shape, [this.element(UINT16, data)]]
    }
    if ('cells' in node)
      return [1, [node.cells.length, 1], node.cells.map((cell) => this.matrix('', cell))]
    if ('sparse' in node) return [5, [2, 2], [this.element(INT32, this.words(0))]]
    const names = Object.keys(node.struct)
    const width = 32
    const table = Buffer.alloc(width * names.length)
    names.forEach((name, i) => {
      table.write(name, i * width)
    })
    return [
      2,
      [1, 1],
      [
        this.element(INT32, this.words(width)),
        this.element(INT8, table),
        ...Object.values(node.struct).map((child) => this.matrix('', child)),
      ],
    ]
  }
}
