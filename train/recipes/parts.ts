// That the parts of a recipe are of the kind that reading them expects, as those of a file or of a command line may not be.

import { OptionError } from '../../engine/errors.ts'
import { isPlain } from '../../engine/ops/options.ts'
import { shown } from '../../engine/ops/refuse.ts'
import type { Recipe } from './recipe.ts'

/** Throws OptionError naming the first part that is missing, or no object, or no text, where a recipe has one. */
export function checkParts({ name, init, only, data, model, optimizer }: Recipe): void {
  checkObject('data', data, '{ kind: folder, folder: … }')
  checkData(data)
  checkObject('model', model, '{ name: frrn-a, options: … }')
  checkText('model.name', model.name)
  checkObject('model.options', model.options, '{ base: 8 }')
  checkObject('optimizer', optimizer, '{ name: adam }')
  for (const [key, value] of Object.entries({ name, init, only }))
    if (value !== undefined) checkText(key, value)
}

function checkData(data: Recipe['data']): void {
  checkText('data.kind', data.kind)
  const { height, width } = data
  const drawn = data.kind === 'street'
  if (drawn || height !== undefined || width !== undefined)
    for (const [key, value] of Object.entries({ height, width })) checkWhole(key, value, 1)
  if (drawn) checkWhole('seed', data.seed, 0)
  checkOverfit(data.overfit)
  if (data.kind === 'street') return
  checkText('data.folder', data.folder)
  const { also = [] } = data
  if (!Array.isArray(also)) refuse('data.also', also, 'a list of data sets')
  also.forEach((other, i) => {
    checkObject(`data.also.${i}`, other, '{ kind: sbd, folder: … }')
    checkText(`data.also.${i}.kind`, other.kind)
    checkText(`data.also.${i}.folder`, other.folder)
  })
}

function checkOverfit(overfit: unknown): void {
  if (overfit === undefined) return
  if (!Array.isArray(overfit)) checkWhole('overfit', overfit, 1)
  else if (!overfit.length || new Set(overfit).size < overfit.length)
    refuse('data.overfit', overfit, 'a list of names of images, each once')
  else for (const name of overfit) checkText('data.overfit', name)
}

function refuse(key: string, value: unknown, what: string): never {
  throw value === undefined
    ? new OptionError(`a recipe needs ${key}`, `it is ${what}`)
    : new OptionError(`${key} cannot be ${shown(value)}`, `it is ${what}`)
}

function checkObject(key: string, value: unknown, such: string): void {
  if (!isPlain(value)) refuse(key, value, `an object, such as ${such}`)
}

function checkText(key: string, value: unknown): void {
  if (typeof value !== 'string' || !value) refuse(key, value, 'a text')
}

function checkWhole(key: string, value: unknown, least: number): void {
  if (!(Number.isSafeInteger(value) && (value as number) >= least))
    refuse(`data.${key}`, value, `a whole number from ${least}`)
}
