// `recipes`: how the papers train, as data that one can read and change; needs no GPU.

import { recipeNamed, recipes } from '../../train/recipes/index.ts'
import { type Args, type Command, helpOption, jsonOption } from './command.ts'
import { table } from './table.ts'

async function run(args: Args): Promise<number> {
  const names = args.positionals
  const named = names.map(recipeNamed)
  if (named.length) console.log(named.map((recipe) => JSON.stringify(recipe, null, 2)).join('\n'))
  else if (args.has('json')) console.log(JSON.stringify([...recipes.values()], null, 2))
  else console.log(list())
  return 0
}

const list = (): string =>
  table(
    [
      ['recipe', 'what it trains', 'after'],
      ...[...recipes.values()].map(({ name, summary, source }) => [name, summary, source]),
    ],
    new Set(),
  ).join('\n')

export const recipesCommand: Command = {
  name: 'recipes',
  summary: "list the papers' recipes of training, or print one as JSON; needs no GPU",
  usage: '[NAME …] [options]',
  options: { json: jsonOption, help: helpOption },
  examples: [
    ['atrous recipes', 'their names'],
    ['atrous recipes frrn-a', 'what one of them says'],
    ['atrous train frrn-a --data cityscapes --set rate.0.lr=5e-4', 'train by it, with a change'],
  ],
  run,
}
