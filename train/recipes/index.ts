// The recipes by name.

import { OptionError } from '../../engine/errors.ts'
import { suggest } from '../../nn/near.ts'
import * as fcrn from './fcrn.ts'
import * as frrn from './frrn.ts'
import * as gcn from './gcn.ts'
import * as imagenet from './imagenet.ts'
import * as localization from './localization.ts'
import type { RecipeFile } from './recipe-file.ts'
import * as small from './small.ts'
import * as wider from './wider.ts'

export { atSize, scaled } from './scale.ts'
export { withAssignment, withValue } from './set.ts'
export type { RecipeFile }

const files: readonly RecipeFile[] = [
  small,
  fcrn,
  localization,
  frrn,
  gcn,
  imagenet,
  wider,
].flatMap((file) => Object.values(file))

/** All recipes, in the order of their papers. */
export const recipes: ReadonlyMap<string, RecipeFile> = new Map(files.map((r) => [r.name, r]))

/** Throws OptionError where there is no such recipe. */
export function recipeNamed(name: string): RecipeFile {
  const found = recipes.get(name)
  if (found) return found
  throw new OptionError(`there is no recipe ${name}`, suggest(name, recipes.keys()))
}
