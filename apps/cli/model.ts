// Which network a command is about: a name or an id, and options in the network's own terms.

import { OptionError } from '../../engine/errors.ts'
import { type Precision, precisions } from '../../engine/stages.ts'
import { type Configuration, findModel } from '../../models/catalog.ts'
import { models } from '../../models/index.ts'
import { optionOf } from '../../models/options.ts'
import type { Args, OptionSpec, Options } from './command.ts'

export const modelUsage = 'MODEL [options]'

export const classesOption: OptionSpec = {
  value: 'N',
  help: "classes to tell apart; default the network's",
}

export const modelOptions = {
  option: {
    value: 'KEY=VALUE',
    many: true,
    help: 'an option of the network, such as kernel=7; again for others',
  },
  width: { value: 'N', help: "channels of the first convolution; 64 is the papers'" },
  base: { value: 'N', help: "the same of FRRN; 48 is the paper's" },
  lanes: { value: 'N', help: "channels of FRRN's residual stream; 32 is the paper's" },
} as const satisfies Options

/** The network that `text` means, with the options that were given: those of `modelOptions`, and `classes` where the command
 * has that. Throws OptionError where there is no such network, or where what was given is no KEY=VALUE; whether the option
 * exists and may have the value is for the network to say. */
export function chosenModel(args: Args, text: string): Configuration {
  const found = findModel(text)
  return { ...found, options: { ...found.options, ...givenOptions(args, found.name) } }
}

/** The options of the network `name` that were given, as `chosenModel` takes them. */
export function givenOptions(args: Args, name: string): Record<string, unknown> {
  const { options: checks } = models[name]
  const given = new Map<string, unknown>()
  const give = (key: string, value: unknown) => {
    if (given.has(key)) throw new OptionError(`${key} is given twice`, 'give it once')
    given.set(key, value)
  }
  for (const name of ['classes', 'width', 'base', 'lanes'])
    if (args.has(name)) give(name, args.whole(name))
  for (const pair of args.texts('option')) {
    const at = pair.indexOf('=')
    if (at < 1)
      throw new OptionError(
        `--option cannot be '${pair}'`,
        `give KEY=VALUE with one of ${Object.keys(checks).join(', ')}`,
      )
    const key = pair.slice(0, at)
    give(key, optionOf(checks[key], pair.slice(at + 1)))
  }
  return Object.fromEntries(given)
}

/** Images of a step, and the parts that they are computed in, from `--batch` and `--accumulate`; `usual` images of a part where the
 * former is not given. Throws OptionError where they do not fall into equal parts. */
export function batchOf(
  args: Args,
  usual: number,
): { readonly batch: number; readonly accumulate?: number } {
  const accumulate = args.whole('accumulate')
  if (accumulate === undefined) return { batch: args.whole('batch') ?? usual }
  const batch = args.whole('batch') ?? accumulate * usual
  if (batch % accumulate === 0) return { batch, accumulate }
  throw new OptionError(
    `a batch of ${batch} images does not fall into ${accumulate} equal parts`,
    `use --batch ${accumulate * Math.ceil(batch / accumulate)}`,
  )
}

export const precisionOption = {
  value: 'NAME',
  help: 'full (default), or mixed: activations in f16 where the adapter has it, with a loss scale',
}

/** The precision that is asked for, if one is. */
export const precisionOf = (args: Args): { readonly precision?: Precision } => {
  const precision = args.choice('precision', precisions)
  return precision ? { precision } : {}
}
