// Why a label file cannot be used, looked at more closely: what was probably done to it, and how to undo that.

import { type AtrousError, DataError } from '../../engine/errors.ts'
import type { ClassInfo } from '../dataset.ts'
import type { Picture } from '../pictures/picture.ts'
import type { LabelImage } from '../pictures/png-label-values.ts'

/** A label file, and ways to look into it, which may fail. */
export interface LabelFile {
  readonly file: string
  readonly stored: () => Promise<LabelImage>
  readonly picture: () => Promise<Picture>
}

/** An error's message, with what its label file shows where that can be looked into. */
export async function explained(
  error: AtrousError,
  label: LabelFile | undefined,
  classes: readonly ClassInfo[],
): Promise<string> {
  if (!label || !(error instanceof DataError) || error.file !== label.file) return error.message
  const more = await lookInto(label, classes).catch(() => undefined)
  if (!more) return error.message
  const [what] = error.message.split('\n')
  return `${what}\n  hint: ${more}`
}

async function lookInto(
  { stored, picture }: LabelFile,
  classes: readonly ClassInfo[],
): Promise<string | undefined> {
  const indices = await stored().catch(() => undefined)
  return indices
    ? ofValues(indices.values, classes.length)
    : ofColours((await picture()).data, classes)
}

/** Of indices that are no classes. */
function ofValues(values: Uint8Array | Uint16Array, count: number): string | undefined {
  const seen = new Set(values)
  const strange = [...seen].filter((v) => v >= count && v !== 255).sort((a, b) => a - b)
  if (!strange.length) return undefined
  if (strange.length === 1 && strange[0] === count && !seen.has(0))
    return `its labels go from 1 to ${count}, so they are one too high: classes count from 0; subtract 1, and give void 255`
  const list = `${strange.slice(0, 6).join(', ')}${strange.length > 6 ? ', …' : ''}`
  return `it has ${list} where classes are 0..${count - 1}; give what is no class 255, or name the missing classes`
}

/** Of a label image that was saved in colours. */
function ofColours(data: Uint8Array, classes: readonly ClassInfo[]): string | undefined {
  const seen = new Set<number>()
  for (let i = 0; i < data.length; i += 3)
    seen.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2])
  const indices = new Map(classes.map(({ colour: [r, g, b] }, k) => [(r << 16) | (g << 8) | b, k]))
  const known = [...seen].filter((colour) => indices.has(colour))
  const grey = [...seen].every((c) => c >> 16 === (c & 255) && ((c >> 8) & 255) === (c & 255))
  if (grey && [...seen].every((c) => (c & 255) < classes.length || (c & 255) === 255))
    return 'its red, green and blue are the same and look like class indices: save it with one channel, as an 8-bit grey PNG'
  if (seen.size > 256)
    return `it has ${seen.size} colours, more than there can be classes: a photograph, a blend of image and labels, or labels that were smoothed`
  const hex = (c: number) => `#${c.toString(16).padStart(6, '0')}`
  const list = (colours: readonly number[]) =>
    `${colours.slice(0, 4).map(hex).join(', ')}${colours.length > 4 ? ', …' : ''}`
  if (!known.length)
    return `it has ${seen.size} colours (${list([...seen])}), none of them of a class; save the indices of the classes with a palette, as an 8-bit PNG`
  const shown = known
    .slice(0, 4)
    .map((c) => `${hex(c)} is ${indices.get(c)}, ${classes[indices.get(c)!].name}`)
  const other = [...seen].filter((colour) => !indices.has(colour))
  return `${known.length} of its ${seen.size} colours are those of classes (${shown.join('; ')})${other.length ? `, and ${list(other)} would be void, 255` : ''}: save the indices with that palette, as an 8-bit PNG`
}
