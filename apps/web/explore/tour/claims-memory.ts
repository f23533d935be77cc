// What steps 9 and 10 of the tour say of plans and of a residual block, checked against the plan and the device.

import type { Plan } from '../../../../engine/plan/plan.ts'
import { showBytes, summarizePlan } from '../../../../engine/print.ts'
import { examples } from './examples.ts'
import { type Claim, type Scene, show } from './measure.ts'
import { programOf, type Runner, type Settings, stagesOf } from './program.ts'

/** Where in a plan most bytes are alive. */
export const peaks = [
  'in the forward part',
  'where the forward part ends and the backward part begins',
  'further into the backward part',
] as const

/** Which part of the plan its peak is in: before the turn, within two kernels of it, or after. */
export function peakOf(plan: Plan): (typeof peaks)[number] {
  const turn = plan.steps.findIndex((s) => s.node.source)
  const { peakStep } = summarizePlan(plan)
  if (Math.abs(peakStep - turn) <= 2) return peaks[1]
  return peakStep < turn ? peaks[0] : peaks[2]
}

/** The program of step 9 with the other kind of block, and its plan. */
export const plansOf = (settings: Settings): { keep: Plan; checkpoint: Plan } => {
  const of = (block: string) => stagesOf(programOf(examples.planned, { ...settings, block })).plan
  return { keep: of('keep'), checkpoint: of('checkpoint') }
}

/** 9: no two values share bytes at a time, nothing is wasted, and what is made again costs arithmetic. */
export async function plannedClaims({ program, settings }: Scene): Promise<Claim[]> {
  const { plan } = stagesOf(program)
  const clash = plan.values.some((a, i) =>
    plan.values.some(
      (b, j) =>
        j < i &&
        a.from <= b.to &&
        b.from <= a.to &&
        a.offset < b.offset + b.bytes &&
        b.offset < a.offset + a.bytes,
    ),
  )
  const { keep, checkpoint } = plansOf(settings)
  const [kept, made] = [keep, checkpoint].map(summarizePlan)
  const over = (100 * (plan.activationBytes / plan.lowerBound - 1)).toFixed(1)
  return [
    {
      text: `of ${plan.values.length} values, no two that are alive together have a byte in common`,
      holds: !clash,
    },
    {
      text: `${showBytes(plan.activationBytes)} are needed in all, ${over} % above the most that is alive at once`,
      holds: plan.activationBytes >= plan.lowerBound,
    },
    {
      text: `with checkpoint ${showBytes(made.activationBytes)} instead of ${showBytes(kept.activationBytes)}, for ${show(made.macs / 1e6)} instead of ${show(kept.macs / 1e6)} million multiply-adds`,
      holds:
        made.activationBytes <= kept.activationBytes &&
        (made.macs > kept.macs || made.activationBytes === kept.activationBytes),
    },
  ]
}

/** Whether both kinds of block give the same gradients, bit for bit, and how many numbers were compared. */
export async function sameBits(
  runner: Runner,
  settings: Settings,
): Promise<{ equal: boolean; count: number }> {
  const [a, b] = await Promise.all(
    ['keep', 'checkpoint'].map(async (block) => {
      const { results } = await runner.run(programOf(examples.planned, { ...settings, block }))
      return (results.gradients as Float32Array[]).map(
        (g) => new Uint32Array(g.buffer, g.byteOffset, g.length),
      )
    }),
  )
  return {
    equal: a.every((g, i) => g.every((bits, j) => bits === b[i][j])),
    count: a.reduce((n, g) => n + g.length, 0),
  }
}

/** Lengths of the loss's gradient at the entrance of each block and at the end. */
export async function normsOf(runner: Runner, settings: Settings): Promise<number[]> {
  const { results } = await runner.run(programOf(examples.residual, settings))
  return (results.norms as readonly ArrayLike<number>[]).map((norm) => norm[0])
}

export const joins = examples.residual.gaps.join.options!

/** 10: a block that adds nothing hands the gradient through as it is; one without a skip connection stops it. */
export async function residualClaims(scene: Scene): Promise<Claim[]> {
  const { settings, runner } = scene
  const stages = stagesOf(scene.program)
  const kernels = `${stages.traced.nodes.length} nodes, forward and backward, are ${stages.plan.steps.length} kernels`
  const claims: Claim[] = [
    { text: kernels, holds: stages.plan.steps.length < stages.traced.nodes.length / 2 },
  ]
  const through = 'at gain 0 the gradient comes through every block unchanged, to the bit'
  const stopped = 'without the skip connection, at gain 0, nothing comes through'
  if (!runner)
    return [...claims, { text: through, holds: undefined }, { text: stopped, holds: undefined }]
  const open = await normsOf(runner, { ...settings, join: joins[0], gain: '0' })
  const shut = await normsOf(runner, { ...settings, join: joins[1], gain: '0' })
  return [
    ...claims,
    {
      text: `${through}: ${show(open[0])} at the first, ${show(open.at(-1)!)} at the end`,
      holds: open[0] > 0 && open.every((norm) => norm === open[0]),
    },
    { text: `${stopped}: ${show(shut[0])} at the first`, holds: shut[0] === 0 },
  ]
}

export const drops = ['less than 10 times', '10 to 1000 times', 'more than 1000 times'] as const

/** How many times smaller the gradient is at the first block than at the end. */
export const dropOf = (norms: readonly number[]): (typeof drops)[number] => {
  const times = norms.at(-1)! / norms[0]
  return times < 10 ? drops[0] : times <= 1000 ? drops[1] : drops[2]
}
