// The options of commands that apply a network: how pictures are looked at. `predict` and `eval` share them.

import { readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { DataError, OptionError } from '../../engine/errors.ts'
import { fileError } from '../../train/files.ts'
import { checkTestTime, type TestTime, testTimeNamed, testTimes } from '../../train/test-time.ts'
import type { Args, Options } from './command.ts'

export const testOptions = {
  test: {
    value: 'NAME|FILE.json',
    help: `a whole procedure, which the following change: ${Object.keys(testTimes).join(', ')}`,
  },
  scales: { value: 'A,B,…', help: 'average the probabilities at these sizes, as 0.75,1,1.25' },
  flip: { help: 'average with those of the mirrored picture' },
  window: {
    value: 'HxW[:STRIDE]',
    help: 'look at windows and average where they overlap; default stride ⅔ of the window',
  },
  shifted: { help: 'four shifted passes, for scores on a grid twice as fine (FCRN)' },
  crf: { help: 'refine the probabilities by the fully connected CRF' },
} as const satisfies Options

/** The procedure that the options of `testOptions` ask for: that of `--test` or else `usual`, with whatever else was given in
 * place of its parts. Throws OptionError and DataError. */
export async function testTimeOf(args: Args, usual: TestTime = {}): Promise<TestTime> {
  const test = args.text('test')
  const base = test === undefined ? usual : await procedure(test)
  const [scales, window] = [args.text('scales'), args.text('window')]
  const given: TestTime = {
    ...base,
    ...(scales !== undefined && { scales: numbers(scales) }),
    ...(args.has('flip') && { flip: true }),
    ...(window !== undefined && { window: windowOf(window) }),
    ...(args.has('shifted') && { shifted: 'features' }),
    ...(args.has('crf') && { crf: base.crf ?? true }),
  }
  return checkTestTime(given)
}

async function procedure(text: string): Promise<TestTime> {
  if (extname(text).toLowerCase() !== '.json') return testTimeNamed(text)
  const hint = `write a JSON object such as {"flip": true}, or use a name: ${Object.keys(testTimes).join(', ')}`
  const json = await readFile(text, 'utf8').catch((error) => {
    throw fileError(text, 'cannot be read', error, hint)
  })
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (error) {
    throw new DataError(text, `is not JSON: ${(error as Error).message}`, hint)
  }
  try {
    return checkTestTime(value)
  } catch (error) {
    if (!(error instanceof OptionError)) throw error
    throw new DataError(text, error.message.split('\n')[0], error.hint)
  }
}

const numbers = (text: string): number[] =>
  text.split(',').map((part) => {
    const value = part.trim() === '' ? Number.NaN : Number(part)
    if (Number.isFinite(value) && value > 0) return value
    throw new OptionError(`--scales cannot be '${text}'`, 'give numbers above 0, as 0.75,1,1.25')
  })

function windowOf(text: string): TestTime['window'] {
  const match = /^(\d+)[x×](\d+)(?::(\d+))?$/.exec(text)
  if (!match)
    throw new OptionError(
      `--window cannot be '${text}'`,
      'give height and width, and perhaps a stride, as 512x512:256',
    )
  const [height, width, stride] = match.slice(1).map(Number)
  return { height, width, ...(match[3] !== undefined && { stride }) }
}
