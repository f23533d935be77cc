// Runs the cases of a folder. No case stops the others: whatever goes wrong in one is its own result.

import type { Device } from '../../engine/device.ts'
import { crf } from './crf.ts'
import { elementwise } from './elementwise.ts'
import { type Entry, GoldenCase, type GoldenIndex } from './format.ts'
import { graph } from './graph.ts'
import { indexing } from './indexing.ts'
import { loss } from './loss.ts'
import { matrix } from './matrix.ts'
import { network } from './network.ts'
import { norm } from './norm.ts'
import { optim } from './optim.ts'
import { pool } from './pool.ts'
import { recipe } from './recipe.ts'
import { reduce } from './reduce.ts'
import { scores } from './scores.ts'
import { select } from './select.ts'
import { shape } from './shape.ts'
import { type Operator, Trial } from './trial.ts'

/** Operators by the names that the index gives them. */
export const operators: ReadonlyMap<string, Operator> = new Map(
  [
    ...[recipe, graph, matrix, norm, elementwise, reduce, loss, pool],
    ...[shape, indexing, select, optim, network, scores, crf],
  ].flatMap((family) => Object.entries(family)),
)

/** The tensor that came closest to its tolerance, or furthest beyond it. */
export interface Worst {
  readonly tensor: string
  readonly error: number
  /** Part of the tolerance that the error is. */
  readonly share: number
}

export interface CaseResult {
  readonly id: string
  readonly op: string
  readonly worst: Worst | undefined
  /** What is wrong, in sentences; none where the case passed. */
  readonly problems: readonly string[]
  /** What its attributes say in words that are not known here. */
  readonly remarks: readonly string[]
}

export async function runCase(folder: string, entry: Entry, device: Device): Promise<CaseResult> {
  const { id, op } = entry
  const operator = operators.get(op)
  if (!operator)
    return {
      id,
      op,
      worst: undefined,
      problems: [`its operator ${op} is not known here`],
      remarks: [],
    }
  const problems: string[] = []
  let trial: Trial | undefined
  try {
    trial = new Trial(new GoldenCase(folder, entry), device)
    await operator(trial)
    trial.finish()
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error))
  }
  let worst: Worst | undefined
  for (const [tensor, { error, share, problem }] of trial?.compared ?? []) {
    if (problem) problems.push(`${tensor} ${problem}`)
    if (!worst || share > worst.share) worst = { tensor, error, share }
  }
  return { id, op, worst, problems, remarks: trial?.attributes.remarks ?? [] }
}

/** Runs all entries, one after another. */
export async function runCases(
  { folder, entries }: GoldenIndex,
  device: Device,
): Promise<CaseResult[]> {
  const results: CaseResult[] = []
  for (const entry of entries) results.push(await runCase(folder, entry, device))
  return results
}

/** The part of an index whose ids or operators contain a text. */
export const selected = (index: GoldenIndex, only: string): GoldenIndex => ({
  ...index,
  entries: index.entries.filter(({ id, op }) => id.includes(only) || op.includes(only)),
})
