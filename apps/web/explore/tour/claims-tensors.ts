// What steps 6 to 8 of the tour say of tensors, checked against the graph, the plan and the device.

import type { Node } from '../../../../engine/index.ts'
import { titleOf } from '../../../../engine/print.ts'
import { type Claim, type Scene, same, show } from './measure.ts'
import { arrayOf, numberOf, type Program, program, type Runner, stagesOf } from './program.ts'

/** What a rule may have read of the forward pass. */
export const reads = ['what it was given', 'what it gave', 'neither'] as const
export type Reads = (typeof reads)[number]

/** What the derivative of the op in `kept` reads, found in the graph: inputs of its backward nodes that are forward values. */
export function readsOf({ program, settings }: Scene): Reads {
  const { nodes } = stagesOf(program).traced
  const node = nodes.find((n) => !n.source && n.op.name === settings.op)!
  const backward = nodes.filter((n) => n.source === node)
  const read = new Set(backward.flatMap((n) => n.inputs))
  if (read.has(node.output())) return 'what it gave'
  return node.inputs.some((t) => read.has(t)) ? 'what it was given' : 'neither'
}

const derivatives: Record<string, (h: number) => number> = {
  relu: (h) => (h > 0 ? 1 : 0),
  square: (h) => 2 * h,
  exp: (h) => Math.exp(h),
  sin: (h) => Math.cos(h),
  sigmoid: (h) => Math.exp(-h) / (1 + Math.exp(-h)) ** 2,
  tanh: (h) => 1 - Math.tanh(h) ** 2,
  neg: () => -1,
}

/** 6: which value waits in memory, until which kernel, and that the gradient is right. */
export async function keptClaims(scene: Scene): Promise<Claim[]> {
  const { op } = scene.settings
  const what = readsOf(scene)
  const plan = stagesOf(scene.program, { fuse: false }).plan
  const waits = (name: string): number => {
    const isIt = (n: Node | undefined) => n && !n.source && titleOf(n) === name
    const value = plan.values.find((v) => isIt(v.tensor?.node))
    return value ? value.to : -1
  }
  const firstBackward = plan.steps.findIndex((s) => s.node.source)
  const [h, y] = [waits('mul'), waits(op)]
  const alive = [h >= firstBackward && 'h', y >= firstBackward && 'y'].filter(Boolean)
  const waiting = { 'what it was given': 'h', 'what it gave': 'y', neither: '' }[what]
  const claims: Claim[] = [
    {
      text: alive.length
        ? `one kernel an op, the plan keeps ${alive.join(' and ')} for the backward part, until kernel ${Math.max(h, y)} of ${plan.steps.length - 1}`
        : `one kernel an op, neither h nor y is alive in the backward part, which begins with kernel ${firstBackward} of ${plan.steps.length - 1}`,
      holds: alive.join() === waiting,
    },
  ]
  const text = 'dx is what the formula of a textbook gives'
  if (!scene.runner) return [...claims, { text, holds: undefined }]
  const dx = arrayOf(await scene.runner.run(scene.program), 'dx')
  const x = dataOf(scene.program, 0)
  return [
    ...claims,
    {
      text: `${text}: ${Array.from(dx, show).join(', ')}`,
      holds: dx.every((d, i) => Math.abs(d - 0.5 * derivatives[op](0.5 * x[i])) < 1e-5),
    },
  ]
}

const dataOf = ({ args }: Program, i: number): ArrayLike<number> => {
  const arg = args[i]
  return typeof arg === 'number' ? [arg] : arg.data
}

const isMatmul = ({ settings }: Scene): boolean => settings.product.startsWith('matmul')

/** One product of a sum: an element of x and one of g. */
export type Term = readonly [x: number, g: number]

/** Which elements of x and g are multiplied, and added up, for element `i` of dw: a plain reading of the definitions of a
 * matrix product, x [4, 3] by w [3, 2], and of a 3×3 convolution with a border of 1 over a map of 4×4. */
export function termsOf(scene: Scene, i: number): Term[] {
  if (isMatmul(scene)) {
    const [row, column] = [Math.floor(i / 2), i % 2]
    return [0, 1, 2, 3].map((r): Term => [3 * r + row, 2 * r + column])
  }
  const [dy, dx] = [Math.floor(i / 3) - 1, (i % 3) - 1]
  return Array.from({ length: 16 }, (_, g): Term[] => {
    const [y, x] = [Math.floor(g / 4) + dy, (g % 4) + dx]
    return y >= 0 && y < 4 && x >= 0 && x < 4 ? [[4 * y + x, g]] : []
  }).flat()
}

/** 7: dw by its definition, and that what is linear in x and in w is its own first-order part in each. */
export async function productsClaims(scene: Scene): Promise<Claim[]> {
  const { program, runner } = scene
  const { nodes } = stagesOf(program).traced
  const forward = nodes.find((n) => /^(matmul|conv2d)$/.test(n.op.name) && !n.source)!
  const made = nodes.filter((n) => n.source === forward && n.op.kind === 'structured')
  const names = made.map((n) => n.op.name)
  const claims: Claim[] = [
    {
      text: `the two derivatives are two more products: ${names.join(' and ')}`,
      holds: made.length === 2,
    },
  ]
  const byHand = 'dw is, element by element, the sum that its definition says'
  const linear = 'the loss is linear in x, and in w: loss = ⟨dx, x⟩ = ⟨dw, w⟩'
  if (!runner)
    return [...claims, { text: byHand, holds: undefined }, { text: linear, holds: undefined }]
  const values = await runner.run(program)
  const [dx, dw] = ['dx', 'dw'].map((name) => arrayOf(values, name))
  const loss = numberOf(values, 'loss')
  const [x, w, g] = [0, 1, 2].map((i) => dataOf(program, i))
  const sums = Array.from(dw, (_, i) => termsOf(scene, i).reduce((s, [a, b]) => s + x[a] * g[b], 0))
  const [alongX, alongW] = [inner(dx, x), inner(dw, w)]
  return [
    ...claims,
    {
      text: `${byHand}: ${dw.length} of ${dw.length}`,
      holds: sums.every((sum, i) => same(sum, dw[i], 10)),
    },
    {
      text: `${linear}: ${[loss, alongX, alongW].map(show).join(' = ')}`,
      holds: same(loss, alongX, 10) && same(loss, alongW, 10),
    },
  ]
}

const inner = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((sum, v, i) => sum + v * b[i], 0)

/** How many products are summed in element `i` of dw: dw where all of x and g are 1. */
export async function termCount({ program, runner }: Scene, i: number): Promise<number> {
  const ones = program.args.map((arg) =>
    typeof arg === 'number' ? arg : { ...arg, data: new Float32Array(arg.data.length).fill(1) },
  )
  return arrayOf(await runner!.run(program, ones), 'dw')[i]
}

/** One step down: the loss before it and after it, and the square of the gradient's length before it. */
export interface Descent {
  readonly before: number
  readonly after: number
  readonly length: number
  readonly y: ArrayLike<number>
}

/** Runs the program of step 8 at a rate, and again at rate 0, which changes nothing, to see what came of it. */
export async function descend(runner: Runner, p: Program, rate: number): Promise<Descent> {
  const [x, t] = p.args
  const then = await runner.run(p, [x, t, rate])
  const now = await runner.run(p, [x, t, 0])
  return {
    before: numberOf(then, 'loss'),
    after: numberOf(now, 'loss'),
    length: numberOf(then, 'length'),
    y: arrayOf(now, 'y'),
  }
}

/** 8: a short step lowers the loss by rate × length², as a first-order expansion says. */
export async function descentClaims({ program: p, settings, runner }: Scene): Promise<Claim[]> {
  const text = 'a short step lowers the loss by rate × |gradient|²'
  if (!runner) return [{ text, holds: undefined }]
  // Variables of its own, so that the reader's run is not disturbed.
  const own = program(`${p.text}\n// ${settings.act}, for the check`, p.args, true)
  runner.reset(own)
  const { before, after, length } = await descend(runner, own, 2 ** -7)
  return [
    {
      text: `${text}: at rate 1/128 that is ${show(length / 128)}, and the loss fell by ${show(before - after)}`,
      holds: Math.abs((before - after) * 128 - length) < 0.2 * length,
    },
  ]
}
