// The Segment page's worker: its session, as functions to call.

import { streetPainter } from '../../../train/index.ts'
import { serve } from '../remote.ts'
import { imageDataOf } from '../ui/picture.ts'
import { Session } from './session.ts'
import type { Events, Functions } from './types.ts'

const session = new Session((event, value) => send(event, value))

const SCENE = { height: 240, width: 320 }
/** Scenes that no training has seen: those of the split `test` begin here. */
const FIRST = 2_000_000_000

async function scene(index: number): Promise<Blob> {
  const { height, width } = SCENE
  const { image } = streetPainter(height, width)(1, FIRST + index)
  const canvas = new OffscreenCanvas(width, height)
  canvas.getContext('2d')!.putImageData(imageDataOf({ data: image, height, width }), 0, 0)
  return await canvas.convertToBlob({ type: 'image/png' })
}

const functions = {
  open: () => session.open(),
  attach: (canvas) => session.attach(canvas),
  load: (source, form) => session.load(source, form),
  segment: (picture, ...asked) =>
    session.segment(picture, ...asked).finally(() => {
      // A frame of a camera is the browser's to use again, whatever came of it.
      if ('close' in picture) picture.close()
    }),
  cancel: () => session.cancel(),
  show: (view) => session.show(view),
  read: (y, x) => session.read(y, x),
  save: (what) => session.save(what),
  scene,
} satisfies Functions

const send = serve<Events>(functions)
// For the console of a browser: `atrous.device` is what the page computes on.
Object.assign(globalThis, { atrous: session })
