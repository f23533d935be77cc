// Which format a weight file has is told by its content: names lie, and `.bin` or `.pth` stand for several. What is no
// weight file, or one that is not read here, is refused with a sentence that says what it looks like.

import { DataError } from '../../engine/errors.ts'
import { decodeCaffe, isCaffe } from './caffe.ts'
import { decodeMxnet, isMxnet } from './mxnet.ts'
import { decodeNpz, isNpz } from './npz.ts'
import { shown } from './reader.ts'
import { readEntries } from './safetensors.ts'
import { bytesPerElement, countOf, type WeightDtype, type Weights, weightTensor } from './tensor.ts'
import { decodeTorch, isTorch } from './torch.ts'
import { decodeLegacy, isLegacy, isTarred } from './torch-legacy.ts'
import { mostOf, openZip } from './zip.ts'

/** The tensors of a weight file: safetensors, what torch.save wrote since 2017, `.npz`, MXNet's `.params` or
 * `.caffemodel`. Nothing in it is executed, and memory and time are bounded by its size: all its tensors together too, though
 * several may share their bytes. `bytes` may not be written afterwards: tensors are views of them. Throws DataError naming
 * `file` where it is damaged or of another format. */
export async function decodeWeights(bytes: Uint8Array, file: string): Promise<Weights> {
  const weights = await decodeAny(bytes, file)
  let total = 0
  for (const { dtype, shape } of weights.tensors.values())
    total += countOf(shape)! * bytesPerElement(dtype)
  if (total > mostOf(bytes.length))
    throw new DataError(
      file,
      `holds tensors of ${total} bytes together in ${bytes.length}`,
      'many names stand for the same bytes: do not trust it',
    )
  return weights
}

async function decodeAny(bytes: Uint8Array, file: string): Promise<Weights> {
  const start = String.fromCharCode(...bytes.subarray(0, 8))
  if (start.startsWith('PK\x03\x04') || start.startsWith('PK\x05\x06'))
    return decodeArchive(bytes, file)
  if (isSafetensors(bytes)) return decodeSafetensors(bytes, file)
  if (isLegacy(bytes)) return decodeLegacy(bytes, file)
  const foreign = FOREIGN.find(({ looks }) => looks(bytes, start))
  if (foreign) throw new DataError(file, foreign.problem, foreign.hint)
  if (isMxnet(bytes)) return decodeMxnet(bytes, file)
  if (isCaffe(bytes)) return decodeCaffe(bytes, file)
  throw new DataError(file, `is no weight file: it begins with ${beginning(bytes)}`, FORMATS)
}

/** By the first nine bytes: any number of eight bytes that is no text, before the object that the header is. */
export const isSafetensors = (bytes: Uint8Array): boolean =>
  bytes[8] === 0x7b && /[^\t\n\r -~]/.test(String.fromCharCode(...bytes.subarray(0, 8)))

const FORMATS =
  'read are safetensors, PyTorch (.pth, .pt, .bin), .npz, MXNet .params and .caffemodel'

function decodeSafetensors(bytes: Uint8Array, file: string): Weights {
  const { entries, metadata } = readEntries(bytes, file)
  const tensors = entries.map(([name, { dtype, shape, begin, end }]) => {
    const type = dtype.toLowerCase() as WeightDtype
    return [name, weightTensor(type, shape, bytes.subarray(begin, end))] as const
  })
  return {
    file,
    format: 'safetensors',
    tensors: new Map(tensors),
    metadata: new Map(Object.entries(metadata)),
    wrappers: [],
  }
}

async function decodeArchive(bytes: Uint8Array, file: string): Promise<Weights> {
  const entries = openZip(bytes, file)
  if (isTorch(entries)) return decodeTorch(entries, file)
  if (isNpz(entries)) return decodeNpz(entries, file)
  const [one = 'nothing'] = entries.keys()
  throw new DataError(file, `is a zip archive of no weights: it holds ${shown(one)}`, FORMATS)
}

interface Foreign {
  readonly looks: (bytes: Uint8Array, start: string) => boolean
  readonly problem: string
  readonly hint: string
}

const AGAIN = 'fetch it again: the link leads to something else than the file'
const EXPORT = 'export the weights from the framework that wrote it, as safetensors or .npz'

const begins =
  (...texts: readonly string[]): Foreign['looks'] =>
  (_, start) =>
    texts.some((text) => start.startsWith(text))

const reads =
  (...texts: readonly string[]): Foreign['looks'] =>
  (bytes) => {
    const text = new TextDecoder('latin1').decode(bytes.subarray(0, 256)).trimStart().toLowerCase()
    return texts.some((begin) => text.startsWith(begin))
  }

const FOREIGN: readonly Foreign[] = [
  {
    looks: (bytes) => bytes[0] === 0x80 && bytes[1] >= 2 && bytes[1] <= 5,
    problem: 'is a bare pickle, not a file of torch.save',
    hint: 'in Python, if you trust it: torch.save(pickle.load(open("old.pkl", "rb")), "new.pth")',
  },
  { looks: (bytes) => !bytes.length, problem: 'is empty', hint: AGAIN },
  {
    looks: reads('<!doctype', '<html', '<?xml'),
    problem: 'is a web page, not a weight file',
    hint: AGAIN,
  },
  {
    looks: reads('version https://git-lfs'),
    problem: 'is a pointer of git-lfs, not the file itself',
    hint: 'in the repository: git lfs pull',
  },
  {
    looks: reads('{', '['),
    problem: 'is JSON, not a weight file',
    hint: 'of weights in several files, name the index: model.safetensors.index.json',
  },
  { looks: begins('\x89HDF\r\n'), problem: 'is HDF5 (Keras or MATLAB)', hint: EXPORT },
  { looks: begins('\x93NUMPY'), problem: 'is one array of numpy', hint: 'numpy.savez("x.npz", a)' },
  { looks: begins('GGUF'), problem: 'is GGUF', hint: EXPORT },
  { looks: (_, start) => start.slice(4) === 'TFL3', problem: 'is TensorFlow Lite', hint: EXPORT },
  { looks: begins('\x1f\x8b'), problem: 'is compressed by gzip', hint: 'unpack it: gunzip' },
  {
    looks: isTarred,
    problem: 'is a tar archive of PyTorch before 2017, which is not read',
    hint: 'in Python, if you trust it: torch.save(torch.load("old.pth", weights_only=False), "new.pth")',
  },
  {
    looks: (bytes) => String.fromCharCode(...bytes.subarray(257, 262)) === 'ustar',
    problem: 'is a tar archive',
    hint: 'unpack it: tar -xf',
  },
  {
    // ir_version, then a text; TensorFlow's saved_model.pb has schema version 1 in that place.
    looks: (bytes) => bytes[0] === 0x08 && [0x12, 0x1a, 0x22, 0x3a, 0x42].includes(bytes[2]),
    problem: 'is ONNX, or another message of protocol buffers',
    hint: EXPORT,
  },
]

const beginning = (bytes: Uint8Array): string =>
  [...bytes.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
