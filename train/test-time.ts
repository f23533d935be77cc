// What is done at test time beyond one pass over the image, as plain data: at which sizes, mirrored or not, in which windows,
// on which grid, and how probabilities come back to the picture's pixels. What is averaged are probabilities, never scores.
// The papers' procedures have names.

import { OptionError } from '../engine/errors.ts'
import { isPlain } from '../engine/ops/options.ts'
import { shown } from '../engine/ops/refuse.ts'
import { type Check, flag, oneOf } from '../models/options.ts'
import { suggest } from '../nn/near.ts'
import type { CheckpointInfo } from './checkpoint/checkpoint.ts'
import { type CrfOptions, type CrfPublished, crfSettings } from './crf/options.ts'

/** The size that a picture is brought to before anything else. Where one length is given the other follows from the picture's
 * shape, rounded to whole pixels. */
export type TestSize =
  | { readonly height: number; readonly width?: number }
  | { readonly longer: number }
  | { readonly shorter: number }

/** Windows of the resized picture that are looked at one by one; where it is smaller, it is one. */
export interface TestWindow {
  readonly height: number
  readonly width: number
  /** Pixels from one window to the next at most, down and across; they are spread evenly, the last ends where the picture
   * does. Default ⅔ of the window. */
  readonly stride?: number
  /** Instead of that, the first rows and the first columns of all windows, ascending from 0; they must cover the picture. */
  readonly rows?: readonly number[]
  readonly columns?: readonly number[]
}

/** A test-time procedure; `{}` is one pass over the whole picture at its own size. */
export interface TestTime {
  /** Default: the picture's own size. */
  readonly resize?: TestSize
  /** Sizes, relative to that, at which it is looked at; the probabilities of all count alike. Default [1]. */
  readonly scales?: readonly number[]
  /** Look at each size as it is and mirrored, left to right. Default false. */
  readonly flip?: boolean
  readonly window?: TestWindow
  /** What is looked at is padded to at least this size, as the network says, below and to the right. */
  readonly pad?: { readonly height: number; readonly width: number }
  /** Scores on a grid twice as fine, from four passes. `features` (FCRN only): of the last strided stage, whose sampling moves
   * (models/shifted.ts). `input`: of the image, moved by a quarter of the stride each way (Wu, Shen and van den Hengel 2019). */
  readonly shifted?: 'features' | 'input'
  /** How a coarse grid comes to pixels, and they to the picture's own size. `bilinear` (default): scores are interpolated to the
   * pixels of the resized picture, as in training, probabilities from there. `bicubic`: probabilities all the way, by Keys' cubic
   * as Pillow has it (a = −½, antialiased where it shrinks), with which Wu et al. 2019 enlarge; it may overshoot 0 and 1 by a
   * tenth or so. */
  readonly upsample?: 'bilinear' | 'bicubic'
  /** Refine the averaged probabilities by the fully connected CRF: with these options, those that somebody published, or, `true`,
   * the usual ones. */
  readonly crf?: true | CrfPublished | CrfOptions
}

/** What the CRF is called with. */
export const crfOptionsOf = (crf: TestTime['crf']): CrfOptions =>
  typeof crf === 'string' ? { published: crf } : crf === true ? {} : (crf ?? {})

const isWhole = (v: unknown): v is number => Number.isSafeInteger(v) && (v as number) >= 1
const isPositive = (v: unknown): v is number =>
  typeof v === 'number' && v > 0 && v < Number.POSITIVE_INFINITY

/** Whether `value` is an object of whole numbers from 1 with all keys of one list, and perhaps of `more`. */
const hasWholes = (value: unknown, lists: readonly string[][], more: readonly string[] = []) => {
  if (!isPlain(value)) return false
  const of = value as Readonly<Record<string, unknown>>
  const keys = Object.keys(of).filter((k) => of[k] !== undefined)
  const complete = lists.some((list) => list.every((k) => keys.includes(k)))
  const single = lists.some((list) => keys.every((k) => [...list, ...more].includes(k)))
  return complete && single && keys.every((k) => more.includes(k) || isWhole(of[k]))
}

const isOffsets = (v: unknown): boolean =>
  Array.isArray(v) &&
  v[0] === 0 &&
  v.every((n, i) => Number.isSafeInteger(n) && (i === 0 || n > v[i - 1]))

const isWindow = (v: unknown): boolean => {
  if (!hasWholes(v, [['height', 'width']], ['stride', 'rows', 'columns'])) return false
  const { stride, rows, columns, height, width } = v as TestWindow
  if (stride !== undefined && !(isWhole(stride) && stride <= Math.min(height, width))) return false
  return [rows, columns].every((list) => list === undefined || isOffsets(list))
}

const checks: { readonly [K in keyof Required<TestTime>]: Check } = {
  resize: {
    what: '{ height, width }, { height }, { longer } or { shorter }, whole numbers of pixels',
    fits: (v) => hasWholes(v, [['height', 'width'], ['height'], ['longer'], ['shorter']]),
  },
  scales: {
    what: 'a list of different numbers above 0, as [0.75, 1, 1.25]',
    fits: (v) =>
      Array.isArray(v) && v.length > 0 && v.every(isPositive) && new Set(v).size === v.length,
  },
  flip: flag,
  window: {
    what: '{ height, width } with perhaps stride, no more than either, or rows and columns, lists that ascend from 0',
    fits: isWindow,
  },
  pad: {
    what: '{ height, width }, whole numbers of pixels',
    fits: (v) => hasWholes(v, [['height', 'width']]),
  },
  shifted: oneOf('features', 'input'),
  upsample: oneOf('bilinear', 'bicubic'),
  crf: {
    what: 'true, the name of published options, or options',
    fits: (v) => v === true || typeof v === 'string' || isPlain(v),
  },
}

/** The procedure as it is. Throws OptionError naming the first part that means nothing, as what was read from a file may. */
export function checkTestTime(given: unknown): TestTime {
  if (!isPlain(given))
    throw new OptionError(
      `a test-time procedure is an object, not ${shown(given)}`,
      `write { ${Object.keys(checks)[0]}: … }, or the name of one: ${Object.keys(testTimes).join(', ')}`,
    )
  for (const [key, value] of Object.entries(given as object)) {
    if (!Object.hasOwn(checks, key))
      throw new OptionError(`test time has no ${key}`, suggest(key, Object.keys(checks)))
    const { fits, what } = checks[key as keyof TestTime]
    if (value !== undefined && !fits(value))
      throw new OptionError(
        `test time: ${key} cannot be ${JSON.stringify(value) ?? shown(value)}`,
        `it must be ${what}`,
      )
  }
  const { crf } = given as TestTime
  if (crf !== undefined) crfSettings('test time', crfOptionsOf(crf))
  return given as TestTime
}

/** The procedures of the papers, by name. Where a paper does not give a number it is ours, and said so. */
export const testTimes = {
  /** Wu et al. 2016a and 2016b: the whole picture, no resizing. */
  p0: {},
  /** The same on a grid twice as fine (2016a, section 3.2). */
  'p0-shifted': { shifted: 'features' },
  /** Pohlen et al. 2017: predictions at a quarter (FRRN A) or half (FRRN B) of the size, enlarged bilinearly. */
  'p2-quarter': { scales: [0.25] },
  'p2-half': { scales: [0.5] },
  /** Peng et al. 2017, VOC: padded to 512². */
  'p3-voc': { pad: { height: 512, width: 512 } },
  /** Cityscapes: four crops of 1024², at columns 0, 341, 683 and 1024 (the columns are ours). */
  'p3-cityscapes': { window: { height: 1024, width: 1024, stride: 342 } },
  /** Their multi-scale fusion (the scales are ours). */
  'p3-voc-scales': { pad: { height: 512, width: 512 }, scales: [0.75, 1, 1.25], flip: true },
  'p3-cityscapes-scales': {
    window: { height: 1024, width: 1024, stride: 342 },
    scales: [0.75, 1, 1.25],
    flip: true,
  },
  /** Wu et al. 2019, VOC and ADE20K: the longer side 500, mirrored too, probabilities enlarged bicubically. */
  'p4-500': { resize: { longer: 500 }, flip: true, upsample: 'bicubic' },
  /** Cityscapes, validation: the longer side 2048. */
  'p4-cityscapes': { resize: { longer: 2048 }, flip: true, upsample: 'bicubic' },
  /** Cityscapes, test: full and half size (averaging their probabilities is ours). */
  'p4-cityscapes-two': {
    resize: { longer: 2048 },
    scales: [1, 0.5],
    flip: true,
    upsample: 'bicubic',
  },
  /** ADE20K, test: several sizes and the CRF, and several models (the scales are ours). */
  'p4-ade': {
    resize: { longer: 500 },
    scales: [0.75, 1, 1.25],
    flip: true,
    upsample: 'bicubic',
    crf: true,
  },
} as const satisfies Readonly<Record<string, TestTime>>

/** The procedure of a name. Throws OptionError where there is none. */
export function testTimeNamed(name: string): TestTime {
  if (Object.hasOwn(testTimes, name)) return testTimes[name as keyof typeof testTimes]
  throw new OptionError(
    `there is no test-time procedure ${name}`,
    suggest(name, Object.keys(testTimes)),
  )
}

/** How pictures are looked at where nobody says more: as the recipe of a checkpoint tests and, where that leaves it open, at the
 * height that images were brought to for its training; at their own where they were not. `exact`: at the width too, whatever the
 * picture's shape, as validation during that training looked at them. */
export function usualTestTime(
  info: Pick<CheckpointInfo, 'recipe' | 'size'>,
  exact = false,
): TestTime {
  const { test } = (info.recipe as { readonly test?: TestTime } | undefined) ?? {}
  const resize = trainedSize(info, exact)
  return { ...(resize && { resize }), ...test }
}

/** The height that images were brought to for a training, the width following a picture's shape; `exact`: both. Undefined where they
 * kept their own: then `size` is that of one of them, and says nothing. */
export function trainedSize(
  { recipe, size }: Pick<CheckpointInfo, 'recipe' | 'size'>,
  exact = false,
): TestSize | undefined {
  const { data } = (recipe as { readonly data?: Sides } | undefined) ?? {}
  const { height, width } = data ?? { height: size?.[0], width: size?.[1] }
  if (!height || (exact && !width)) return undefined
  return exact ? { height, width } : { height }
}

/** The pixel of its cell that a network's scores answer for, as the loss says by which a checkpoint's was trained; undefined for
 * the middle one. */
export const trainedOffset = ({ recipe }: Pick<CheckpointInfo, 'recipe'>): number | undefined =>
  (recipe as { readonly loss?: { readonly offset?: number } } | undefined)?.loss?.offset

interface Sides {
  readonly height?: number | undefined
  readonly width?: number | undefined
}
