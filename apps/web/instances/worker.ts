// The two networks and the pipeline, off the page's thread.

import {
  type Device,
  DeviceLostError,
  type DeviceTensor,
  OptionError,
  openDevice,
} from '../../../engine/index.ts'
import {
  type ClassInfo,
  CocoWriter,
  type FoundInstance,
  finderOf,
  type InstanceFinder,
  type InstanceOptions,
  InstancePipeline,
  instanceNets,
  loadCheckpoint,
  maskOutline,
  openCheckpoint,
} from '../../../train/index.ts'
import { serve } from '../remote.ts'
import { atSize } from './full-size.ts'
import type { Asked, Events, Found, FoundObject, Functions } from './messages.ts'

/** What the networks say of a picture, so that another setting needs no other look. */
interface Look {
  readonly probabilities: DeviceTensor
  readonly boxes: DeviceTensor
}

let device: Device | undefined
let classes: readonly ClassInfo[] = []
let finder: InstanceFinder | undefined
let pipeline: { readonly settings: string; readonly run: InstancePipeline } | undefined
/** By the pictures' keys, the last one last. */
const looks = new Map<string, Look>()
/** Bytes of looks that are kept: those of a few pictures of a megapixel and 21 classes. */
const KEPT_BYTES = 2 ** 28
const found = new Map<string, { asked: Asked; instances: readonly FoundInstance[] }>()

/** In this order, and not those of two calls at once. */
let before: Promise<unknown> = Promise.resolve()
function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const mine = before.then(work)
  before = mine.catch(() => {})
  return mine
}

const read = (file: File, role: string) => openCheckpoint(file, `${file.name} (${role} net)`)

async function open(semantic: File, localization: File) {
  const checked = instanceNets(
    await read(semantic, 'category'),
    await read(localization, 'localization'),
  )
  close()
  device ??= await opened()
  for (const [i, part] of [checked.semantic, checked.localization].entries())
    await loadCheckpoint(device, part, checked.models[i])
  finder = finderOf(device, checked)
  classes = checked.classes
  found.clear()
  return { device: device.line, warnings: device.warnings, classes }
}

async function opened(): Promise<Device> {
  const mine = await openDevice({ say: () => {} })
  mine.lost.then(({ message }) => {
    if (device === mine) send('lost', { message })
    drop(mine)
  })
  return mine
}

/** All that was on a device that is gone. */
function drop(mine: Device): void {
  if (device !== mine) return
  close()
  device.close()
  device = undefined
}

function close(): void {
  for (const owned of [pipeline?.run, finder]) owned?.dispose()
  for (const key of [...looks.keys()]) forgetLook(key)
  pipeline = undefined
  finder = undefined
}

async function find(asked: Asked, settings: InstanceOptions): Promise<Found> {
  if (!device || !finder)
    throw new OptionError('no networks are open', 'choose a category net and a localization net')
  const mine = device
  try {
    const begun = performance.now()
    const seen = await lookAt(finder, asked)
    const looked = performance.now()
    const wanted = JSON.stringify(settings)
    if (pipeline?.settings !== wanted) {
      pipeline?.run.dispose()
      pipeline = undefined
      pipeline = { settings: wanted, run: new InstancePipeline(mine, settings) }
    }
    const instances = await pipeline.run.run(seen.probabilities, seen.boxes, finder.gridOf(asked))
    found.set(asked.key, { asked, instances })
    const objects = instances.map(toldOf)
    const done = performance.now()
    const seconds = { networks: (looked - begun) / 1000, objects: (done - looked) / 1000 }
    return { objects, seconds }
  } catch (error) {
    if (error instanceof DeviceLostError) drop(mine)
    throw error
  }
}

async function lookAt(by: InstanceFinder, asked: Asked): Promise<Look> {
  const before = looks.get(asked.key)
  if (before) return before
  const probabilities = await by.predictor.refined(asked)
  try {
    const look = { probabilities, boxes: await by.boxes(asked) }
    looks.set(asked.key, look)
    makeRoom()
    return look
  } catch (error) {
    probabilities.dispose()
    throw error
  }
}

/** The oldest looks go, but never the last one. */
function makeRoom(): void {
  const bytesOf = ({ probabilities, boxes }: Look) =>
    probabilities.buffer.bytes + boxes.buffer.bytes
  let kept = [...looks.values()].reduce((sum, look) => sum + bytesOf(look), 0)
  for (const [key, look] of looks) {
    if (kept <= KEPT_BYTES || looks.size === 1) return
    kept -= bytesOf(look)
    forgetLook(key)
  }
}

function forgetLook(key: string): void {
  const look = looks.get(key)
  looks.delete(key)
  look?.probabilities.dispose()
  look?.boxes.dispose()
}

function toldOf(instance: FoundInstance): FoundObject {
  const { class: k, score, box, area, mask, height, width } = instance
  return { class: k, score, box, area, outline: maskOutline(mask, height, width) }
}

function coco(keys: readonly string[], least: number): string {
  const writer = new CocoWriter(classes)
  for (const key of keys) {
    const one = found.get(key)
    if (!one) continue
    const { name, from, height, width } = one.asked
    const sure = one.instances.filter(({ score }) => score >= least)
    if (from) writer.add(name, ...from, atSize(sure, from))
    else writer.add(name, height, width, sure)
  }
  return `${JSON.stringify(writer.file)}\n`
}

const send = serve<Events>({
  open: (semantic, localization) => inTurn(() => open(semantic, localization)),
  find: (asked, settings) => inTurn(() => find(asked, settings)),
  forget: (key) =>
    inTurn(async () => {
      found.delete(key)
      forgetLook(key)
    }),
  coco,
} satisfies Functions)
