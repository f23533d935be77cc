// Comparing a network's numbers with those of a case. Many small tensors stand in one of the file's, as its rows: the whole is
// held to the case's tolerance, and every row to its own bar, since a wrong row of small numbers is lost in the whole.

import { type Comparison, compareFloats } from './check.ts'
import type { GoldenCase } from './format.ts'
import { ourOrder, placeOf } from './layout.ts'
import type { Numbers, Outcome } from './network-run.ts'
import type { GoldenNetwork } from './parameters.ts'

/** Comparisons by the names of the tensors. */
export type Comparisons = Map<string, Comparison>

/** What a float32 run of the peer lost on a parameter's gradient, times this, is how far ours may be off (README). */
const float32Times = 20
const gradientFloor = 1e-3

const activationOrder = (rank: number) => ourOrder('NCHW', rank, false)
const weightOrder = (rank: number) => (rank === 2 ? [1, 0] : ourOrder('NCHW/OIHW', rank, true))

/** Everything that was computed, against everything that the case lists. Activations come first, so that the first problem
 * names the first layer that is wrong. */
export function compareNetwork(
  golden: GoldenCase,
  network: GoldenNetwork,
  outcome: Outcome,
): Comparisons {
  const { activations, logits, dInput, gradients, buffers, losses } = outcome
  const found: Comparisons = new Map()
  const plain = (name: string, got: readonly number[]) => found.set(name, golden.compare(name, got))
  const order = activationOrder(logits.shape.length)

  const layers = network.activations.map((a) => a.name)
  compareRows(found, golden, 'act', layers, activations, activationOrder, () =>
    golden.tolerance('act_norm'),
  )
  if (golden.has('logits')) plain('logits', inStoredOrder(logits, order))
  else plain('logits_sample_value', picked(golden, 'logits', logits, order))
  plain('logits_sum', [sumOf(logits)])
  plain('logits_norm', [normOf(logits)])
  plain('loss', [losses[0]])
  plain('d_input_norm', [normOf(dInput)])
  plain('d_input_sample_value', picked(golden, 'd_input', dInput, activationOrder(4)))
  const lost = golden.has('grad_float32_error') ? golden.values('grad_float32_error') : []
  compareRows(found, golden, 'grad', network.gradient_order, gradients, weightOrder, (i) =>
    Math.max(gradientFloor, float32Times * (lost[i] ?? 0)),
  )
  if (golden.has('buffer_norm_after')) plain('buffer_norm_after', buffers.map(normOf))
  if (losses.length > 1) plain('loss_trajectory', losses)
  return found
}

/** Norms, sampled elements and, where the case has them, sums of several tensors. */
function compareRows(
  found: Comparisons,
  golden: GoldenCase,
  kind: 'act' | 'grad',
  names: readonly string[],
  all: readonly Numbers[],
  orderOf: (rank: number) => readonly number[],
  barOf: (row: number) => number,
): void {
  const indices = golden.values(`${kind}_sample_index`)
  const each = indices.length / names.length
  const norms = golden.values(`${kind}_norm`)
  const columns: Record<string, { rows: number[][]; scaleOf: (row: number) => number }> = {
    norm: { rows: all.map((t) => [normOf(t)]), scaleOf: (i) => norms[i] },
    sample_value: {
      rows: all.map((t, i) =>
        pick(t, orderOf(t.shape.length), indices.slice(i * each, i * each + each)),
      ),
      // So many elements of the usual size.
      scaleOf: (i) => norms[i] * Math.sqrt(each / all[i].data.length),
    },
  }
  // As far as an error of that norm can carry a sum: where all its elements have one sign.
  if (golden.has(`${kind}_sum`))
    columns['sum'] = {
      rows: all.map((t) => [sumOf(t)]),
      scaleOf: (i) => norms[i] * Math.sqrt(all[i].data.length),
    }
  for (const [column, { rows, scaleOf }] of Object.entries(columns)) {
    const tensor = `${kind}_${column}`
    const whole = golden.compare(tensor, rows.flat())
    const want = golden.values(tensor)
    const width = want.length / rows.length
    const own = rows.map((row, i) =>
      compareRow(row, want.slice(i * width, i * width + width), scaleOf(i), barOf(i)),
    )
    found.set(tensor, joined(whole, own, names, kind === 'grad'))
  }
}

/** One row, by its error relative to what is larger: its own norm, or what stands for its size. */
function compareRow(
  got: readonly number[],
  want: readonly number[],
  scale: number,
  bar: number,
): Comparison {
  const size = Math.max(scale, Math.hypot(...want))
  if (!(size > 0)) return compareFloats(got, want, { tolerance: bar })
  const error = Math.hypot(...got.map((v, i) => v - want[i])) / size
  const share = error / bar
  if (share <= 1) return { error, share }
  return {
    error,
    share,
    problem: `by ${error.toExponential(1)}, where ${bar.toExponential(1)} is allowed`,
  }
}

/** The whole and its rows as one; the first wrong row is named, from the loss on where that is where it all begins. */
function joined(
  whole: Comparison,
  rows: readonly Comparison[],
  names: readonly string[],
  backwards: boolean,
): Comparison {
  const wrong = rows.flatMap((row, i) => (row.problem ? [i] : []))
  const share = Math.max(whole.share, ...rows.map((row) => row.share))
  const problems = whole.problem ? [whole.problem] : []
  if (wrong.length) {
    const first = backwards ? wrong[wrong.length - 1] : wrong[0]
    const from = backwards ? 'from the loss on' : 'from the input on'
    const start = problems.length ? '' : 'is off: '
    problems.push(
      `${start}${wrong.length} of ${rows.length}, first ${from}: ${names[first]} ${rows[first].problem}`,
    )
  }
  return {
    error: whole.error,
    share: Number.isNaN(share) ? Number.POSITIVE_INFINITY : share,
    ...(problems.length ? { problem: problems.join('; ') } : {}),
  }
}

const picked = (golden: GoldenCase, what: string, t: Numbers, order: readonly number[]) =>
  pick(t, order, golden.values(`${what}_sample_index`))

const pick = (
  { shape, data }: Numbers,
  order: readonly number[],
  indices: readonly number[],
): number[] => indices.map((i) => data[placeOf(i, order, shape)])

const inStoredOrder = (t: Numbers, order: readonly number[]): number[] =>
  pick(t, order, Array.from(t.data.keys()))

function normOf({ data }: Numbers): number {
  let sum = 0
  for (const x of data) sum += x * x
  return Math.sqrt(sum)
}

function sumOf({ data }: Numbers): number {
  let sum = 0
  for (const x of data) sum += x
  return sum
}
