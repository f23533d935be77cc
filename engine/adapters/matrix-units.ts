// The matrix units of an adapter, as Dawn shows them through an experimental feature: which shapes one subgroup multiplies at
// once, and whether they serve mixed precision. No kernel uses them yet: on every adapter the plain ones run, which read
// and store f16 and compute in f32, and `mixedKernels` says so and why. A schedule for matrix units is one more entry of
// shaders/conv/choice.ts, for adapters where `usableUnit` gives one; the device must then be opened with `feature`.

/** One shape: [m, k] · [k, n] of elements `from`, summed in `sum`. */
export interface MatrixUnit {
  readonly from: string
  readonly sum: string
  readonly m: number
  readonly n: number
  readonly k: number
}

/** Asking for it where it is missing is an error, so it is only looked for. */
export const feature = 'chromium-experimental-subgroup-matrix'

/** The part of an adapter that tells of them. */
export interface Probed {
  readonly features: { has(name: string): boolean }
  readonly info: object
}

/** The shapes that an adapter lists; none without the feature, or where what it lists is not understood. */
export function matrixUnitsOf({ features, info }: Probed): MatrixUnit[] {
  if (!features.has(feature)) return []
  const { subgroupMatrixConfigs: list } = info as { subgroupMatrixConfigs?: unknown }
  if (!list || typeof (list as Iterable<unknown>)[Symbol.iterator] !== 'function') return []
  return [...(list as Iterable<Record<string, unknown> | null>)].flatMap((config) => {
    const { componentType: from, resultComponentType: sum, M: m, N: n, K: k } = config ?? {}
    const isShape = [m, n, k].every((x) => Number.isInteger(x) && (x as number) > 0)
    if (typeof from !== 'string' || typeof sum !== 'string' || !isShape) return []
    return [{ from, sum, m: m as number, n: n as number, k: k as number }]
  })
}

/** The largest shape that multiplies f16 and sums in f32, if there is one. */
export const usableUnit = (units: readonly MatrixUnit[]): MatrixUnit | undefined =>
  units
    .filter(({ from, sum }) => from === 'f16' && sum === 'f32')
    .sort((a, b) => b.m * b.n * b.k - a.m * a.n * a.k)[0]

/** `16x16x16 f16 to f32`. */
export const showUnit = ({ from, sum, m, n, k }: MatrixUnit): string =>
  `${m}x${n}x${k} ${from} to ${sum}`

/** Which kernels compute the products of `precision: 'mixed'` on an adapter, and why, in one line. */
export function mixedKernels(caps: { f16: boolean; matrixUnits: readonly MatrixUnit[] }): string {
  if (!caps.f16) return 'none: no shader-f16'
  const unit = usableUnit(caps.matrixUnits)
  const plain = 'plain kernels, f16 in memory and f32 arithmetic'
  if (unit) return `${plain}: there is no schedule for matrix units (${showUnit(unit)}) yet`
  const listed = caps.matrixUnits.length
  return `${plain}: ${listed ? 'no matrix unit sums f16 in f32' : 'no matrix units are listed'}`
}
