// What `eval` looks at: the data that a checkpoint was trained on, or other data of its classes, at the labels' own size.

import { resolve } from 'node:path'
import { DataError, OptionError } from '../../engine/errors.ts'
import type { Checkpoint } from '../../train/checkpoint/checkpoint.ts'
import { formatOf } from '../../train/data/formats.ts'
import type { Dataset } from '../../train/dataset.ts'
import type { DataSource, Recipe } from '../../train/recipes/recipe.ts'
import { type TestTime, usualTestTime } from '../../train/test-time.ts'
import type { Args } from './command.ts'

/** Images are brought to the size of training, and classes back to their own, as `usualTestTime` says; unless they are drawn, or brought
 * to another size as a data set. */
export function usualTest(
  { info }: Checkpoint,
  { kind }: DataSource,
  size: readonly [number, number] | undefined,
): TestTime {
  const { test = {} } = (info.recipe as Partial<Recipe> | undefined) ?? {}
  return kind === 'street' || size ? test : usualTestTime(info, true)
}

/** The data that it was trained on, unless told; images and labels at their own size, unless told. */
export async function sourceOf(
  { file, info }: Checkpoint,
  data: string | undefined,
  size: readonly [number, number] | undefined,
): Promise<DataSource> {
  const trained = (info.recipe as Recipe | undefined)?.data
  if (!trained && data === undefined)
    throw new DataError(file, 'does not say what it was trained on', 'name the data with --data')
  const sides = size && { height: size[0], width: size[1] }
  if (data !== undefined && data !== 'street')
    return { kind: await formatOf(data), folder: resolve(data), ...sides }
  if (trained && trained.kind !== 'street' && data === undefined) {
    const { kind, folder, also, overfit } = trained
    // Images that were learned by heart are all of the set that they were chosen from.
    const chosen = overfit !== undefined && { overfit, ...(also && { also }) }
    return { kind, folder, ...chosen, ...sides }
  }
  if (trained?.kind === 'street') return { ...trained, ...sides }
  const [height, width] = size ?? info.size ?? [48, 64]
  return { kind: 'street', seed: 1, height, width }
}

/** Throws OptionError for an option that is none of these: `why` says what the network does in place of class masks. */
export function onlyOptions(
  args: Args,
  names: readonly string[],
  { why, hint }: { readonly why: string; readonly hint: string },
): void {
  const other = args.given.find((name) => !names.includes(name))
  if (other !== undefined) throw new OptionError(`${why}, and --${other} is of class masks`, hint)
}

/** Throws OptionError where a checkpoint's classes are not those of the data, in their order. */
export function sameClasses({ file, info }: Checkpoint, { name, classes }: Dataset): void {
  const list = (of: readonly { name: string }[]) => of.map((c) => c.name).join(', ')
  const [mine, its] = [list(info.classes), list(classes)]
  if (mine !== its)
    throw new OptionError(
      `${file} knows the classes ${mine}; ${name} has ${its}`,
      'evaluate on the data set that it was trained on',
    )
}
