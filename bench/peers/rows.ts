// The rows of the comparison: what is computed, on which shapes, and the share of the fastest correct peer's device time
// that ours is to stay below. Each engine makes the same data for itself (inputs.ts).

import { flopsOf } from './network.ts'

export type Map4 = readonly [n: number, h: number, w: number, c: number]

/** What to compute. Maps are [n, h, w, c], weights [kh, kw, in, out]; `grads` asks for the cotangents of all operands
 * too, for a given cotangent of the result. */
export type Spec =
  | ConvSpec
  | { readonly kind: 'matmul'; readonly size: number; readonly grads: boolean }
  /** By the statistics of the batch, with its gradients. */
  | { readonly kind: 'batchNorm'; readonly x: Map4 }
  | PoolSpec
  | ScaleSpec<'repeat'>
  /** Corners as with `align_corners=False`. */
  | ScaleSpec<'bilinear'>
  /** The mean over pixels and its gradient. */
  | { readonly kind: 'crossEntropy'; readonly pixels: number; readonly classes: number }
  | { readonly kind: 'topK'; readonly size: number; readonly k: number }
  /** ResNet-50 with its running averages. */
  | { readonly kind: 'forward'; readonly x: Map4; readonly classes: number }
  /** ResNet-18, cross-entropy, and SGD with momentum. */
  | { readonly kind: 'step'; readonly x: Map4; readonly classes: number }
export type SpecOf<K extends Spec['kind']> = Extract<Spec, { kind: K }>

interface ConvSpec {
  readonly kind: 'conv'
  readonly x: Map4
  readonly outputs: number
  readonly kernel: number
  readonly stride: number
  readonly padding: number
  readonly dilation: number
  readonly grads: boolean
}
/** With a stride of 2. Peers need not say where the largest were: only ours does. */
interface PoolSpec {
  readonly kind: 'maxPool'
  readonly x: Map4
  readonly kernel: number
  readonly padding: number
  readonly grads: boolean
}
interface ScaleSpec<Kind> {
  readonly kind: Kind
  readonly x: Map4
  readonly factor: number
  readonly grads: boolean
}

export interface Row {
  readonly name: string
  /** Our device time is to be at most this share of the best peer's. */
  readonly target: number
  /** Multiply-adds counted as two; 0 where arithmetic is not what is measured. */
  readonly flops: number
  readonly spec: Spec
}

/** Height and width of a convolution's or a pooling's result. */
export function outputSize(
  spec: Pick<ConvSpec, 'x' | 'kernel' | 'padding'> & { stride?: number; dilation?: number },
): [number, number] {
  const { x, kernel, stride = 2, padding, dilation = 1 } = spec
  const of = (n: number) => Math.floor((n + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1
  return [of(x[1]), of(x[2])]
}

type ConvSettings = Partial<Pick<ConvSpec, 'kernel' | 'stride' | 'dilation' | 'grads'>>

function conv(title: string, target: number, x: Map4, outputs: number, more: ConvSettings): Row {
  const { kernel = 3, stride = 1, dilation = 1, grads = false } = more
  const padding = (dilation * (kernel - 1)) / 2
  const spec = { kind: 'conv', x, outputs, kernel, stride, padding, dilation, grads } as const
  const [oh, ow] = outputSize(spec)
  const macs = x[0] * oh * ow * kernel ** 2 * x[3] * outputs
  const name = `${title} ${x[1]}×${x[2]} ${x[3]}→${outputs}`
  return { name: called(name, grads), target, flops: (grads ? 6 : 2) * macs, spec }
}

const called = (name: string, grads: boolean) => (grads ? `${name}, gradients` : name)
const row = (name: string, target: number, spec: Exclude<Spec, ConvSpec>): Row => {
  const grads = 'grads' in spec && spec.grads
  const flops = spec.kind === 'matmul' ? (grads ? 6 : 2) * spec.size ** 3 : networkFlops(spec)
  return { name: called(name, grads), target, flops, spec }
}

function networkFlops(spec: Spec): number {
  if (spec.kind === 'forward') return flopsOf(50, spec.x, spec.classes)
  return spec.kind === 'step' ? 3 * flopsOf(18, spec.x, spec.classes) : 0
}

export const stepSpec: SpecOf<'step'> = { kind: 'step', x: [4, 64, 64, 3], classes: 10 }
const maps: Map4 = [4, 112, 112, 64]

export const rows: readonly Row[] = [
  conv('3×3', 0.45, [1, 56, 56, 64], 64, {}),
  conv('3×3', 0.45, [1, 56, 56, 64], 64, { grads: true }),
  conv('3×3', 0.45, [1, 28, 28, 128], 128, {}),
  conv('3×3', 0.45, [1, 28, 28, 128], 128, { grads: true }),
  conv('3×3 d 2', 0.45, [1, 32, 32, 256], 256, { dilation: 2 }),
  conv('3×3 d 2', 0.45, [1, 32, 32, 256], 256, { dilation: 2, grads: true }),
  conv('5×5 d 12', 0.3, [1, 40, 40, 512], 21, { kernel: 5, dilation: 12 }),
  conv('1×1', 0.6, [1, 28, 28, 512], 128, { kernel: 1 }),
  conv('1×1', 0.6, [1, 14, 14, 1024], 256, { kernel: 1 }),
  conv('7×7 /2', 0.8, [1, 224, 224, 3], 64, { kernel: 7, stride: 2 }),
  row('matmul 1024', 0.35, { kind: 'matmul', size: 1024, grads: false }),
  row('matmul 1024', 0.45, { kind: 'matmul', size: 1024, grads: true }),
  row('BN training 4×56×56×64, gradients', 0.5, { kind: 'batchNorm', x: [4, 56, 56, 64] }),
  ...[false, true].flatMap((grads) => [
    row('max-pool 2×2 /2', grads ? 0.4 : 0.15, {
      ...{ kind: 'maxPool', x: maps, kernel: 2, padding: 0, grads },
    }),
    row('max-pool 3×3 /2', grads ? 0.4 : 0.15, {
      ...{ kind: 'maxPool', x: maps, kernel: 3, padding: 1, grads },
    }),
  ]),
  row('repeat ×2 64×128×48', 0.6, { kind: 'repeat', x: [1, 64, 128, 48], factor: 2, grads: true }),
  row('repeat ×16 16×32×64', 0.6, { kind: 'repeat', x: [1, 16, 32, 64], factor: 16, grads: true }),
  ...[false, true].map((grads) =>
    row('bilinear ×8 64×64×21', 0.4, { kind: 'bilinear', x: [1, 64, 64, 21], factor: 8, grads }),
  ),
  row('cross-entropy 65,536×19, gradients', 0.25, {
    ...{ kind: 'crossEntropy', pixels: 65536, classes: 19 },
  }),
  ...[65536, 524288].flatMap((size) =>
    [512, 8192].map((k) =>
      row(`top ${k} of ${size.toLocaleString('en')}`, 0.1, { kind: 'topK', size, k }),
    ),
  ),
  row('ResNet-50 forward 224', 0.4, { kind: 'forward', x: [1, 224, 224, 3], classes: 1000 }),
  row('ResNet-18 training step 4×64×64', 0.4, stepSpec),
]
