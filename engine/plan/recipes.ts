// Recipes of kernels, each made once: a program is planned several times until the best plan is found, and most of its kernels are
// the same ones in all of these plans.

import type { Recipe } from '../../shaders/kernel.ts'
import type { Caps } from '../adapters/adapter.ts'
import type { Node } from '../tensor.ts'

interface Known {
  readonly caps: Caps
  /** The kinds of memory that its operands and results live in. */
  readonly homes: string
  readonly recipe: Recipe
}

const known = new WeakMap<Node, Known>()

/** What `lower` makes of a node, or made of it before for the same device and the same `homes`. */
export function recipeOf(node: Node, caps: Caps, homes: string, lower: () => Recipe): Recipe {
  const found = known.get(node)
  if (found?.caps === caps && found.homes === homes) return found.recipe
  const recipe = lower()
  known.set(node, { caps, homes, recipe })
  return recipe
}
