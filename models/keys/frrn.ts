// FRRN's released weights (`.npz`): no names at all, but `arr_0`, `arr_1` … in Lasagne's order of layers, in which each comes
// after what it reads, the pooling stream before the residual one: the order of our fields. Lasagne's
// convolutions turn their kernels round, so each kernel is turned by 180°.

import {
  asStored,
  type Converted,
  type File,
  fromTorch,
  type KeyMap,
  mapped,
  type Source,
  type State,
} from './keys.ts'

/** The order within one batch norm; the last is 1 / √(variance + eps). */
const norm = ['bias', 'weight', 'running_mean', 'running_inv_std']
const EPS = 1e-4

/** Paths in the order of the file. A batch norm is one layer there, and its four vectors have another order. A residual unit
 * whose shortcut is a convolution may have it before its branch or after it; the kernel's size tells. */
function fileOrder(state: State, file: File): string[] {
  const order: string[] = []
  let late: { readonly unit: string; readonly path: string } | undefined
  for (const path of state.keys()) {
    const layer = layerOf(path)
    if (late && !path.startsWith(late.unit)) {
      order.push(late.path)
      late = undefined
    }
    const isNorm = state.has(`${layer}.running_mean`)
    const [, unit] = /^(.*\.)shortcut\.weight$/.exec(path) ?? []
    if (unit && file.get(`arr_${order.length}`)?.shape[2] !== 1) late = { unit, path }
    else if (!isNorm) order.push(path)
    else if (path.endsWith('.running_mean')) order.push(...norm.map((name) => `${layer}.${name}`))
  }
  return order
}

const layerOf = (path: string): string => path.slice(0, path.lastIndexOf('.'))

/** Each kernel's rows and columns in reverse, for [out, in, kh, kw]. */
function turned({ shape, data }: Converted): Converted {
  const area = shape[2] * shape[3]
  return mapped({ shape, data }, (_, i) => data[i - (i % area) + area - 1 - (i % area)])
}

function source(path: string, index: number): [path: string, Source] {
  const names = [`arr_${index}`]
  if (path.endsWith('.weight'))
    return [
      path,
      {
        names,
        convert: (t) => (t.shape.length === 4 ? fromTorch(turned(asStored(t))) : asStored(t)),
      },
    ]
  return [path, { names, convert: asStored }]
}

/** The same statistic for a network that averages variances. */
const variance = (index: number): Source => ({
  names: [`arr_${index}`],
  // A channel without variance may come out below 0 by the rounding of its root.
  convert: (t) =>
    mapped(asStored(t), (v) => {
      const found = 1 / v ** 2 - EPS
      return found > -1e-3 * EPS ? Math.max(0, found) : found
    }),
})

export const frrn: KeyMap = {
  name: 'frrn',
  summary: 'the released FRRN A and B (Lasagne)',
  recognizes: (file) => file.has('arr_0') && file.has('arr_1'),
  sources: (state, file) => {
    const sources = new Map<string, Source>()
    fileOrder(state, file).forEach((path, i) => {
      const varied = path.replace(/running_inv_std$/, 'running_var')
      if (state.has(path)) sources.set(...source(path, i))
      else if (state.has(varied)) sources.set(varied, variance(i))
    })
    return sources
  },
  ignores: () => false,
  isHead: () => false,
  expects: { splitBatchNorm: true, upsample: 'asymmetric', input: 'none', eps: EPS },
}
