// Changing one value of a recipe by its path, as `rate.0.lr` or `model.options.kernel`.

import { OptionError } from '../../engine/errors.ts'
import { isPlain } from '../../engine/ops/options.ts'
import { suggest } from '../../nn/near.ts'
import { type Recipe, recipeKeys } from './recipe.ts'

/** The recipe with another value at a path of names and places, parts that are on its way being copied. A part that a recipe may
 * have and this one has not is made; whether the whole means something is for `checkRecipe` to say. Throws OptionError for a path
 * that leads nowhere. */
export function withValue(recipe: Recipe, path: string, value: unknown): Recipe {
  const keys = path.split('.')
  if (!recipeKeys.includes(keys[0] as keyof Recipe))
    throw new OptionError(
      `a recipe has no ${keys[0] || 'nameless part'}`,
      suggest(keys[0], recipeKeys),
    )
  return changed(recipe, keys, value, '') as Recipe
}

function changed(
  at: unknown,
  [key, ...rest]: readonly string[],
  value: unknown,
  walked: string,
): unknown {
  const path = walked ? `${walked}.${key}` : key
  const leaf = rest.length === 0
  if (Array.isArray(at)) {
    const place = /^\d+$/.test(key) ? Number(key) : Number.NaN
    // One past the end appends.
    if (!(place <= at.length))
      throw new OptionError(
        `${path}: ${walked} has the places 0 to ${at.length - 1}`,
        'count from 0',
      )
    const copy = [...at]
    copy[place] = leaf ? value : changed(at[place] ?? {}, rest, value, path)
    return copy
  }
  if (at !== undefined && !isPlain(at))
    throw new OptionError(
      `${path}: ${walked} is ${JSON.stringify(at)}, which has no parts`,
      `set ${walked} itself`,
    )
  const object = (at ?? {}) as Readonly<Record<string, unknown>>
  return { ...object, [key]: leaf ? value : changed(object[key], rest, value, path) }
}

/** The recipe with `KEY=VALUE` applied, the value as JSON or, where it is none, as text; null takes a part out. */
export function withAssignment(recipe: Recipe, text: string): Recipe {
  const at = text.indexOf('=')
  if (at < 1)
    throw new OptionError(`'${text}' sets nothing`, 'write KEY=VALUE, such as rate.0.lr=1e-3')
  const value = valueOf(text.slice(at + 1))
  return withValue(recipe, text.slice(0, at), value === null ? undefined : value)
}

function valueOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
