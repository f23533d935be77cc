// The images of a split by the folder that they are in, which is their class, from folders or from tars: only names are read, and no
// file is looked at. ImageNet has 1.28 million of them.

import type { Dirent } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { DataError } from '../../engine/errors.ts'
import { errorCode, fileError } from '../files.ts'
import { scanTar, type TarMember } from './tar.ts'

/** A list of names in one string: half the memory of a string each. */
export class Names {
  readonly #text: string
  readonly #starts: Uint32Array

  constructor(names: readonly string[]) {
    this.#text = names.join('')
    this.#starts = new Uint32Array(names.length + 1)
    names.forEach((name, i) => {
      this.#starts[i + 1] = this.#starts[i] + name.length
    })
  }

  get length(): number {
    return this.#starts.length - 1
  }

  at(i: number): string {
    return this.#text.slice(this.#starts[i], this.#starts[i + 1])
  }

  all(): string[] {
    return Array.from({ length: this.length }, (_, i) => this.at(i))
  }
}

/** Images of one folder, on disk or in a tar. */
export interface Shelf {
  /** The tar that they are in. */
  readonly tar?: string
  /** Their folder, with that of the disk or of the tar before it. */
  readonly folder: string
  /** What the folder is called, or what holds it where that is `images`. */
  readonly id: string
  /** Of the files, in the order of their characters. */
  readonly names: Names
  /** Where each is in the tar, and how long. */
  readonly offsets?: Float64Array
  readonly sizes?: Uint32Array
}

/** As image files are called; hidden ones are none. */
const isImage = (name: string): boolean => /^[^.].*\.(jpe?g|png|webp)$/i.test(name)
const isTar = (name: string): boolean => /^[^.].*\.tar$/i.test(name)

/** Folders and tars looked into at a time. */
const wave = 16

/** What a folder holds: images in folders of their class, in `images` within such a folder, in a tar for each class, or all
 * together; with `only`, what is in that folder of it. Throws DataError for what cannot be listed. */
export async function shelvesOfFolder(root: string, only?: string): Promise<Shelf[]> {
  const inside = await entriesOf(root)
  const own = only ? [] : inside.filter((entry) => !entry.isDirectory()).map(({ name }) => name)
  const folders = only ? [only] : namesOfFolders(inside)
  const shelves = await inWaves(folders, (name) => shelfOfFolder(join(root, name), name))
  const nested = await inWaves(own.filter(isTar), (name) => shelvesOfTar(join(root, name)))
  const loose = own.filter(isImage)
  if (loose.length) shelves.push({ folder: root, id: basename(root), names: packed(loose) })
  return [...shelves, ...nested.flat()].filter(({ names }) => names.length)
}

/** The folders in a folder, hidden ones left out. Throws DataError. */
export const foldersIn = async (folder: string): Promise<string[]> =>
  namesOfFolders(await entriesOf(folder))

// What is neither file nor folder may lead to a folder.
const namesOfFolders = (entries: readonly Dirent[]): string[] =>
  entries
    .filter((entry) => !entry.isFile() && !entry.name.startsWith('.') && !isImage(entry.name))
    .map(({ name }) => name)
    .sort(order)

const entriesOf = (folder: string): Promise<Dirent[]> =>
  readdir(folder, { withFileTypes: true }).catch((error) => {
    throw fileError(folder, 'cannot be listed', error)
  })

async function shelfOfFolder(folder: string, id: string): Promise<Shelf> {
  // Not by type: an entry for each of a million files would be an object more.
  const names = await readdir(folder).catch((error): string[] => {
    if (errorCode(error) === 'ENOTDIR') return []
    throw fileError(folder, 'cannot be listed', error)
  })
  const deeper = names.includes('images') && !names.some(isImage)
  if (deeper) return { ...(await shelfOfFolder(join(folder, 'images'), id)), id }
  const images = names.filter(isImage)
  if (!images.length && names.length) await refuseDeeper(folder)
  return { folder, id, names: packed(images) }
}

/** Images below would be left out in silence. */
async function refuseDeeper(folder: string): Promise<void> {
  const [deeper] = await foldersIn(folder)
  if (deeper !== undefined)
    throw new DataError(
      folder,
      `holds no image but the folder ${deeper}`,
      'the images of a class lie in one folder, train/CLASS/*.jpg; move them up, or name the folder that holds the classes',
    )
}

/** What a tar holds, as `shelvesOfFolder`. A tar in it is the tar of a class. */
export async function shelvesOfTar(tar: string): Promise<Shelf[]> {
  const found = new Map<string, TarMember[]>()
  const inner: TarMember[] = []
  const place = (folder: string, member: TarMember) => {
    const members = found.get(folder)
    if (members) members.push(member)
    else found.set(folder, [member])
  }
  await scanTar(tar, (member) => {
    const slash = member.name.lastIndexOf('/')
    const name = member.name.slice(slash + 1)
    if (isTar(name)) inner.push(member)
    else if (isImage(name)) place(member.name.slice(0, slash + 1), { ...member, name })
  })
  const nested = await inWaves(inner, async (member) => {
    const images: TarMember[] = []
    await scanTar(
      tar,
      ({ name, ...rest }) => {
        if (isImage(basename(name))) images.push({ ...rest, name: basename(name) })
      },
      member,
    )
    return shelfOfMembers(tar, member.name, images)
  })
  const own = [...found].map(([folder, members]) => shelfOfMembers(tar, folder, members))
  return [...own, ...nested].filter(({ names }) => names.length)
}

function shelfOfMembers(tar: string, path: string, members: TarMember[]): Shelf {
  const parts = path.replace(/\.tar$/i, '').split('/')
  const id = parts.filter((part) => part && part !== '.' && part !== 'images').at(-1)
  const tooLong = members.find(({ size }) => size >= 2 ** 32)
  if (tooLong) throw new DataError(tar, `holds ${path}${tooLong.name}, too large for an image`)
  members.sort((a, b) => order(a.name, b.name))
  return {
    ...{ tar, folder: `${tar}: ${path}`, id: id ?? basename(tar).replace(/\.tar$/i, '') },
    names: new Names(members.map(({ name }) => name)),
    offsets: Float64Array.from(members, ({ offset }) => offset),
    sizes: Uint32Array.from(members, ({ size }) => size),
  }
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const packed = (names: string[]): Names => new Names(names.sort(order))

/** What `work` makes of each, a few at a time. Throws what the first of them in order throws, whichever fails first. */
async function inWaves<T, R>(all: readonly T[], work: (one: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (let start = 0; start < all.length; start += wave) {
    const made = await Promise.allSettled(all.slice(start, start + wave).map(work))
    for (const one of made) {
      if (one.status === 'rejected') throw one.reason
      results.push(one.value)
    }
  }
  return results
}
