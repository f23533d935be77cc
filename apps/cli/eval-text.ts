// What `eval` prints below the table of classes: the data set's own figures, and the papers' rows beside ours.

import type { Evaluation } from '../../train/evaluate.ts'
import { type Beside, type Comparison, PRINTED } from '../../train/results/beside.ts'
import { percent } from '../../train/scoring/metrics.ts'
import { table } from './table.ts'

const NAMES: Readonly<Record<string, string>> = {
  meanIoU: 'mean IoU',
  pixelAccuracy: 'pixel acc.',
  meanAccuracy: 'mean acc.',
  categoryIoU: 'categories',
  boundaryAccuracy: 'boundary',
  internalAccuracy: 'internal',
  adeScore: 'ADE score',
  top1: 'top-1',
  top5: 'top-5',
}

/** Categories, instances, boundaries and the trimap curve at some radii, where there are such figures; a line each. */
export function figureLines({
  absent,
  categories,
  instances,
  boundary,
  trimap,
  figures,
  scores,
}: Evaluation): string[] {
  const each = (all: readonly { readonly name: string; readonly iou: number | null }[]) =>
    all.map(({ name, iou }) => `${name} ${percent(iou)}`).join(', ')
  const missing = scores.perClass.filter(({ iou }) => iou === null).length
  const classes = missing === 1 ? '1 class' : `${missing} classes`
  const lines = [
    ...(missing
      ? [
          `${classes} neither labelled nor predicted: ${absent === 'zero' ? 'counted as 0' : 'left out'} in the mean IoU`,
        ]
      : []),
    ...(scores.labelledPixels ? [] : ['no pixel is labelled: there is nothing to score']),
    ...(figures['adeScore'] === undefined ? [] : [`ADE score ${percent(figures['adeScore'])}`]),
  ]
  if (categories)
    lines.push(
      `categories: mean IoU ${percent(categories.meanIoU)}`,
      `  ${each(categories.perClass)}`,
    )
  if (instances)
    lines.push(
      `instances: mean iIoU ${percent(instances.classMean)}, of categories ${percent(instances.groupMean)}`,
      `  ${each(instances.classes)}`,
      `  ${each(instances.groups)}`,
    )
  if (boundary)
    lines.push(
      `pixel accuracy at boundaries ${percent(boundary.boundary)}, inside ${percent(boundary.internal)}`,
    )
  if (trimap) {
    const curves = [trimap.classes, ...(trimap.categories ? [trimap.categories] : [])]
    const rows = trimap.radii.flatMap((r, i) =>
      [1, 2, 5, 10, 20, 40, 80].includes(r) ? [[`${r}`, ...curves.map((c) => percent(c[i]))]] : [],
    )
    const heads = [
      'pixels from a boundary',
      'mean IoU',
      ...(trimap.categories ? ['categories'] : []),
    ]
    lines.push(...table([heads, ...rows], new Set([0, 1, 2])))
  }
  return lines
}

/** Our figures and those of the papers, with what differs and why they may not be comparable. */
export function besideLines(
  figures: Readonly<Record<string, number>>,
  { matches, near, notes }: Comparison,
): string[] {
  const shown = [...matches, ...near]
  const names = Object.keys(PRINTED).filter(
    (name) =>
      figures[name] !== undefined && shown.some(({ row }) => PRINTED[name][0] in row.values),
  )
  const cells = ({ row }: Beside) =>
    names.map((name) => {
      const [key, share] = PRINTED[name]
      return percent(key in row.values ? share(row.values[key]) : null)
    })
  const rows = shown.map((b) => [`${b.table} (${b.where})`, ...cells(b)])
  const ours = ['here', ...names.map((name) => percent(figures[name]))]
  const heads = ['', ...names.map((name) => NAMES[name])]
  const lines = table([heads, ours, ...rows], new Set(names.map((_, i) => i + 1)))
  const differing = shown.flatMap(({ differs, row }, i) => {
    const done = Object.entries(row.config).map(([key, value]) => `${key} ${value}`)
    const other = differs.length ? `; differs: ${differs.join('; ')}` : ''
    return [lines[i + 2], `    ${done.join(', ')}${other}`]
  })
  return [
    matches.length
      ? 'beside the papers:'
      : near.length
        ? 'no published row is of this network, trained and tested so; the nearest:'
        : 'no published row corresponds',
    ...(shown.length ? [...lines.slice(0, 2), ...differing] : []),
    ...notes.map((note) => `not comparable: ${note}`),
  ]
}
