// The shipped defaults of convolutions, by kind of machine: data alone. `measured`: on that driver, by `atrous tune` (see
// bench/NOTES.md). The others follow from what the hardware is like and were never run on it: each is a guess that tuning
// may correct.

import type { Caps } from '../kernel.ts'

export interface ConvDefaults {
  readonly measured: boolean
  /** Tiles in registers: rows by the vec4s of channels that an invocation makes, and the lanes of a workgroup. */
  readonly rows: Readonly<Record<1 | 2 | 4, number>>
  readonly lanes: number
  /** Four vec4s of channels are taken in place of two where that computes at most so many times as much. */
  readonly idle: number
  /** Strips of a weight gradient: workgroups that keep the machine busy, and pixels that are worth a strip of their own. */
  readonly strips: { readonly groups: number; readonly pixels: number }
}

const gpu: ConvDefaults = {
  measured: false,
  // Where the channels do not come in fours, or are fewer than 8; else blocks (blocks.ts).
  rows: { 1: 4, 2: 4, 4: 4 },
  lanes: 64,
  idle: 1,
  strips: { groups: 1024, pixels: 64 },
}

export const convDefaults: Readonly<Record<Caps['kind'], ConvDefaults>> = {
  // Of 12 sums 3×4 is the best. 3×8 takes 0.79 to 0.93 of its time where nothing follows, no less in a step of ResNet-18, and
  // compiles twice as long.
  lavapipe: {
    measured: true,
    rows: { 1: 4, 2: 4, 4: 3 },
    lanes: 8,
    idle: 1.125,
    strips: { groups: 32, pixels: 128 },
  },
  // A load costs more than twice as much as on lavapipe, against the arithmetic: 6×4 takes 0.71 to 0.89 of the time of 4×2.
  swiftshader: {
    measured: true,
    rows: { 1: 4, 2: 4, 4: 6 },
    lanes: 8,
    idle: 1.2,
    strips: { groups: 32, pixels: 128 },
  },
  discrete: gpu,
  integrated: gpu,
  unknown: gpu,
}
