// A device, a network on it, and the picture that was looked at last: all that the page asks for is answered from these. When the
// device goes away it is opened again, and the network comes back from its file.

import {
  CanvasView,
  type Device,
  imageTensor,
  OptionError,
  openDevice,
} from '../../../engine/index.ts'
import type { Network } from '../../../models/index.ts'
import { problemOf } from '../ui/problem.tsx'
import { sentences } from './how.ts'
import { type Fitting, prepared, testTimeBy } from './prepared.ts'
import { placedOn } from './put-back.ts'
import { Asking, Seen } from './seen.ts'
import type {
  Events,
  Form,
  LoadedNetwork,
  Look,
  Reading,
  Result,
  Saved,
  Source,
  Unnamed,
  View,
} from './types.ts'
import { type Opened, openNetwork } from './weights.ts'

type Send = <K extends keyof Events & string>(event: K, value: Events[K]) => void

/** A prediction that a later picture has made useless. */
class Superseded extends Error {}

type Pair = readonly [height: number, width: number]

/** A predictor, and what it was made for. */
type Prepared = Fitting & { readonly key: string }

/** All that lives on one device. */
interface Place {
  readonly device: Device
  readonly asking: Asking
  network?: Network
  view?: CanvasView
  prepared?: Prepared
  seen?: Seen
}

export class Session {
  readonly #send: Send
  #place: Promise<Place> | undefined
  #canvas: OffscreenCanvas | undefined
  #opened: Opened | undefined
  /** Counts what was asked for; a prediction goes on while it is that which was asked for last. */
  #turn = 0
  #loads = 0
  #fetching: AbortController | undefined
  #busy: Promise<unknown> = Promise.resolve()
  /** Milliseconds for which kernels were being made, and when that was last counted. */
  readonly #kernels = { ms: 0, from: 0 }

  constructor(send: Send) {
    this.#send = send
  }

  /** Throws DeviceError where there is none. */
  async open(): Promise<{ line: string; warnings: readonly string[] }> {
    const { line, warnings } = (await this.#here()).device
    return { line, warnings }
  }

  /** For whoever looks at it from the console. */
  get device(): Promise<Device> {
    return this.#here().then(({ device }) => device)
  }

  #here(): Promise<Place> {
    this.#place ??= this.#openPlace().catch((error) => {
      // Asked again, it is tried again.
      this.#place = undefined
      throw error
    })
    return this.#place
  }

  async #openPlace(): Promise<Place> {
    const device = await openDevice()
    device.lost.then(async (error) => {
      this.#place = undefined
      this.#send('lost', problemOf(error))
      try {
        this.#send('again', { line: (await this.#here()).device.line })
      } catch (again) {
        this.#send('lost', problemOf(again))
      }
    })
    const place: Place = { device, asking: new Asking(device) }
    if (!this.#opened) return place
    try {
      const { network } = await this.#opened.place(device)
      return { ...place, network }
    } finally {
      this.#send('progress', undefined)
    }
  }

  attach(canvas: OffscreenCanvas): void {
    this.#canvas = canvas
  }

  async load(source: Source, form?: Form): Promise<LoadedNetwork | Unnamed | undefined> {
    const load = ++this.#loads
    // What nobody waits for any more is not fetched to its end.
    this.#fetching?.abort()
    this.#fetching = new AbortController()
    const say = (text: string, share?: number) => {
      if (load === this.#loads) this.#send('progress', { text, share })
    }
    try {
      const opened = await openNetwork(source, form, say, this.#fetching.signal)
      if (load !== this.#loads) return undefined
      if (!('place' in opened)) return opened
      const [place, { network, report }] = await placedOn(
        () => this.#here(),
        ({ device }) => opened.place(device),
      )
      // What is being predicted goes on until there is another network: it may be that there is none.
      await this.#freed()
      if (load !== this.#loads) {
        release(place.device, network)
        return undefined
      }
      place.prepared?.fitted.predictor.dispose()
      place.prepared = undefined
      if (place.network) release(place.device, place.network)
      place.network = network
      this.#opened = opened
      return report ? { ...opened.loaded, report } : opened.loaded
    } catch (error) {
      // Of one that nobody waits for any more nothing is said.
      if (load !== this.#loads) return undefined
      throw error
    } finally {
      if (load === this.#loads) this.#send('progress', undefined)
    }
  }

  /** Ends what is being predicted; resolves when nothing is. */
  async #freed(): Promise<number> {
    const turn = ++this.#turn
    await this.#busy.catch(() => {})
    return turn
  }

  cancel(): void {
    this.#turn++
  }

  async segment(
    picture: Blob | ImageBitmap,
    name: string,
    look: Look,
    view: View,
  ): Promise<Result | undefined> {
    const turn = await this.#freed()
    if (turn !== this.#turn) return undefined
    const work = this.#segment(picture, name, look, view, turn)
    this.#busy = work
    try {
      return await work
    } catch (error) {
      if (error instanceof Superseded) return undefined
      throw error
    } finally {
      this.#send('progress', undefined)
    }
  }

  async #segment(
    picture: Blob | ImageBitmap,
    name: string,
    look: Look,
    view: View,
    turn: number,
  ): Promise<Result> {
    const began = performance.now()
    const place = await this.#here()
    const { device, asking, network } = place
    const loaded = this.#opened?.loaded
    if (!network || !loaded) throw new OptionError('there is no network yet', 'choose one first')
    const image = await imageTensor(device, picture, { dtype: 'u8' })
    const tensors: { dispose(): void }[] = [image]
    try {
      const [, height, width] = image.shape
      Object.assign(this.#kernels, { ms: 0, from: performance.now() })
      const prepared = this.#prepared(place, network, look, [height, width])
      const { predictor } = prepared.fitted
      const ready = performance.now()
      this.#kernels.from = ready
      const onWindow = async (done: number, all: number) => {
        // A window is over when the device says so: only then is it told, and can be the last.
        if (all > 1) await device.idle()
        if (turn !== this.#turn) throw new Superseded()
        if (all > 1)
          this.#send('progress', {
            text: `Window ${done + 1} of ${all}`,
            share: done / all,
            stops: true,
          })
        else if (!('close' in picture)) this.#send('progress', { text: 'Running' })
      }
      const scores = prepared.hasScores ? await predictor.refined(image, { onWindow }) : undefined
      if (scores) tensors.push(scores)
      const classes = scores
        ? await predictor.classesOf(scores)
        : await predictor.example(image, { onWindow })
      tensors.push(classes)
      const seen = new Seen(asking, loaded.classes, { image, classes, scores })
      const areas = await seen.areas()
      const ran = performance.now()
      if (turn !== this.#turn) throw new Superseded()
      const before = place.seen
      place.seen = seen
      try {
        await this.#paint(place, view)
      } finally {
        before?.dispose()
      }
      await device.idle()
      const { ms } = this.#kernels
      return {
        ...{ name, height, width, areas, hasScores: prepared.hasScores },
        how: sentences({
          ...{ picture: [height, width], ...prepared, memory: look.memory },
          shown: this.#shown([height, width]),
        }),
        ms: {
          prepare: ready - began + ms,
          run: ran - ready - ms,
          show: performance.now() - ran,
        },
      }
    } catch (error) {
      if (place.seen?.image !== image) for (const tensor of tensors) tensor.dispose()
      throw error
    }
  }

  /** The predictor for pictures of a size, that of the last picture if it will do. */
  #prepared(place: Place, network: Network, look: Look, size: Pair): Prepared {
    const test = testTimeBy(look, this.#opened?.loaded.usual)
    const key = JSON.stringify([test, look.memory, size])
    if (place.prepared?.key === key) return place.prepared
    this.#send('progress', { text: 'Planning' })
    const fitted = prepared(place.device, network, test, size, {
      bytes: look.memory,
      offset: this.#opened?.offset,
      onKernel: ({ made, total }) => this.#kernel(made, total),
    })
    place.prepared?.fitted.predictor.dispose()
    place.prepared = { key, ...fitted }
    return place.prepared
  }

  #kernel(made: number, total: number): void {
    const now = performance.now()
    const kernels = this.#kernels
    // The time before the first one may have gone to a run; that of a few kernels that were there already is next to none.
    if (made > 1) kernels.ms += now - kernels.from
    kernels.from = now
    if (total > 1)
      this.#send('progress', { text: `Making kernel ${made} of ${total}`, share: made / total })
  }

  async show(view: View): Promise<void> {
    const place = await this.#here()
    if (place.seen) await this.#paint(place, view)
  }

  async #paint(place: Place, { mode, blend, class: kind, outline }: View): Promise<void> {
    const { seen, device } = place
    if (!seen || !this.#canvas) return
    place.view ??= new CanvasView(device, this.#canvas)
    const { view } = place
    Object.assign(view, { image: seen.image, classes: seen.classes, scores: seen.scores })
    // The page may ask for a class of the network before.
    if (mode === 'scores' && seen.scores && kind < seen.names.length)
      await view.show({ mode, blend, class: kind })
    else {
      const palette = seen.names.map(({ colour }) => colour)
      await view.show({ mode: 'overlay', blend, palette, outline })
    }
  }

  #shown(picture: Pair): Pair {
    return this.#canvas ? [this.#canvas.height, this.#canvas.width] : picture
  }

  async read(y: number, x: number): Promise<Reading | undefined> {
    const { seen } = await this.#here()
    return seen?.read(y, x)
  }

  async save(what: Saved): Promise<Blob> {
    const { seen, view } = await this.#here()
    if (!seen || !view) throw new OptionError('there is nothing to save yet')
    return what === 'shown' ? view.blob('image/png') : seen.png(what)
  }
}

function release(device: Device, network: Network): void {
  for (const [, variable] of network.stateDict()) device.release(variable)
}
