// What to do about a loss that is not finite, and the report as a page of text.

import type { SeenInput, SeenNode } from '../../engine/errors.ts'
import type { Precision } from '../../engine/stages.ts'
import type { NanReport } from './nan-report.ts'

/** Largest finite f16. */
const LARGEST_F16 = 65504
/** Squares of what is beyond this are near the end of f32. */
const HUGE = 1e18
/** Gradients that grow by more than this over the steps that were looked at are taken to diverge. */
const GROWTH = 10

/** A sentence for each thing to try, the likeliest first. */
export function adviceFor(
  { step, lr, node, before, names }: Omit<NanReport, 'advice'>,
  precision: Precision = 'full',
): string[] {
  const advice: string[] = []
  const norms = before.map(({ gradientNorm }) => gradientNorm)
  const finite = norms.filter(Number.isFinite)
  const growth = finite[finite.length - 1] / finite[0]
  if (step === undefined)
    advice.push(
      'repeated from the checkpoint every value stayed finite: a run under the clock has other learning rates each time, or the device erred',
    )
  if (!Number.isFinite(Math.fround(lr)))
    advice.push(`a learning rate of ${short(lr)} is infinite in f32: lower it`)
  else if (node?.op === 'input')
    advice.push(
      `the batch came in so: look at the files of ${names.join(', ')}, and at what augments them`,
    )
  else if (node?.op === 'variable' || node?.op === 'constant')
    advice.push(`${node.path || 'a value of the network'} was so before this step: start elsewhere`)
  const [, ...later] = [...norms].reverse()
  if (growth > GROWTH || later.some((norm) => !Number.isFinite(norm)))
    advice.push(
      'the gradients grew from step to step: lower the learning rate, warm it up, or bound their norm with clip',
    )
  const updates = node?.path.startsWith('optimizer')
  if (updates) advice.push('the update itself overflowed: lower the learning rate')
  const largest = Math.max(0, ...(node?.inputs ?? []).map(magnitude))
  if (largest > HUGE && !updates)
    advice.push(
      `values as large as ${short(largest)} came into it: the steps before were too large, so lower the learning rate or warm it up`,
    )
  if (precision === 'mixed' && (!node || largest > LARGEST_F16))
    advice.push(
      'what is beyond 65504 is infinite in f16: train in full precision, or lower the rate',
    )
  if (node && !updates && ['log', 'div', 'sqrt', 'rsqrt', 'pow', 'reciprocal'].includes(node.op))
    advice.push(`${node.op} near the edge of what it is defined for: keep its input away from it`)
  if (!advice.length) advice.push('lower the learning rate')
  return advice
}

const magnitude = ({ least = 0, most = 0 }: SeenInput): number =>
  Math.max(Math.abs(least), Math.abs(most))

/** For people. */
export function nanReportText(report: NanReport): string {
  const { step, failed, from, names, lr, node, before, advice } = report
  const rows = before.map((s) =>
    [String(s.step), ...[s.lr, s.loss, s.gradientNorm].map(short)].map((c) => c.padStart(14)),
  )
  return [
    `The loss of step ${failed} is not finite.`,
    step === undefined
      ? `Repeated from step ${from}, no value of steps ${from + 1} to ${failed} was so.`
      : `Repeated from step ${from}, step ${step} was the first to make a value that is not finite.`,
    '',
    ...(node ? nodeText(node) : ['Under the watch, which rounds in other places, it made none.']),
    '',
    `batch: ${names.join(', ')}`,
    `learning rate: ${short(lr)}`,
    '',
    ['step', 'learning rate', 'loss', 'gradient norm'].map((c) => c.padStart(14)).join(''),
    ...rows.map((cells) => cells.join('')),
    '',
    ...advice.map((line) => `advice: ${line}`),
    '',
  ].join('\n')
}

function nodeText({ op, path, type, derivativeOf, inputs }: SeenNode): string[] {
  const part = derivativeOf
    ? `backward pass, part of the derivative of ${derivativeOf.op} in ${derivativeOf.path || 'the loss'}`
    : path.startsWith('optimizer') || path.startsWith('clip')
      ? 'update'
      : 'forward pass'
  return [
    `first value: ${op}${path && ` in ${path}`}, ${type} (${part})`,
    ...inputs.map((x, i) => `  input ${i + 1}: ${x.type} ${stateOf(x)}`),
  ]
}

const stateOf = ({ finite, least, most }: SeenInput): string =>
  finite === undefined
    ? 'not looked at'
    : finite
      ? `finite, from ${short(least!)} to ${short(most!)}`
      : 'not finite'

const short = (x: number): string => (Number.isFinite(x) ? String(+x.toPrecision(4)) : String(x))
