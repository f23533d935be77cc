// Writes ONNX models: the few messages of onnx.proto3 that a graph of plain operators needs, in protobuf's wire format
// (field number · 8 + wire type; 0 = varint, 2 = length and bytes, 5 = four bytes).

export interface OnnxValue {
  readonly name: string
  readonly shape: readonly number[]
  readonly type?: 'float' | 'int64' | 'int32'
}

export interface OnnxNode {
  readonly op: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  /** Whole numbers, lists of them, strings; a fractional attribute is `{ float }`. */
  readonly attributes?: Readonly<
    Record<string, number | readonly number[] | string | { readonly float: number }>
  >
}

export interface OnnxGraph {
  readonly inputs: readonly OnnxValue[]
  readonly outputs: readonly OnnxValue[]
  readonly nodes: readonly OnnxNode[]
  readonly constants?: readonly (OnnxValue & { readonly data: Float32Array | BigInt64Array })[]
}

type Part = Uint8Array
const text = new TextEncoder()
const typeOf = { float: 1, int32: 6, int64: 7 } as const

function joined(parts: readonly Part[]): Part {
  const all = new Uint8Array(parts.reduce((n, p) => n + p.length, 0))
  let at = 0
  for (const p of parts) {
    all.set(p, at)
    at += p.length
  }
  return all
}

function varint(value: number): Part {
  const bytes: number[] = []
  let v = BigInt.asUintN(64, BigInt(value))
  for (; v > 127n; v >>= 7n) bytes.push(Number(v & 127n) | 128)
  return Uint8Array.from([...bytes, Number(v)])
}

const whole = (field: number, value: number) => joined([varint(field * 8), varint(value)])
const bytes = (field: number, value: Part) =>
  joined([varint(field * 8 + 2), varint(value.length), value])
const message = (field: number, ...parts: Part[]) => bytes(field, joined(parts))
const string = (field: number, value: string) => bytes(field, text.encode(value))
const float = (field: number, value: number) =>
  joined([varint(field * 8 + 5), new Uint8Array(Float32Array.of(value).buffer)])

function attribute([name, value]: [string, NonNullable<OnnxNode['attributes']>[string]]): Part {
  const named = string(1, name)
  if (typeof value === 'number') return message(5, named, whole(3, value), whole(20, 2))
  if (typeof value === 'string') return message(5, named, string(4, value), whole(20, 3))
  if ('float' in value) return message(5, named, float(2, value.float), whole(20, 1))
  return message(5, named, ...value.map((v) => whole(8, v)), whole(20, 7))
}

const node = ({ op, inputs, outputs, attributes = {} }: OnnxNode): Part =>
  message(
    1,
    ...inputs.map((name) => string(1, name)),
    ...outputs.map((name) => string(2, name)),
    string(3, outputs[0]),
    string(4, op),
    ...Object.entries(attributes).map(attribute),
  )

function value(field: number, { name, shape, type = 'float' }: OnnxValue): Part {
  const dims = shape.map((n) => message(1, whole(1, n)))
  const tensor = message(1, whole(1, typeOf[type]), message(2, ...dims))
  return message(field, string(1, name), message(2, tensor))
}

function constant({ name, shape, data }: NonNullable<OnnxGraph['constants']>[number]): Part {
  const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  const type = data instanceof Float32Array ? typeOf.float : typeOf.int64
  return message(
    5,
    ...shape.map((n) => whole(1, n)),
    whole(2, type),
    string(8, name),
    bytes(9, raw),
  )
}

/** A model of operator set 17. */
export function onnxModel({ inputs, outputs, nodes, constants = [] }: OnnxGraph): Uint8Array {
  const graph = message(
    7,
    ...nodes.map(node),
    string(2, 'graph'),
    ...constants.map(constant),
    ...inputs.map((v) => value(11, v)),
    ...outputs.map((v) => value(12, v)),
  )
  return joined([whole(1, 8), graph, message(8, whole(2, 17))])
}
