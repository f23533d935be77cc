// `watch`: a run's report in a browser while it trains.

import { once } from 'node:events'
import { openRun } from '../../train/runs/folder.ts'
import { watchRun } from '../../train/runs/watch-server.ts'
import { type Args, type Command, helpOption } from './command.ts'

async function run(args: Args): Promise<number> {
  const [folder] = args.expect('RUN')
  const port = args.whole('port')
  const watched = await watchRun(await openRun(folder), { port })
  console.log(`${folder}: ${watched.url}`)
  console.error('press Ctrl-C to end')
  const stop = new AbortController()
  const { signal } = stop
  await Promise.race(['SIGINT', 'SIGTERM'].map((name) => once(process, name, { signal })))
  stop.abort()
  await watched.close()
  return 0
}

export const watchCommand: Command = {
  name: 'watch',
  summary: 'show a run in a browser while it trains, on this machine alone',
  usage: 'RUN [options]',
  options: {
    port: { value: 'N', help: 'of 127.0.0.1; default a free one' },
    help: helpOption,
  },
  examples: [['atrous watch runs/camvid-1', 'the address is printed; Ctrl-C ends it']],
  run,
}
