// Trains beside the page, so that the page stays free: data, device, loop and snapshots live here; the page gets plain records.

import { DataError, type Device, OptionError, openDevice } from '../../../engine/index.ts'
import {
  type Checkpoint,
  crowdScenes,
  type Dataset,
  decodeCheckpoint,
  type Example,
  fixedOf,
  openDropped,
  type Recipe,
  type Split,
  streetScenes,
  Training,
  type TrainingEvent,
} from '../../../train/index.ts'
import { recipeOf as recipeOfCheckpoint } from '../../../train/training.ts'
import { openFolder, readFile } from '../opfs.ts'
import { serve } from '../remote.ts'
import { CHECKPOINTS } from '../ui/checkpoints.ts'
import { lookThrough } from './folder.ts'
import type { FolderFound, Look, Outcome, TrainFunctions, TrainMessages } from './messages.ts'
import { onlyOne } from './only-one.ts'
import { RunStore, SNAPSHOT, TRAINING } from './run-store.ts'
import { goingOn, recipeOf } from './settings.ts'

/** The folder that was looked through last. */
let folder: { found: FolderFound; files: Parameters<typeof openDropped>[0] } | undefined
let looked = 0
let training: Training | undefined
let store: RunStore | undefined
let stop = new AbortController()
let release: () => void = () => {}

const functions = {
  async look(files) {
    const turn = ++looked
    const found = await lookThrough(files, (text, share) => send('looking', { text, share }))
    // The folder that was dropped last counts, whichever took longer.
    if (turn === looked) folder = { found, files }
    return found
  },

  async preview(settings) {
    const recipe = recipeOf(settings, settings.data === 'folder' ? neededFolder() : undefined)
    const dataset = await opened(recipe, 'val')
    const examples = await Promise.all(fixedOf(dataset.size).map((index) => dataset.get(index)))
    return { classes: dataset.classes, looks: examples.map(lookOf) }
  },

  async start(settings) {
    return guarded(() => {
      const recipe = recipeOf(settings, settings.data === 'folder' ? neededFolder() : undefined)
      return begin(recipe, undefined, settings.snapshotEvery)
    })
  },

  async goOn(from, settings) {
    return guarded(async () => {
      const checkpoint = await kept(from)
      const recipe = goingOn(recipeOfCheckpoint(checkpoint), checkpoint.info.progress, settings)
      return begin(recipe, checkpoint, settings.snapshotEvery)
    })
  },

  async resume() {
    return guarded(play)
  },

  pause() {
    stop.abort()
  },

  stop() {
    stop.abort()
    if (idle) end()
    else ending = true
  },

  async save(name) {
    if (!store) throw new OptionError('nothing was trained yet', 'start a training first')
    if (!idle) {
      training?.save()
      await store.next()
    }
    return store.saveAs(name)
  },

  loseDevice() {
    training?.device?.gpu.destroy()
  },
} satisfies {
  [K in keyof TrainFunctions]: (
    ...args: Parameters<TrainFunctions[K]>
  ) => ReturnType<TrainFunctions[K]> | Promise<ReturnType<TrainFunctions[K]>>
}

const send = serve<TrainMessages>(functions)

/** Whether nothing runs or is about to, and whether what runs ends at the next pause. */
let idle = true
let ending = false

/** Does what trains. It can be paused and stopped from its first moment on, long before its first step. */
async function guarded(work: () => Promise<Outcome>): Promise<Outcome> {
  if (!idle) throw new OptionError('a training is running here', 'stop it first')
  idle = false
  ending = false
  stop = new AbortController()
  let outcome: Outcome = 'stopped'
  try {
    outcome = await work()
    if (ending) outcome = 'stopped'
    return outcome
  } finally {
    idle = true
    store?.ended()
    if (outcome !== 'paused') end()
  }
}

async function begin(
  recipe: Recipe,
  checkpoint: Checkpoint | undefined,
  snapshotEvery: number,
): Promise<Outcome> {
  end()
  release = await onlyOne()
  send('at', { text: 'Opening the data' })
  const [train, val] = await Promise.all([opened(recipe, 'train'), opened(recipe, 'val')])
  store = new RunStore(
    (step) => send('kept', step),
    (text) => send('note', text),
  )
  store.step = checkpoint?.info.progress.step ?? 0
  training = new Training({
    ...{ recipe, train, val, checkpoint, snapshotEvery, snapshots: store },
    open: () => openDevice({ say: (text) => send('note', text) }),
    onCompile: ({ made, total }) =>
      send('at', { text: `Compiling ${made} of ${total} kernels`, share: made / total }),
  })
  const { name } = recipe.model
  send('run', {
    title: `${name}, ${train.size.toLocaleString('en')} images of ${recipe.data.height}×${recipe.data.width}`,
    classes: train.classes,
    step: store.step,
    of: recipe.steps,
    minutes: recipe.minutes,
  })
  return play()
}

/** Runs to the end, to a pause, or to what cannot be helped. */
async function play(): Promise<Outcome> {
  if (!training) throw new OptionError('there is nothing to go on with', 'start a training')
  let outcome: Outcome = 'paused'
  if (stop.signal.aborted) return outcome
  send('at', { text: 'Opening the device' })
  for await (const event of training.run(stop.signal)) {
    tell(event)
    if (event.kind === 'end' && event.reason !== 'stopped') outcome = 'ended'
  }
  return outcome
}

function tell(event: TrainingEvent): void {
  if (event.kind === 'open') {
    send('device', event.device.line)
    warn(event.device)
    // It looks at them once a run.
    const isNew = !training!.answers.length
    const text = isNew
      ? 'Looking at the images before learning'
      : `Going on from step ${store!.step.toLocaleString('en')}`
    send('at', { text })
  } else if (event.kind === 'lost') {
    const [what] = event.error.message.split('\n')
    send('lost', { what, step: event.step, from: event.from })
  } else {
    send('event', event)
    if (event.kind === 'validation')
      send('answers', { step: event.step, looks: looksOf(training!) })
  }
}

const warn = ({ warnings }: Device) => {
  for (const text of warnings) send('note', text)
}

const looksOf = ({ answers }: Training): Look[] =>
  answers.map(({ example, prediction }) => ({ ...lookOf(example), answer: prediction }))

const lookOf = ({ name, height, width, image, labels }: Example): Look => ({
  ...{ name, height, width, image, truth: labels },
})

/** Frees the device and lets other tabs train. */
function end(): void {
  training?.close()
  training = undefined
  release()
  release = () => {}
}

async function opened({ data }: Recipe, split: Split): Promise<Dataset> {
  if (data.kind === 'street') {
    const { seed, height, width, scenes, val } = data
    const size = split === 'train' ? undefined : (val ?? 16)
    const options = { split, seed, height, width, ...(size !== undefined && { size }) }
    return scenes === 'crowd' ? crowdScenes(options) : streetScenes(options)
  }
  const { files } = neededFolder(data.folder)
  const { height, width } = data
  return openDropped(files, { split, height, width })
}

/** The folder that was dropped. A page that was closed in between has it no more. */
function neededFolder(name?: string): FolderFound & { files: NonNullable<typeof folder>['files'] } {
  if (folder && (name === undefined || folder.found.name === name))
    return { ...folder.found, files: folder.files }
  throw new DataError(
    name ?? 'your folder',
    name ? 'is what this run learns from, and the page does not have it' : 'was not dropped yet',
    name
      ? 'choose “A folder of yours”, drop it again, then go on'
      : 'drop a folder of images, labels and classes.txt',
  )
}

async function kept(from: { kept: true } | { name: string }): Promise<Checkpoint> {
  const [where, file] =
    'name' in from ? [CHECKPOINTS, `${from.name}.safetensors`] : [TRAINING, SNAPSHOT]
  const found = await readFile(await openFolder(where), file)
  if (!found) throw new DataError(file, 'is not kept any more', 'start a new training')
  return decodeCheckpoint(new Uint8Array(await found.arrayBuffer()), file)
}
