// The camera, a frame at a time: the next is taken when the one before has been dealt with.

import { AtrousError } from '../../../engine/index.ts'

/** A camera that was refused, or is not there. */
export class CameraError extends AtrousError {
  override readonly name: string = 'CameraError'
}

const AGAIN = 'then press the button again'

const reasons: Readonly<Record<string, readonly [what: string, toDo: string]>> = {
  NotAllowedError: [
    'the camera was refused to this page',
    `allow it in the browser's settings for this site, ${AGAIN}`,
  ],
  NotFoundError: ['there is no camera here', `plug one in, ${AGAIN}; or drop a picture instead`],
  NotReadableError: [
    'the camera could not be started',
    `another program may hold it: close that, ${AGAIN}`,
  ],
}

export interface Camera {
  /** The next frame; undefined once the camera was stopped. */
  frame(): Promise<ImageBitmap | undefined>
  stop(): void
}

/** Throws CameraError in words for a person. */
export async function openCamera(): Promise<Camera> {
  const stream = await openStream()
  const video = document.createElement('video')
  video.muted = true
  video.playsInline = true
  video.srcObject = stream
  let stopped = false
  const stop = () => {
    stopped = true
    for (const track of stream.getTracks()) track.stop()
    video.srcObject = null
  }
  try {
    await video.play()
  } catch (error) {
    stop()
    throw new CameraError(`the camera gave no picture: ${(error as Error).message}`)
  }
  // So that nothing is looked at that nobody can see, and no frame twice.
  const next = () => new Promise((resolve) => requestAnimationFrame(resolve))
  return {
    stop,
    async frame() {
      await next()
      return stopped ? undefined : createImageBitmap(video)
    },
  }
}

async function openStream(): Promise<MediaStream> {
  if (!navigator.mediaDevices)
    throw new CameraError(
      'this page may not use a camera',
      'open it by https, or from this machine as localhost',
    )
  try {
    return await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } })
  } catch (error) {
    const { name, message } = error as DOMException
    const [what, toDo] = reasons[name] ?? [`the camera could not be opened: ${message}`, undefined]
    throw new CameraError(what, toDo)
  }
}
