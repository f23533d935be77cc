// A run's report as one HTML page that fetches nothing: for run folders, and for pages that train in the browser.

import type { ReportData, ReportState } from './data.ts'
import { escaped, timeText } from './markup.ts'
import {
  classesHtml,
  confusionHtml,
  curvesHtml,
  examplesHtml,
  originHtml,
  samplesHtml,
  tilesHtml,
} from './sections.ts'
import { SCRIPT, STYLE } from './style.ts'

const STATES: Record<ReportState, string> = {
  running: 'running',
  stopped: 'stopped',
  trained: 'trained, not yet scored',
  finished: 'finished',
  failed: 'failed',
}

export interface PageOptions {
  /** More script for the page. */
  readonly script?: string
}

/** The whole page. Its pictures are as the data name them: with data URIs it is one file that needs no other. */
export function reportHtml(data: ReportData, { script = '' }: PageOptions = {}): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>${escaped(data.name)} · atrous</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${reportBody(data)}
</main>
<script>${SCRIPT}${script}</script>
</body>
</html>
`
}

/** What stands in the page's main element. */
export function reportBody(data: ReportData): string {
  return [
    headHtml(data),
    curvesHtml(data),
    classesHtml(data),
    confusionHtml(data),
    examplesHtml(data),
    samplesHtml(data),
    originHtml(data),
    `<footer>Made by atrous${data.code ? ` ${escaped(data.code.version)}` : ''} from the files of the run.</footer>`,
  ]
    .filter(Boolean)
    .join('\n')
}

function headHtml(data: ReportData): string {
  const { name, network, data: dataset, state, stateNote, step, of, eta } = data
  const subject = [network, dataset && `on ${dataset}`].filter(Boolean).join(' ')
  const running = state === 'running'
  const share = running && of ? Math.min(100, (100 * step) / of) : undefined
  const left = running && eta ? `about ${timeText(eta)} left` : undefined
  const note = stateNote ?? left
  return `<header>
<div class="over"><span class="badge ${state}">${STATES[state]}</span>${note ? `<span>${escaped(note)}</span>` : ''}</div>
<h1>${escaped(name)}</h1>
${subject ? `<p>${escaped(subject)}</p>` : ''}
${share === undefined ? '' : `<div class="progress" role="progressbar" aria-label="steps done" aria-valuemin="0" aria-valuemax="100" aria-valuenow="${share.toFixed(0)}"><i style="width:${share.toFixed(1)}%"></i></div>`}
${tilesHtml(data)}
</header>`
}
