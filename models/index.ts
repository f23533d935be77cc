// The networks by name, and the way back from a stored configuration to a network.

import { OptionError } from '../engine/errors.ts'
import { suggest } from '../nn/near.ts'
import { type FrrnOptions, frrnA, frrnB } from './frrn.ts'
import type { ModelConfig, Network } from './network.ts'

export { Frrn, type FrrnOptions, frrnA, frrnB } from './frrn.ts'
export { type ModelConfig, Network } from './network.ts'

type Check = (value: unknown) => boolean

const count: Check = (v) => Number.isInteger(v) && (v as number) > 0
const positive: Check = (v) => typeof v === 'number' && v > 0
const oneOf =
  (...values: unknown[]): Check =>
  (v) =>
    values.includes(v)

const frrnOptions: Record<keyof FrrnOptions, Check> = {
  classes: count,
  base: count,
  lanes: count,
  splitBatchNorm: oneOf(true, false),
  upsample: oneOf('asymmetric', 'half-pixel'),
  eps: positive,
  momentum: positive,
  statistic: oneOf('variance', 'inverse-deviation'),
  seed: Number.isInteger,
}

interface Entry {
  /** One line for `--help`. */
  readonly summary: string
  readonly options: Readonly<Record<string, Check>>
  build(options: never): Network
}

/** Networks by name. */
export const models = {
  'frrn-a': {
    summary: 'FRRN A (Pohlen et al. 2017): full resolution, 4 poolings',
    options: frrnOptions,
    build: frrnA,
  },
  'frrn-b': {
    summary: 'FRRN B (Pohlen et al. 2017): full resolution, 5 poolings',
    options: frrnOptions,
    build: frrnB,
  },
} as const satisfies Record<string, Entry>

/** The network that a configuration describes; options left out take the network's defaults. Throws OptionError for
 * a name, an option or a value that does not exist. */
export function buildModel({ name, options }: ModelConfig): Network {
  if (!Object.hasOwn(models, name))
    throw new OptionError(`there is no model ${name}`, suggest(name, Object.keys(models)))
  const entry: Entry = models[name as keyof typeof models]
  for (const [key, value] of Object.entries(options)) {
    if (!Object.hasOwn(entry.options, key))
      throw new OptionError(
        `${name} has no option ${key}`,
        suggest(key, Object.keys(entry.options)),
      )
    if (!entry.options[key](value))
      throw new OptionError(`${name}: ${key} cannot be ${JSON.stringify(value)}`)
  }
  if (options['classes'] === undefined)
    throw new OptionError(`${name} needs the option classes`, 'the number of classes to tell apart')
  return entry.build(options as never)
}
