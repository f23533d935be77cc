// `report`: the page with all of a run, written again at any time.

import { resolve } from 'node:path'
import { writeAtomic } from '../../train/files.ts'
import { reportData, writeReport } from '../../train/report/from-run.ts'
import { reportHtml } from '../../train/report/html.ts'
import { openRun, type RunFolder } from '../../train/runs/folder.ts'
import { type Args, type Command, helpOption } from './command.ts'
import type { TerminalProgress } from './progress.ts'
import { outFile } from './subject.ts'

async function run(args: Args): Promise<number> {
  const [folder] = args.expect('RUN')
  const out = await outFile(args, ['.html'])
  const run = await openRun(folder)
  if (out === undefined) console.log(await writeReport(run))
  else {
    await writeAtomic(out, reportHtml(await reportData(run)))
    console.log(resolve(out))
  }
  return 0
}

export const reportCommand: Command = {
  name: 'report',
  summary: "write a run's report, one page that needs no other file, at any time",
  usage: 'RUN [options]',
  options: {
    out: { value: 'FILE', help: 'where to; default report.html in the run folder' },
    help: helpOption,
  },
  examples: [
    ['atrous report runs/camvid-1', 'also while it trains, or when it was stopped'],
    ['atrous report runs/camvid-1 --out camvid.html', 'to send to somebody'],
  ],
  run,
}

/** The page for people, of a run that was stopped too; nothing that a run should fail for. */
export async function reportOf(run: RunFolder, progress: TerminalProgress): Promise<void> {
  try {
    await writeReport(run)
  } catch (error) {
    progress.say(`note: no report.html: ${(error as Error).message.split('\n')[0]}`)
  }
}
