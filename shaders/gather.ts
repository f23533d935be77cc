// What a gather along axes needs at least: y[o₀, o₁, …] = x[s₀, s₁, …] with as few axes as possible, in units of as many bytes
// as possible. (copy.ts has the formula and the kernel.)
//
//   [n, h, w, c] rolled by 3 along h   →  out [n, h·w·c], axis 1 of size h·w·c wraps with offset 3·w·c
//   [n, h, w, c] transposed to n w h c →  out [n, w, h, c/4], no test, one stride per output axis

/** What is outside of x: a fill value, x without repeating its edge, the edge, or x again from the other side. */
export type Border = 'constant' | 'reflect' | 'replicate' | 'wrap'

/** Whether elements that follow one another do not do so outside of x. */
const folds = (border?: Border): boolean => border === 'reflect' || border === 'replicate'

/** Where the coordinate on one input axis comes from. */
export interface AxisMap {
  /** Output axis. */
  readonly from: number
  /** Any integer but 0 with `divide`; negative to flip. */
  readonly step: number
  readonly offset: number
  /** s = (o − offset) / step, and the fill value where that is no integer: the adjoint of a strided slice. */
  readonly divide?: boolean
}

/** A gather of dense tensors of at most 6 axes. */
export interface Gather {
  readonly outShape: readonly number[]
  readonly inShape: readonly number[]
  /** One per input axis. */
  readonly map: readonly AxisMap[]
  /** Default 'constant'; `divide` axes always take the fill value. */
  readonly border?: Border
}

export interface Axis extends AxisMap {
  readonly size: number
  readonly stride: number
  /** Never outside of x. */
  readonly plain: boolean
}
export interface Plan {
  readonly out: readonly number[]
  readonly axes: readonly Axis[]
  /** Position in x of output element 0, as far as the axes do not say. */
  readonly base: number
  /** Elements that are copied as one. */
  readonly unit: number
}

/** The same copy with as few axes as possible: output axes of size 1 go, and an axis of which the next one is
 * copied whole joins it. */
export function simplify({ outShape, inShape, map, border }: Gather): Plan {
  let stride = inShape.reduce((a, b) => a * b, 1)
  const axes = map.map((m, a): Axis => {
    stride /= inShape[a]
    const last = (outShape[m.from] - 1) * m.step + m.offset
    const plain =
      !m.divide && Math.min(m.offset, last) >= 0 && Math.max(m.offset, last) < inShape[a]
    return { ...m, size: inShape[a], stride, plain }
  })
  const fixed = axes.filter((a) => a.plain && outShape[a.from] === 1)
  const base = fixed.reduce((sum, a) => sum + a.offset * a.stride, 0)
  const moving = axes.filter((a) => !fixed.includes(a))
  const kept = outShape
    .map((_, k) => k)
    .filter((k) => outShape[k] > 1 || moving.some((a) => a.from === k))
  let plan: Plan = {
    out: kept.map((k) => outShape[k]),
    axes: moving.map((a) => ({ ...a, from: kept.indexOf(a.from) })),
    base,
    unit: 1,
  }
  for (let k = plan.out.length - 2; k >= 0; k--) plan = joined(plan, k, folds(border))
  return plan.out.length ? plan : { ...plan, out: [1] }
}

/** The plan with output axes k and k + 1 as one, where that is the same copy. */
function joined(plan: Plan, k: number, folding: boolean): Plan {
  const { out, axes } = plan
  const outer = axes.filter((a) => a.from === k)
  const inner = axes.filter((a) => a.from === k + 1)
  const [a] = outer
  const [b] = inner
  if (outer.length !== 1 || inner.length !== 1) return plan
  const whole = b.plain && b.step === 1 && b.offset === 0 && b.size === out[k + 1]
  const shifted = a.step === 1 && !a.divide && (a.plain || !folding)
  if (!whole || !shifted || a.stride !== b.size * b.stride) return plan
  const one = { ...a, offset: a.offset * b.size, size: a.size * b.size, stride: b.stride }
  return {
    ...plan,
    out: [...out.slice(0, k), out[k] * out[k + 1], ...out.slice(k + 2)],
    axes: axes
      .filter((x) => x !== b)
      .map((x) => (x === a ? one : x.from > k ? { ...x, from: x.from - 1 } : x)),
  }
}

/** The plan with `unit` neighbours of the last axis as one element of 16 or 4 bytes, where they stay together. */
export function inUnits(plan: Plan, size: number, border: Border): Plan {
  const { out, axes, base } = plan
  const last = out.length - 1
  const inner = axes.find((a) => a.stride === 1)
  const together = axes.filter((a) => a.from === last).length === 1
  const kept = inner?.step === 1 && !inner.divide && (inner.plain || !folds(border))
  if (!inner || inner.from !== last || !together || !kept) return plan
  const others = axes.filter((a) => a !== inner)
  const counts = [out[last], inner.size, inner.offset, base, ...others.map((a) => a.stride)]
  const unit = [16, 4].map((b) => b / size).find((u) => counts.every((k) => k % u === 0)) ?? 1
  if (unit === 1) return plan
  return {
    out: [...out.slice(0, -1), out[last] / unit],
    axes: axes.map((a) =>
      a === inner
        ? { ...a, size: a.size / unit, offset: a.offset / unit }
        : { ...a, stride: a.stride / unit },
    ),
    base: base / unit,
    unit,
  }
}
