// Options as people write them, and what they mean written out. Types do not reach everybody: what a shape rule cannot see of
// an option is checked here.

import { isWholes, type TensorType } from '../dtype.ts'
import { refuse, refuseOption, shown } from './refuse.ts'

/** [vertical, horizontal] */
export type Pair = readonly [number, number]
/** [top, left, bottom, right] */
export type Sides = readonly [number, number, number, number]
/** All sides, [vertical, horizontal] or [top, left, bottom, right]. */
export type Padding = number | Pair | Sides

/** The options that were given, and `defaults` for the others, which name all there are: undefined for those that have none.
 * Throws OptionError for names that are none, and for what is neither true nor false where that is asked. */
export function optionsOf<
  T extends object,
  D extends { readonly [K in keyof Required<T>]: T[K] | undefined },
>(
  op: string,
  given: T,
  defaults: D,
): { [K in keyof T]-?: undefined extends T[K] ? Exclude<T[K], undefined> | D[K] : T[K] } {
  const names = Object.keys(defaults)
  if (!isPlain(given))
    refuseOption(
      op,
      `options are an object, not ${shown(given)}`,
      `write { ${names.map((name) => `${name}: …`).join(', ')} } or fewer`,
    )
  const all: Record<string, unknown> = { ...defaults }
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue
    if (!names.includes(name))
      refuseOption(op, `there is no option ${name}`, `the options: ${names.join(', ')}`)
    if (typeof all[name] === 'boolean' && typeof value !== 'boolean')
      refuseOption(
        op,
        `${name} is true or false, not ${shown(value)}`,
        `by default it is ${all[name]}`,
      )
    all[name] = value
  }
  return all as ReturnType<typeof optionsOf<T, D>>
}

/** Whether it is an object of no class, of this realm or another. */
export const isPlain = (x: unknown): boolean => {
  const proto = typeof x === 'object' && x ? Object.getPrototypeOf(x) : undefined
  return proto === null || (proto && Object.getPrototypeOf(proto) === null)
}

/** Throws OptionError for a value that is none of `choices`. */
export function checkChoice(op: string, name: string, value: unknown, choices: readonly string[]) {
  if (!choices.includes(value as string))
    refuseOption(
      op,
      `there is no ${name} ${shown(value)}`,
      `the choice: ${choices.map((c) => `'${c}'`).join(', ')}`,
    )
}

/** Throws OptionError for what is no number of things. */
export function checkCount(op: string, name: string, n: unknown, hint: string): void {
  if (!isWholes([n], 1)) refuseOption(op, `${name} ${shown(n)} is no whole number from 1`, hint)
}

/** One or two whole numbers from `least` on. Throws OptionError. */
export function pairOf(op: string, name: string, v: number | Pair, least = 1): Pair {
  const p = Array.isArray(v) ? v : [v, v]
  if (p.length !== 2 || !isWholes(p, least))
    refuseOption(
      op,
      `${name} ${shown(v)} is not one or two ${least ? 'positive integers' : 'integers from 0 on'}`,
      'one number holds for both axes; two are [vertical, horizontal]',
    )
  return [p[0], p[1]]
}

/** [top, left, bottom, right]. Throws OptionError. */
export function sidesOf(op: string, v: Padding): Sides {
  const p = (Array.isArray(v) ? v : [v]) as readonly number[]
  if (![1, 2, 4].includes(p.length) || !isWholes(p, 0))
    refuseOption(
      op,
      `padding ${shown(v)} is not 1, 2 or 4 integers from 0 on`,
      'two are [vertical, horizontal], four are [top, left, bottom, right]',
    )
  const [top, left = top, bottom = top, right = left] = p
  return [top, left, bottom, right]
}

/** A height and a width. Throws ShapeError. */
export function sizeOfMap(
  op: string,
  size: Pair,
  got: readonly TensorType[],
  hint = 'it is [height, width], from 1 on',
): Pair {
  if (size?.length === 2 && isWholes(size, 1)) return [size[0], size[1]]
  const text = Array.isArray(size) ? Array.from(size, shown).join('×') : shown(size)
  return refuse(op, `${text} is no size`, got, hint)
}
