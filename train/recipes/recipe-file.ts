// What a recipe is before it knows its data: how a paper trains a network, on which data set and at what size.

import type { FormatName } from '../data/formats.ts'
import type { Recipe } from './recipe.ts'

/** A recipe of a paper. Comments beside its values say where they come from: [P] the paper, [C] its released code, [O] ours where
 * neither says. */
export interface RecipeFile extends Omit<Recipe, 'name' | 'data' | 'seed' | 'init' | 'only'> {
  readonly name: string
  /** One line for lists. */
  readonly summary: string
  /** Paper and section. */
  readonly source: string
  readonly data: {
    /** The data sets that it is for; others may be trained on by it all the same. */
    readonly formats: readonly FormatName[]
    /** Height and width that images are brought to before they are augmented; without them, their own. */
    readonly size?: readonly [height: number, width: number]
  }
  /** The weights that the paper starts from; without them the network is trained from scratch, and its batch norm with it. */
  readonly from?: string
  /** Options of the network, if it has them, where its weights are new; default: batch norm is trained. */
  readonly fresh?: Readonly<Record<string, unknown>>
  /** The first learning rate where another network takes the place of the recipe's, by how its name begins. */
  readonly rateFor?: Readonly<Record<string, number>>
}
