// What a run found, as a table for people and as JSON for programs: the same facts.

import { show } from './check.ts'
import type { GoldenIndex } from './format.ts'
import type { CaseResult, Worst } from './runner.ts'

export interface OperatorReport {
  readonly op: string
  readonly cases: number
  readonly failed: number
  /** Of all cases, the one closest to its tolerance or furthest beyond it. */
  readonly worst: (Worst & { readonly case: string }) | undefined
}

export interface Report {
  readonly folder: string
  readonly device: string
  readonly passed: number
  readonly failed: number
  readonly operators: readonly OperatorReport[]
  readonly failures: readonly Pick<CaseResult, 'id' | 'op' | 'problems'>[]
  /** What the words of a case say that is not known here; the numbers decide. */
  readonly remarks: readonly Pick<CaseResult, 'id' | 'remarks'>[]
}

export function reportOf(
  { folder }: GoldenIndex,
  device: string,
  results: readonly CaseResult[],
): Report {
  const failures = results.filter((r) => r.problems.length)
  return {
    folder,
    device,
    passed: results.length - failures.length,
    failed: failures.length,
    operators: [...groupBy(results, (r) => r.op)].map(([op, all]) => operatorReport(op, all)),
    failures: failures.map(({ id, op, problems }) => ({ id, op, problems })),
    remarks: results.filter((r) => r.remarks.length).map(({ id, remarks }) => ({ id, remarks })),
  }
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const group = groups.get(keyOf(item)) ?? []
    groups.set(keyOf(item), [...group, item])
  }
  return groups
}

function operatorReport(op: string, results: readonly CaseResult[]): OperatorReport {
  let worst: OperatorReport['worst']
  for (const r of results)
    if (r.worst && (!worst || r.worst.share > worst.share)) worst = { ...r.worst, case: r.id }
  const failed = results.filter((r) => r.problems.length).length
  return { op, cases: results.length, failed, worst }
}

/** The report in lines; the last one holds the counts alone. */
export function textOf(report: Report): string {
  const rows = report.operators.map(({ op, cases, failed, worst }) => [
    op,
    `${cases}`,
    failed ? `${failed}` : '',
    worst ? show(worst.error) : '-',
    worst ? percent(worst.share) : '-',
    worst ? `${worst.case} ${worst.tensor}` : '',
  ])
  const head = ['operator', 'cases', 'failed', 'worst error', 'of tolerance', 'where']
  const { passed, failed } = report
  return [
    ...table([head, ...rows]),
    '',
    ...report.failures.flatMap(({ id, problems }) => [
      `FAILED ${id}`,
      ...problems.map((p) => `  ${p.replaceAll('\n', '\n  ')}`),
    ]),
    ...report.remarks.flatMap(({ id, remarks }) => remarks.map((r) => `remark on ${id}: ${r}`)),
    `${passed} passed, ${failed} failed`,
  ].join('\n')
}

function percent(share: number): string {
  if (share === 0) return 'exact'
  if (!Number.isFinite(share)) return 'beyond'
  return `${(100 * share).toPrecision(2).replace(/e\+?/, 'e')} %`
}

/** Columns side by side; all but the first and the last are flush right. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)))
  const last = widths.length - 1
  return rows.map((row) =>
    row
      .map((cell, i) => {
        if (i === last) return cell
        return i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])
      })
      .join('  ')
      .trimEnd(),
  )
}
