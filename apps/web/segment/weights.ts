// A network from where a person has it: our own checkpoints say what they are, of other weights the network is named.

import { type Device, FetchError, OptionError, showBytes } from '../../../engine/index.ts'
import { buildModel, findModel, models, optionOf } from '../../../models/index.ts'
import { recognized } from '../../../models/keys/index.ts'
import { type ModelConfig, type Network, needPixelScores } from '../../../models/network.ts'
import {
  type CheckpointInfo,
  type ClassInfo,
  checkpointModel,
  fetchWeights,
  knownClasses,
  loadCheckpoint,
  loadWeightFile,
  numberedClasses,
  openCheckpoint,
  openWeights,
  STREET_CLASSES,
  trainedOffset,
  usualTestTime,
  type WeightFile,
} from '../../../train/index.ts'
import type { Form, LoadedNetwork, Source, Unnamed } from './types.ts'

/** A network, whose variables are those of one device. */
export interface Placed {
  readonly network: Network
  /** What went where, if the weights are of others. */
  readonly report?: string
}

export interface Opened {
  readonly loaded: LoadedNetwork
  /** The pixel of its cell that a score answers for, where training chose another than the middle one. */
  readonly offset?: number | undefined
  /** Builds it and writes its weights to a device, each time a network of its own. */
  place(device: Device): Promise<Placed>
}

type Say = (text: string, share?: number) => void

/** Opens weights; nothing is written to a device yet, and of most files no more than their header is read. Throws DataError and
 * OptionError. */
export async function openNetwork(
  source: Source,
  form: Form | undefined,
  say: Say,
  signal?: AbortSignal,
): Promise<Opened | Unnamed> {
  if (source.from === 'untrained') return untrained()
  const file = source.from === 'file' ? source.file : await fetched(source.url, say, signal)
  const weights = await openWeights(file)
  if (weights.metadata.has('atrous')) return openOwn(file, say)
  if (form) return openOther(weights, form, say)
  const names = recognized(weights.tensors)
  return { file: file.name, names: names?.map.summary, tensors: weights.tensors.size }
}

/** Kept for the next time by the browser, where it keeps files and has room. */
async function fetched(url: string, say: Say, signal?: AbortSignal): Promise<File> {
  say('Asking the server')
  const ask = (keep: boolean) =>
    fetchWeights(url, {
      ...(signal && { signal }),
      keep,
      onProgress: ({ loaded, total, from }) =>
        from === 'network' &&
        say(
          `Fetching ${showBytes(loaded)}${total ? ` of ${showBytes(total)}` : ''}`,
          total && loaded / total,
        ),
    })
  return ask(true).catch((error: unknown) => {
    if (error instanceof FetchError && error.reason === 'quota') return ask(false)
    throw error
  })
}

const reading = (file: string, say: Say) => ({
  onProgress: ({ loaded, total }: { readonly loaded: number; readonly total: number }) =>
    say(`Reading ${file}`, loaded / total),
})

async function openOwn(file: File, say: Say): Promise<Opened> {
  const checkpoint = await openCheckpoint(file)
  const network = checkpointModel(checkpoint)
  needPixelScores(network, 'a class mask')
  const { info } = checkpoint
  const loaded: LoadedNetwork = {
    title: `${info.model.name}, step ${info.progress.step.toLocaleString('en')}`,
    parameters: parametersOf(network),
    ...{ file: file.name, classes: info.classes, usual: usualOf(info), size: info.size },
  }
  return {
    loaded,
    offset: trainedOffset(checkpoint.info),
    async place(device) {
      const network = checkpointModel(checkpoint)
      await loadCheckpoint(device, checkpoint, network, undefined, reading(file.name, say))
      return { network }
    },
  }
}

/** A CRF wants pictures on the host; here they go from the browser to the device. */
function usualOf(info: CheckpointInfo): LoadedNetwork['usual'] {
  const { crf: _, ...test } = usualTestTime(info)
  return test
}

function openOther(weights: WeightFile, form: Form, say: Say): Opened {
  const config = namedBy(form)
  const network = buildModel(config)
  needPixelScores(network, 'a class mask')
  const classes = classesOf(form.classes, network.classes)
  const loaded: LoadedNetwork = {
    title: network.config.name,
    parameters: parametersOf(network),
    ...{ file: weights.file, classes, usual: {}, size: undefined },
  }
  return {
    loaded,
    async place(device) {
      const network = buildModel(config)
      const { text } = await loadWeightFile(device, network, weights, reading(weights.file, say))
      return { network, report: text }
    },
  }
}

/** Throws OptionError for a network or an option that does not exist, and for a line that is no KEY=VALUE. */
function namedBy({ model, options }: Form): ModelConfig {
  const { name, options: own } = findModel(model.trim())
  const given = options.split(/[\n,]/).flatMap((text) => {
    const line = text.trim()
    if (!line) return []
    const at = line.indexOf('=')
    if (at < 1)
      throw new OptionError(
        `an option of the network cannot be '${line}'`,
        `give KEY=VALUE with one of ${Object.keys(models[name].options).join(', ')}`,
      )
    const key = line.slice(0, at).trim()
    return [[key, optionOf(models[name].options[key], line.slice(at + 1).trim())] as const]
  })
  return { name, options: { ...own, ...Object.fromEntries(given) } }
}

function classesOf(key: string, count: number): readonly ClassInfo[] {
  const known = knownClasses[key]
  if (!known) return numberedClasses(count)
  if (known.length === count) return known
  throw new OptionError(
    `${key} has ${known.length} classes, and the network tells ${count} apart`,
    'choose numbers for names, or give the network the option classes',
  )
}

/** Small enough to be quick anywhere; its answers mean nothing. */
function untrained(): Opened {
  const options = { base: 8, lanes: 8, classes: STREET_CLASSES.length }
  const make = () => buildModel({ name: 'frrn-a', options })
  const loaded: LoadedNetwork = {
    title: 'frrn-a, untrained',
    parameters: parametersOf(make()),
    ...{ file: '', classes: STREET_CLASSES, usual: { resize: { height: 96 } }, size: undefined },
  }
  return { loaded, place: async () => ({ network: make() }) }
}

const parametersOf = (network: Network): number =>
  network.parameters().reduce((n, { shape }) => n + shape.reduce((a, b) => a * b, 1), 0)
