// All commands: what was typed is found among them and run, and what happened becomes an exit code.

import { readFileSync } from 'node:fs'
import { AtrousError, DeviceLostError, NonFiniteError, OptionError } from '../../engine/errors.ts'
import { nearest } from '../../nn/near.ts'
import { Args, aligned, type Command, helpOf } from './command.ts'

// Loaded when needed: `--help` and a mistyped option need no image library and no GPU.
const commands: Record<string, () => Promise<Command>> = {
  start: async () => (await import('./train.ts')).start,
  train: async () => (await import('./train.ts')).train,
  runs: async () => (await import('./runs.ts')).runsCommand,
  report: async () => (await import('./report.ts')).reportCommand,
  watch: async () => (await import('./watch.ts')).watchCommand,
  eval: async () => (await import('./eval.ts')).evaluateCommand,
  recipes: async () => (await import('./recipes.ts')).recipesCommand,
  reproduce: async () => (await import('./reproduce.ts')).reproduce,
  predict: async () => (await import('./predict.ts')).predictCommand,
  instances: async () => (await import('./instances.ts')).instancesCommand,
  'eval-instances': async () => (await import('./eval-instances.ts')).evalInstancesCommand,
  preview: async () => (await import('./preview.ts')).previewCommand,
  data: async () => (await import('./data.ts')).dataCommand,
  doctor: async () => (await import('./doctor.ts')).doctor,
  models: async () => (await import('./models.ts')).modelsCommand,
  summary: async () => (await import('./summary.ts')).summaryCommand,
  weights: async () => (await import('./weights.ts')).weightsCommand,
  plan: async () => (await import('./plan.ts')).planCommand,
  explain: async () => (await import('./explain.ts')).explainCommand,
  tune: async () => (await import('./tune.ts')).tuneCommand,
  paths: async () => (await import('./paths.ts')).pathsCommand,
  field: async () => (await import('./field.ts')).fieldCommand,
  'crf-search': async () => (await import('./crf-search.ts')).crfSearchCommand,
}

/** Runs what was typed after `atrous`, as the program does, and says what went wrong; the exit code:
 * 0 it went well, 1 it ran and found something bad, 2 it could not run, 130 stopped by Ctrl-C. */
export async function execute(argv: readonly string[]): Promise<number> {
  try {
    return await run(argv)
  } catch (error) {
    return report(error)
  }
}

async function run(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv
  if (name === '--version' || name === '-v') return print(version())
  if (name === undefined || name === '--help' || name === '-h') return print(await overview())
  if (name === 'help') {
    return print(rest.length === 0 ? await overview() : helpOf(await find(rest[0])))
  }
  const command = await find(name)
  if (rest.includes('--help') || rest.includes('-h')) return print(helpOf(command))
  return command.run(new Args(command, rest))
}

async function find(name: string): Promise<Command> {
  if (Object.hasOwn(commands, name)) return commands[name]()
  const [near] = nearest(name, Object.keys(commands), 1)
  throw new OptionError(
    `there is no command '${name}'`,
    near ? `did you mean ${near}?` : 'atrous --help lists them',
  )
}

async function overview(): Promise<string> {
  const all = await Promise.all(Object.values(commands).map((load) => load()))
  return [
    'atrous: tensors, autodiff and segmentation networks on WebGPU',
    '',
    'usage: atrous COMMAND [options]',
    '',
    'commands:',
    ...aligned([
      ...all.map(({ name, summary }) => [name, summary]),
      ['help COMMAND', 'options and examples of a command, as COMMAND --help'],
    ]),
    '',
    'In a clone, `npm run atrous -- COMMAND …`, and `npm start -- …` for `start`.',
    'Environment: ATROUS_ADAPTER=hardware|lavapipe|swiftshader insists on an adapter; ATROUS_TUNING=shipped|cached|FILE',
    'chooses the tuning table (see `tune`); DEBUG=1 shows stacks.',
  ].join('\n')
}

function print(text: string): number {
  console.log(text)
  return 0
}

/** Of the nearest package.json upwards: beside dist/ in a clone and in an installed package alike. */
function version(): string {
  for (const up of ['..', '../..', '../../..'])
    try {
      const { name, version } = JSON.parse(
        readFileSync(new URL(`${up}/package.json`, import.meta.url), 'utf8'),
      )
      if (name === 'atrous') return version
    } catch {
      // Not here; one folder further up.
    }
  return 'unknown'
}

function report(error: unknown): number {
  const known = error instanceof AtrousError
  const debug = process.env['DEBUG'] || !known
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  console.error(debug ? (stack ?? message) : `error: ${message}`)
  // Training that diverges or loses its device has run.
  return error instanceof NonFiniteError || error instanceof DeviceLostError ? 1 : 2
}
