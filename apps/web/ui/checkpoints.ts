// The checkpoints that a page can choose from: those that the Train page keeps for this origin, and files of a person's own.

import { useCallback, useEffect, useState } from 'preact/hooks'
import { type CheckpointInfo, openCheckpoint } from '../../../train/index.ts'
import { listFiles, openFolder, readFile } from '../opfs.ts'
import type { DroppedFile } from './dropped-files.ts'

/** The folder of those that are kept. */
export const CHECKPOINTS = 'checkpoints'

export interface KnownCheckpoint {
  /** Unlike that of any other of the list. */
  readonly key: string
  readonly name: string
  readonly file: File
  readonly info: CheckpointInfo
}

export interface Checkpoints {
  /** Those of one's own first, the last one at the top, then those that are kept, the newest first. */
  readonly list: readonly KnownCheckpoint[]
  /** Adds files of one's own. Throws DataError naming the first that is no checkpoint; none is added then. */
  readonly add: (files: readonly DroppedFile[]) => Promise<readonly KnownCheckpoint[]>
}

/** Reads what is kept when the page opens. Where the browser keeps nothing, and of files that are damaged, there is none. */
export function useCheckpoints(): Checkpoints {
  const [kept, setKept] = useState<readonly KnownCheckpoint[]>([])
  const [own, setOwn] = useState<readonly KnownCheckpoint[]>([])
  useEffect(() => {
    keptCheckpoints().then(setKept, () => {})
  }, [])
  const add = useCallback(async (files: readonly DroppedFile[]) => {
    // Those of two runs have the same name.
    const keyOf = ({ name, size, lastModified }: File) => `own ${size} ${lastModified} ${name}`
    const added = await Promise.all(files.map(({ file }) => known(file, keyOf(file))))
    const keys = new Set(added.map(({ key }) => key))
    setOwn((before) => [...added, ...before.filter(({ key }) => !keys.has(key))])
    return added
  }, [])
  return { list: [...own, ...kept], add }
}

async function keptCheckpoints(): Promise<KnownCheckpoint[]> {
  const folder = await openFolder(CHECKPOINTS)
  const files = (await listFiles(folder)).filter(({ name }) => name.endsWith('.safetensors'))
  const all = files.map(async ({ name }) => {
    const file = await readFile(folder, name)
    return file ? [await known(file, `kept ${name}`)] : []
  })
  return (await Promise.allSettled(all)).flatMap((one) =>
    one.status === 'fulfilled' ? one.value : [],
  )
}

const known = async (file: File, key: string): Promise<KnownCheckpoint> => ({
  ...{ key, file, name: file.name.replace(/\.safetensors$/, '') },
  info: (await openCheckpoint(file)).info,
})

/** What a network tells of an image: boxes around its objects, or what each pixel or the whole is. */
export const tellsBoxes = ({ model }: CheckpointInfo): boolean =>
  model.name.startsWith('localization-')

/** As "fcrn-18, 3 classes, step 819". */
export const aboutCheckpoint = ({ model, classes, progress }: CheckpointInfo): string =>
  `${model.name}, ${classes.length} classes, step ${progress.step.toLocaleString('en')}`
