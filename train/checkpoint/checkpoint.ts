// A checkpoint: every variable of a model and its optimiser, in the library's own layout, and what it takes to build
// both again. One safetensors file holds all of it, the description as metadata, so that no crash can tear them apart.

import type { Device } from '../../engine/device.ts'
import { DataError, NonFiniteError } from '../../engine/errors.ts'
import type { Variable } from '../../engine/tensor.ts'
import { buildModel, type ModelConfig, type Network } from '../../models/index.ts'
import { checkState } from '../../nn/state.ts'
import type { ClassInfo } from '../dataset.ts'
import type { Progress } from '../loop/progress.ts'
import type { Optimizer } from '../optimizers.ts'
import { readSafetensors, type SafeTensor, writeSafetensors } from '../weights/safetensors.ts'

/** Raised when a reader of an older version could misread the file. */
export const CHECKPOINT_FORMAT = 1

/** All that is not a tensor. */
export interface CheckpointInfo {
  readonly format: typeof CHECKPOINT_FORMAT
  readonly progress: Progress
  readonly model: ModelConfig
  readonly classes: readonly ClassInfo[]
  /** Height and width of the images that it was trained on; undefined where they varied. */
  readonly size: readonly [height: number, width: number] | undefined
  /** What was asked for: optimiser, schedule, seed, data set… */
  readonly recipe: unknown
  /** The device it was trained on, in one line. */
  readonly device: string
  /** Hash of the tuning table that it was trained with; checkpoints of older versions have none. */
  readonly tuning?: string
}

export interface Checkpoint<Stored = SafeTensor> {
  /** Where it was read from, for messages. */
  readonly file: string
  readonly info: CheckpointInfo
  readonly model: ReadonlyMap<string, Stored>
  /** Empty in a checkpoint that only serves to predict. */
  readonly optimizer: ReadonlyMap<string, Stored>
}

/** A checkpoint whose tensors are still where they lie. */
export type ListedCheckpoint = Checkpoint<Pick<SafeTensor, 'dtype' | 'shape'>>

const KEY = 'atrous'
const MODEL = 'model.'
const OPTIMIZER = 'optimizer.'

/** The file's bytes for the variables as they are now. Throws NonFiniteError where a value is NaN or infinite: such a
 * state is not worth the good one that it would replace. */
export async function encodeCheckpoint(
  device: Device,
  model: Network,
  optimizer: Optimizer | undefined,
  info: Omit<CheckpointInfo, 'format' | 'model' | 'device' | 'tuning'>,
): Promise<{ bytes: Uint8Array; info: CheckpointInfo }> {
  const tensors = [
    ...(await readAll(device, MODEL, model.stateDict())),
    ...(optimizer ? await readAll(device, OPTIMIZER, optimizer.stateDict()) : []),
  ]
  const full: CheckpointInfo = {
    format: CHECKPOINT_FORMAT,
    ...info,
    model: model.config,
    device: device.line,
    tuning: device.tuning.hash,
  }
  return { bytes: writeSafetensors(tensors, { [KEY]: JSON.stringify(full) }), info: full }
}

async function readAll(
  device: Device,
  prefix: string,
  variables: ReadonlyMap<string, Variable>,
): Promise<[string, SafeTensor][]> {
  const out: [string, SafeTensor][] = []
  for (const [name, variable] of variables) {
    const data = (await device.read(variable)) as Float32Array<ArrayBuffer>
    if (!data.every(Number.isFinite))
      throw new NonFiniteError(
        `${name} holds a value that is not finite; no checkpoint was written`,
        'resume from the last one with a lower learning rate',
      )
    out.push([prefix + name, { dtype: 'F32', shape: variable.shape, data }])
  }
  return out
}

/** A checkpoint from a file's bytes. Throws DataError naming the file where it is none, or damaged, or newer. */
export function decodeCheckpoint(bytes: Uint8Array, file: string): Checkpoint {
  const { tensors, metadata } = readSafetensors(bytes, file)
  return partsOf(tensors, metadata, file)
}

/** Sorts what a safetensors file holds. Throws DataError where it is no checkpoint. */
export function partsOf<Stored>(
  tensors: Iterable<readonly [string, Stored]>,
  metadata: Readonly<Record<string, string>>,
  file: string,
): Checkpoint<Stored> {
  const info = readInfo(metadata[KEY], file)
  const part = (prefix: string) =>
    new Map(
      [...tensors].flatMap(([k, t]) =>
        k.startsWith(prefix) ? [[k.slice(prefix.length), t] as const] : [],
      ),
    )
  return { file, info, model: part(MODEL), optimizer: part(OPTIMIZER) }
}

function readInfo(text: string | undefined, file: string): CheckpointInfo {
  if (text === undefined)
    throw new DataError(
      file,
      'is a safetensors file, but no checkpoint of atrous',
      'name a checkpoint that training here has written, such as runs/street-1',
    )
  const info = parse(text) as Partial<Record<keyof CheckpointInfo, unknown>> | undefined
  const { format } = info ?? {}
  if (typeof format === 'number' && format > CHECKPOINT_FORMAT)
    throw new DataError(
      file,
      `has checkpoint format ${format}, and this version reads up to ${CHECKPOINT_FORMAT}`,
      'update atrous',
    )
  const whole =
    format === CHECKPOINT_FORMAT &&
    typeof (info?.model as ModelConfig | undefined)?.name === 'string' &&
    typeof (info?.progress as Progress | undefined)?.step === 'number' &&
    Array.isArray(info?.classes)
  if (!whole) throw new DataError(file, 'has a damaged description', 'train again, or use another')
  return info as CheckpointInfo
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The network that a checkpoint describes, with starting values: `loadModel` gives it the trained ones. Throws
 * DataError naming the file where there is no such network or its variables are others. */
export function checkpointModel({ file, info, model }: ListedCheckpoint): Network {
  const network = build(info.model, file)
  checkState(network.stateDict(), model, file)
  return network
}

function build(config: ModelConfig, file: string): Network {
  try {
    return buildModel(config)
  } catch (error) {
    const [problem] = (error as Error).message.split('\n')
    throw new DataError(
      file,
      `was made by a model that cannot be built: ${problem}`,
      'update atrous',
    )
  }
}

/** Writes the trained values into a model. Throws DataError where the checkpoint is another model's. */
export function loadModel(device: Device, model: Network, checkpoint: Checkpoint): void {
  for (const [variable, tensor] of modelPairs(model, checkpoint)) write(device, variable, tensor)
}

/** The variables of a model with their trained values. Throws DataError where the checkpoint is another model's. */
export function modelPairs<Stored extends Typed>(
  model: Network,
  { file, info, model: tensors }: Checkpoint<Stored>,
): [Variable, Stored][] {
  // Written out in full: options that came later were not stored, and have their defaults.
  const [mine, its] = [model.config, build(info.model, file).config].map(describe)
  if (mine !== its)
    throw new DataError(
      file,
      `is a checkpoint of ${its}, not of ${mine}`,
      'build the model with the configuration that the checkpoint was saved with',
    )
  return pairs(model.stateDict(), tensors, file)
}

const describe = ({ name, options }: ModelConfig): string =>
  `${name} (${Object.entries(options)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key} ${value}`)
    .join(', ')})`

/** Writes the moments into an optimiser. Throws DataError where the checkpoint has none, or another optimiser's. */
export function loadOptimizer(device: Device, optimizer: Optimizer, checkpoint: Checkpoint): void {
  for (const [variable, tensor] of optimizerPairs(optimizer, checkpoint))
    write(device, variable, tensor)
}

/** The variables of an optimiser with their values. Throws as `loadOptimizer`. */
export function optimizerPairs<Stored extends Typed>(
  optimizer: Optimizer,
  { file, optimizer: tensors }: Checkpoint<Stored>,
): [Variable, Stored][] {
  if (!tensors.size)
    throw new DataError(
      file,
      'holds no state of an optimiser, so training cannot go on from it',
      'resume the run from its last checkpoint',
    )
  return pairs(optimizer.stateDict(), tensors, file)
}

type Typed = Pick<SafeTensor, 'dtype' | 'shape'>

function pairs<Stored extends Typed>(
  variables: ReadonlyMap<string, Variable>,
  tensors: ReadonlyMap<string, Stored>,
  file: string,
): [Variable, Stored][] {
  checkState(variables, tensors, file)
  for (const [name, { dtype }] of tensors)
    if (dtype !== 'F32')
      throw new DataError(file, `has ${name} as ${dtype}, not F32`, 'convert it to float32')
  return [...variables].map(([name, variable]) => [variable, tensors.get(name)!])
}

const write = (device: Device, variable: Variable, { data }: SafeTensor): void =>
  device.write(variable, data as Float32Array)
