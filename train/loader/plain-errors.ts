// Errors on their way between threads, where a class is lost: what an error says as plain data, and the same error again.

import { AtrousError, DataError, NonFiniteError, OptionError } from '../../engine/errors.ts'

export interface PlainError {
  readonly name: string
  readonly message: string
  readonly hint?: string | undefined
  readonly file?: string | undefined
  readonly stack?: string | undefined
}

export function plainError(error: unknown): PlainError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) }
  const { name, message, stack } = error
  const hint = error instanceof AtrousError ? error.hint : undefined
  return { name, message, hint, file: error instanceof DataError ? error.file : undefined, stack }
}

/** An error of the same class, where the library has it, with the same message and hint. */
export function errorAgain({ name, message, hint, file, stack }: PlainError): Error {
  const said = hint === undefined ? message : message.slice(0, -`\n  hint: ${hint}`.length)
  if (file !== undefined) return new DataError(file, said.slice(file.length + 2), hint)
  if (name === 'OptionError') return new OptionError(said, hint)
  if (name === 'NonFiniteError') return new NonFiniteError(said, hint)
  if (hint !== undefined || name === 'AtrousError') return new AtrousError(said, hint)
  return Object.assign(new Error(message), { name, stack })
}
