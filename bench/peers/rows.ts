// The rows of the comparison: what is computed, on which shapes, and the share of the fastest correct peer's device time
// that ours is to stay below. Each engine makes the same data for itself from the seeds here.

type Map4 = readonly [n: number, h: number, w: number, c: number]

/** What to compute. Maps are [n, h, w, c], weights [kh, kw, in, out]; `grads` asks for the cotangents of all inputs too, for
 * a given cotangent of the result. */
export type Spec =
  | {
      readonly kind: 'conv'
      readonly x: Map4
      readonly outputs: number
      readonly kernel: number
      readonly stride: number
      readonly padding: number
      readonly dilation: number
      readonly grads: boolean
    }
  | { readonly kind: 'matmul'; readonly size: number; readonly grads: boolean }
export type SpecOf<K extends Spec['kind']> = Extract<Spec, { kind: K }>

export interface Row {
  readonly name: string
  /** Our device time is to be at most this share of the best peer's. */
  readonly target: number
  /** Multiply-adds counted as two; 0 where arithmetic is not what is measured. */
  readonly flops: number
  readonly spec: Spec
}

type ConvSettings = Partial<Pick<SpecOf<'conv'>, 'kernel' | 'stride' | 'dilation' | 'grads'>>

function conv(
  title: string,
  target: number,
  x: Map4,
  outputs: number,
  settings: ConvSettings,
): Row {
  const { kernel = 3, stride = 1, dilation = 1, grads = false } = settings
  const padding = (dilation * (kernel - 1)) / 2
  const spec = { kind: 'conv', x, outputs, kernel, stride, padding, dilation, grads } as const
  const [oh, ow] = outputSize(spec)
  const macs = x[0] * oh * ow * kernel ** 2 * x[3] * outputs
  const name = `${title} ${x[1]}×${x[2]} ${x[3]}→${outputs}${grads ? ', gradients' : ''}`
  return { name, target, flops: (grads ? 6 : 2) * macs, spec }
}

/** Height and width of a convolution's result. */
export function outputSize(spec: SpecOf<'conv'>): [number, number] {
  const { x, kernel, stride, padding, dilation } = spec
  const of = (n: number) => Math.floor((n + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1
  return [of(x[1]), of(x[2])]
}

const matmul = (size: number, target: number, grads: boolean): Row => ({
  name: `matmul ${size}${grads ? ', gradients' : ''}`,
  target,
  flops: (grads ? 6 : 2) * size ** 3,
  spec: { kind: 'matmul', size, grads },
})

const both = (row: (grads: boolean) => Row): Row[] => [row(false), row(true)]

export const rows: readonly Row[] = [
  ...both((grads) => conv('3×3', 0.45, [1, 56, 56, 64], 64, { grads })),
  ...both((grads) => conv('3×3', 0.45, [1, 28, 28, 128], 128, { grads })),
  ...both((grads) => conv('3×3 d 2', 0.45, [1, 32, 32, 256], 256, { dilation: 2, grads })),
  conv('5×5 d 12', 0.3, [1, 40, 40, 512], 21, { kernel: 5, dilation: 12 }),
  conv('1×1', 0.6, [1, 28, 28, 512], 128, { kernel: 1 }),
  conv('1×1', 0.6, [1, 14, 14, 1024], 256, { kernel: 1 }),
  conv('7×7 /2', 0.8, [1, 224, 224, 3], 64, { kernel: 7, stride: 2 }),
  matmul(1024, 0.35, false),
  matmul(1024, 0.45, true),
]
