// `start` and `train`: one command under two names, the first for somebody who has just cloned this.

import { type Args, type Command, quoted, typed } from './command.ts'
import { TerminalProgress } from './progress.ts'
import { trainSession } from './session.ts'
import { trainOptions } from './train-options.ts'

const interrupted = 130

async function run(args: Args): Promise<number> {
  const progress = new TerminalProgress()
  const stop = new AbortController()
  const onSignal = () => {
    if (stop.signal.aborted) process.exit(interrupted)
    stop.abort()
    progress.say('stopping after this step; press Ctrl-C again to quit at once')
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  try {
    const { run, outcome, step } = await trainSession(args, progress, stop.signal)
    if (!outcome) {
      // The step is told already, with the progress.
      const next = `to go on: ${typed(`train --resume ${quoted(run.folder)}`)}`
      if (args.has('json')) console.log(JSON.stringify({ run: run.folder, stopped: true, step }))
      else console.log(next)
      return interrupted
    }
    console.log(args.has('json') ? JSON.stringify(outcome.json, null, 2) : outcome.text)
    return 0
  } finally {
    process.off('SIGINT', onSignal)
    process.off('SIGTERM', onSignal)
  }
}

export const start: Command = {
  name: 'start',
  summary: 'train a small segmentation network and look at what it learnt (default: two minutes)',
  usage: '[options]',
  options: trainOptions,
  examples: [
    ['npm start', 'drawn street scenes, nothing to download'],
    [
      'npm start -- --data my-photos',
      'your own images/, labels/, classes.txt; 15 minutes at 96x128',
    ],
    ['npm start -- --minutes 10 --base 16', 'longer and wider'],
    ['npm start -- --resume runs/street-1', 'go on after Ctrl-C'],
  ],
  run,
}

export const train: Command = {
  name: 'train',
  summary: 'train a network on a data set, or go on with a run',
  usage: '[RECIPE] [--data FOLDER] [options]',
  options: trainOptions,
  examples: [
    ['atrous train --data camvid --minutes 60', 'train for an hour'],
    ['atrous train frrn-a --data cityscapes', 'as a paper does; `atrous recipes` lists them'],
    ['atrous train frrn-a --data mine --scale 0.25 --set batch=2', 'in small, and changed'],
    ['atrous train --data mine --init net.safetensors --only backbone', 'fine-tune on your images'],
    ['atrous train --data camvid --size 180x240 --base 24 --batch 3', 'another size and width'],
    ['atrous train --steps 500 --seed 7', 'a run that repeats to the bit'],
    ['atrous train --resume runs/camvid-1', 'go on with a run that was stopped'],
    ['atrous train --resume runs/camvid-1 --minutes 120', 'and for longer than it was meant to'],
  ],
  run,
}
