// From a person's text to a function and its arguments. What is wrong with the text is said in a sentence, with its line.

import type { Tensor } from '../../../engine/index.ts'
import type { Tree } from '../../../engine/stages.ts'
import { scope } from './scope.ts'

export type TensorFunction = (...inputs: Tensor[]) => Tree<Tensor>

/** A mistake in the text. */
export class CodeError extends Error {
  override readonly name = 'CodeError'
  readonly hint: string | undefined
  constructor(sentence: string, line?: number, hint?: string) {
    super(line === undefined ? sentence : `line ${line}: ${sentence}`)
    this.hint = hint
  }
}

/** Under which the text is named in stacks. */
const FILE = 'explored-function.js'

/** The function that the text returns. Throws CodeError. */
export function functionOf(code: string): TensorFunction {
  const names = Object.keys(scope)
  const values = Object.values(scope)
  const made = withLines(() => {
    let build: (...args: unknown[]) => unknown
    try {
      build = new Function(...names, body(code)) as typeof build
    } catch (error) {
      throw new CodeError((error as Error).message, lineOfSyntax(code, names))
    }
    return build(...values)
  })
  if (typeof made !== 'function')
    throw new CodeError(
      made === undefined ? 'the text returns nothing' : `the text returns ${typeof made}`,
      undefined,
      'end it with a function: return (x) => …',
    )
  return made as TensorFunction
}

const body = (code: string): string => `'use strict';${code}\n//# sourceURL=${FILE}`

/** Runs `work`; what it throws becomes a sentence with the line of the text from which it came. */
export function withLines<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof CodeError || !(error instanceof Error)) throw error
    const { hint } = error as { hint?: string }
    throw new CodeError(
      error.message.split('\n  hint: ')[0],
      lineIn(error.stack),
      hint ?? hintFor(error),
    )
  }
}

function hintFor(error: Error): string | undefined {
  const unknown = /^(\w+) is not defined/.exec(error.message)
  return unknown ? `use a function of the library: ${near(unknown[1])}` : undefined
}

/** Names that begin alike, or a few that there are. */
function near(name: string): string {
  const all = Object.keys(scope)
  const start = name.slice(0, 3).toLowerCase()
  const alike = all.filter((n) => n.toLowerCase().startsWith(start)).slice(0, 5)
  return `${(alike.length ? alike : ['add', 'mul', 'relu', 'conv2d', 'mean', 'grad']).join(', ')} …`
}

/** Lines that engines put before the body of a function made of text. */
const HEAD = 2

function lineIn(stack: string | undefined): number | undefined {
  const found = stack && new RegExp(`${FILE.replace('.', '\\.')}:(\\d+)`).exec(stack)
  return found ? Math.max(1, Number(found[1]) - HEAD) : undefined
}

/** The line of a mistake in the grammar, which only the error of a script tells. Undefined outside of a page. */
function lineOfSyntax(code: string, names: readonly string[]): number | undefined {
  if (typeof document === 'undefined') return undefined
  let line: number | undefined
  const note = (event: ErrorEvent) => {
    line = event.lineno
    event.preventDefault()
  }
  const script = document.createElement('script')
  script.textContent = `void function (${names.join()}) {'use strict';${code}\n}`
  addEventListener('error', note)
  document.head.append(script)
  removeEventListener('error', note)
  script.remove()
  return line && Math.min(line, code.split('\n').length)
}
