// What the page and its worker say to each other.

import type { ClassInfo, InstanceOptions, Picture } from '../../../train/index.ts'

export interface Opened {
  /** The device in one line, and what is to be known of it. */
  readonly device: string
  readonly warnings: readonly string[]
  /** Background first. */
  readonly classes: readonly ClassInfo[]
}

export interface FoundObject {
  readonly class: number
  readonly score: number
  /** First row and column, and those after the last. */
  readonly box: readonly [top: number, left: number, bottom: number, right: number]
  readonly area: number
  /** SVG's path data, in pixels. */
  readonly outline: string
}

export interface Found {
  /** The most confident first. */
  readonly objects: readonly FoundObject[]
  /** Of both networks, 0 where their answers were there from before, and of the rest. */
  readonly seconds: { readonly networks: number; readonly objects: number }
}

export interface Asked extends Picture {
  /** What the page calls it by. */
  readonly key: string
  readonly name: string
  /** Height and width of the file's, where this is a smaller copy. */
  readonly from?: readonly [height: number, width: number] | undefined
}

export type Functions = {
  /** Opens a device if there is none, and both networks in place of those that were open. */
  open(semantic: File, localization: File): Promise<Opened>
  /** The objects of a picture; it is remembered for `coco`. */
  find(picture: Asked, settings: InstanceOptions): Promise<Found>
  forget(key: string): Promise<void>
  /** COCO's results, as text, of pictures that were looked at: objects of this confidence or more, at the sizes of their files. */
  coco(keys: readonly string[], least: number): string
}

export type Events = {
  /** The device went away, and nobody was waiting for it. */
  lost: { readonly message: string }
}
