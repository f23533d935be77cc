// The sections of a report, each a function of the data to HTML; empty where there is nothing to show.

import { lastStepOf, type Point } from '../charts/chart.ts'
import { confusionSvg, largestConfusions } from './confusion.ts'
import { curveHtml } from './curves.ts'
import type { ReportClass, ReportData, ReportExample } from './data.ts'
import {
  bytesText,
  countText,
  escaped,
  figureText,
  percentText,
  timeText,
  wholeText,
} from './markup.ts'

const section = (title: string, lead: string, body: string): string =>
  body &&
  `<section><h2>${escaped(title)}</h2>\n<p class="lead">${escaped(lead)}</p>\n${body}\n</section>`

type Tile = readonly [label: string, value: string, note?: string]

/** The figures that one looks for first. */
export function tilesHtml(data: ReportData): string {
  const { result, validations, scoreName, step, of, seconds, parameters, bytes, speed } = data
  const best = bestOf(data)
  const tiles: Tile[] = []
  if (result?.figures.length) {
    const [[name, share], ...others] = result.figures
    const gain = result.baseline === undefined ? undefined : 100 * (share - result.baseline)
    const above =
      gain === undefined
        ? undefined
        : `${Math.abs(gain).toFixed(1)} points ${gain < 0 ? 'below' : 'above'} the commonest class`
    tiles.push([`${name}, ${result.split}`, percentText(share), above])
    for (const [other, value] of others)
      tiles.push([`${other}, ${result.split}`, percentText(value)])
  }
  if (best)
    tiles.push([
      `${scoreName}, validation`,
      scoreText(best.score),
      `the best of ${validations.length}, at step ${wholeText(best.step)}`,
    ])
  const loss = data.loss.at(-1)
  if (!result && loss) tiles.push(['last loss', figureText(loss.value)])
  tiles.push([
    'steps',
    of && of !== step ? `${wholeText(step)} / ${wholeText(of)}` : wholeText(step),
  ])
  if (seconds !== undefined) tiles.push(['training', timeText(seconds)])
  const typical = median(speed)
  if (typical !== undefined) tiles.push(['images a second', figureText(+typical.toPrecision(3))])
  if (parameters !== undefined) tiles.push(['parameters', countText(parameters)])
  if (bytes !== undefined) tiles.push(['device memory', bytesText(bytes)])
  return `<dl class="tiles">${tiles
    .map(
      ([label, value, note], i) =>
        `<div${i === 0 ? ' class="first"' : ''}><dt>${escaped(label)}</dt><dd>${escaped(value)}</dd>${note ? `<small>${escaped(note)}</small>` : ''}</div>`,
    )
    .join('')}</dl>`
}

/** A score that is a share is read as a percentage. */
const scoreText = (score: number): string =>
  score >= 0 && score <= 1 ? percentText(score) : figureText(score)

const bestOf = ({ validations }: ReportData) =>
  validations.reduce<ReportData['validations'][number] | undefined>(
    (best, v) => (best && best.score >= v.score ? best : v),
    undefined,
  )

function median(points: readonly Point[]): number | undefined {
  return points.map(({ value }) => value).sort((a, b) => a - b)[Math.floor(points.length / 2)]
}

/** Loss, score, learning rate and gradient norm against the step. */
export function curvesHtml(data: ReportData): string {
  const { loss, rate, gradientNorm, validations, scoreName } = data
  const scores = validations.map(({ step, score }) => ({ step, value: score }))
  const lastStep = Math.max(data.step, lastStepOf([loss, rate, scores]))
  const from = (points: readonly Point[]) =>
    points.length
      ? `from ${figureText(points[0].value)} to ${figureText(points[points.length - 1].value)} over ${wholeText(lastStep)} steps`
      : ''
  const best = bestOf(data)
  const charts = [
    curveHtml({
      title: 'Loss',
      summary: from(loss),
      points: loss,
      smoothed: true,
      series: 1,
      lastStep,
    }),
    curveHtml({
      title: `Validation ${scoreName}`,
      summary: from(scores),
      points: scores,
      dots: true,
      share: scores.every(({ value }) => value >= 0 && value <= 1),
      series: 2,
      lastStep,
      mark: best && { step: best.step, label: `best ${scoreText(best.score)}` },
    }),
    curveHtml({
      title: 'Learning rate',
      summary: from(rate),
      points: rate,
      series: 3,
      lastStep,
    }),
    curveHtml({
      title: 'Gradient norm',
      summary: from(gradientNorm),
      points: gradientNorm,
      smoothed: true,
      series: 4,
      lastStep,
    }),
  ].filter(Boolean)
  if (charts.length === 0) return ''
  return section(
    'Training',
    'Pale: each step. Full: their mean over a thirtieth of the run.',
    `<div class="charts">${charts.join('\n')}</div>${validationsHtml(data)}`,
  )
}

function validationsHtml({ validations, scoreName }: ReportData): string {
  if (validations.length === 0) return ''
  const names = Object.keys(validations[validations.length - 1].figures).filter(
    (name) => words(name) !== scoreName,
  )
  const head = ['step', scoreName, ...names.map(words)]
  const rows = validations.map(({ step, score, figures }) => [
    wholeText(step),
    scoreText(score),
    ...names.map((name) => (name in figures ? scoreText(figures[name]) : '–')),
  ])
  return `<details><summary>All ${validations.length} validations</summary><div class="scroll" tabindex="0" role="region" aria-label="Validations"><table>
<thead><tr>${head.map((cell) => `<th scope="col">${escaped(cell)}</th>`).join('')}</tr></thead>
<tbody>${rows.map(([step, ...cells]) => `<tr><th scope="row">${step}</th>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`).join('\n')}</tbody>
</table></div></details>`
}

/** `pixelAccuracy` as people write it. */
const words = (name: string): string =>
  name
    .split(/(?=[A-Z][a-z]|IoU)/)
    .map((word) => (word === 'IoU' ? word : word.toLowerCase()))
    .join(' ')

/** A bar and the figures for each class. */
export function classesHtml({ result }: ReportData): string {
  if (!result?.perClass.length) return ''
  const { perClass, figures, split, step, images, test = {} } = result
  const has = (key: 'accuracy' | 'share') => perClass.some((c) => c[key] !== undefined)
  const [accuracy, share] = [has('accuracy'), has('share')]
  const row = (c: ReportClass) =>
    `<tr><th scope="row">${swatch(c)}${escaped(c.name)}</th><td class="bar"><span><i style="width:${(100 * (c.iou ?? 0)).toFixed(1)}%"></i></span></td><td>${percentText(c.iou)}</td>${accuracy ? `<td>${percentText(c.accuracy)}</td>` : ''}${share ? `<td>${percentText(c.share, share ? 2 : 1)}</td>` : ''}</tr>`
  const figure = (name: string) => figures.find(([key]) => key === name)?.[1]
  const mean = figure('mean IoU') ?? meanOf(perClass.map(({ iou }) => iou))
  const of = `${images === undefined ? '' : `${wholeText(images)} images of `}the ${split} split, weights of step ${wholeText(step)}`
  const how = Object.keys(test).length ? `, looked at by ${JSON.stringify(test)}` : ''
  return section(
    'Classes',
    `Intersection over union, ${of}${how}.`,
    `<div class="card scroll" tabindex="0" role="region" aria-label="Classes"><table><thead><tr><th scope="col">class</th><th scope="col" aria-hidden="true"></th><th scope="col">IoU</th>${accuracy ? '<th scope="col">accuracy</th>' : ''}${share ? '<th scope="col">of all pixels</th>' : ''}</tr></thead>
<tbody>${perClass.map(row).join('\n')}</tbody>
<tfoot><tr><th scope="row">mean</th><td></td><td>${percentText(mean)}</td>${accuracy ? `<td>${percentText(figure('mean accuracy') ?? meanOf(perClass.map((c) => c.accuracy ?? null)))}</td>` : ''}${share ? '<td></td>' : ''}</tr></tfoot></table></div>`,
  )
}

const meanOf = (values: readonly (number | null)[]): number | null => {
  const there = values.filter((value) => value !== null)
  return there.length ? there.reduce((a, b) => a + b, 0) / there.length : null
}

const swatch = ({ colour }: ReportClass): string =>
  colour ? `<i class="swatch" style="background:rgb(${colour.join(' ')})"></i>` : ''

export function confusionHtml({ result }: ReportData): string {
  if (!result?.confusion) return ''
  const names = result.perClass.map(({ name }) => name)
  const mistakes = largestConfusions(names, result.confusion).map(
    ({ label, answer, share }) =>
      `<li><b>${percentText(share, 0)}</b>of ${escaped(label)} <span>taken for</span> ${escaped(answer)}</li>`,
  )
  return section(
    'What is taken for what',
    'Rows: what a pixel is. Columns: what the network says. Per cent of the row.',
    `<div class="card matrix"><div class="scroll" tabindex="0" role="region" aria-label="Confusion matrix">${confusionSvg(names, result.confusion)}</div>
<div><h3>Largest mistakes</h3><ul class="mistakes">${mistakes.join('')}</ul></div></div>`,
  )
}

const KINDS = {
  worst: ['Where it fails', 'The images with the lowest mean IoU.'],
  best: ['Where it succeeds', 'The images with the highest mean IoU.'],
  other: ['Examples', 'Some images of the split, evenly spread.'],
} as const

export function examplesHtml({ examples, result }: ReportData): string {
  const legend = legendHtml(result?.perClass ?? [])
  const kinds = (['worst', 'best', 'other'] as const).filter((kind) =>
    examples.some((example) => example.kind === kind),
  )
  return kinds
    .map((kind, i) => {
      const shown = examples.filter((example) => example.kind === kind)
      const [title, lead] = KINDS[kind]
      return section(title, lead, (i === 0 ? legend : '') + shown.map(exampleHtml).join('\n'))
    })
    .join('\n')
}

const legendHtml = (classes: readonly ReportClass[]): string =>
  classes.some(({ colour }) => colour)
    ? `<ul class="legend">${classes.map((c) => `<li>${swatch(c)}${escaped(c.name)}</li>`).join('')}<li><i class="swatch" style="background:#ec342c"></i>wrong</li><li><i class="swatch" style="background:#000"></i>void</li></ul>`
    : ''

const exampleHtml = ({ name, score, parts }: ReportExample): string =>
  `<div class="example"><h3>${escaped(name)}${score === undefined ? '' : `<span>mean IoU ${percentText(score)}</span>`}</h3><div class="parts">${parts
    .map(
      ({ caption, src }) =>
        `<figure class="part"><img src="${escaped(src)}" alt="${escaped(`${caption} of ${name}`)}"><figcaption>${escaped(caption)}</figcaption></figure>`,
    )
    .join('')}</div></div>`

export function samplesHtml({ samples, truth }: ReportData): string {
  if (samples.length === 0) return ''
  const row = (src: string, caption: string, alt: string) =>
    `<figure><figcaption>${caption}</figcaption><img src="${escaped(src)}" alt="${alt}"></figure>`
  const rows = samples.map(({ step, src }) =>
    row(src, `step ${wholeText(step)}`, `answers after ${step} steps`),
  )
  if (truth) rows.push(row(truth, 'truth', 'the labels of the same images'))
  return section(
    'How it learnt',
    'The same validation images at each validation, with the answers shining through.',
    `<div class="strip">${rows.join('\n')}</div>`,
  )
}

/** What decides the run, and how to make it again. */
export function originHtml({ config, device, code, command }: ReportData): string {
  const version =
    code &&
    `atrous ${code.version}${code.commit ? `, commit ${code.commit.slice(0, 12)}${code.dirty ? ' with changes' : ''}` : ''}`
  const facts = [
    ['code', version],
    ['device', device],
  ].filter((fact): fact is [string, string] => Boolean(fact[1]))
  const again = command
    ? `<pre>${escaped(command)}</pre>`
    : '<p class="lead">The command was not recorded; the configuration is all that decides the run.</p>'
  return section(
    'How to make it again',
    'The same code, data, configuration and device give the same weights, where steps and not minutes limit the run.',
    `${again}
<div class="card" style="margin-top:14px"><dl class="facts">${facts.map(([name, value]) => `<dt>${name}</dt><dd>${escaped(value)}</dd>`).join('')}</dl>
<details><summary>Configuration</summary><pre>${escaped(JSON.stringify(config, null, 2) ?? '')}</pre></details></div>`,
  )
}
