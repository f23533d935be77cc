// The shipped defaults of convolutions, by kind of machine: data alone. `measured`: on that driver, by `atrous tune` (see
// bench/NOTES.md). The others follow from what the hardware is like and were never run on it: each is a guess that tuning
// may correct.

import type { Caps } from './kernel.ts'

export interface ConvDefaults {
  readonly measured: boolean
  /** Tiles in registers: rows × vec4s of channels by the vec4s that the output offers, and the lanes of a workgroup. */
  readonly registers: Readonly<Record<1 | 2 | 4, readonly [rows: number, cols: number]>>
  readonly lanes: number
  /** Four vec4s of channels are taken in place of two where that computes at most so many times what is needed. */
  readonly idle: number
  /** Strips of a weight gradient: workgroups that keep the machine busy, and pixels that are worth a strip of their own. */
  readonly strips: { readonly groups: number; readonly pixels: number }
}

const gpu: ConvDefaults = {
  measured: false,
  // Where the channels do not come in fours, or are fewer than 8; else blocks (conv-blocks.ts).
  registers: { 1: [4, 1], 2: [4, 2], 4: [4, 2] },
  lanes: 64,
  idle: 1,
  strips: { groups: 1024, pixels: 64 },
}

export const convDefaults: Readonly<Record<Caps['kind'], ConvDefaults>> = {
  // 3×4: more than 12 sums leave the registers of AVX-512, and gain nothing here.
  lavapipe: {
    measured: true,
    registers: { 1: [4, 1], 2: [4, 2], 4: [3, 4] },
    lanes: 8,
    idle: 1.125,
    strips: { groups: 32, pixels: 128 },
  },
  // A load costs more than twice as much as on lavapipe, against the arithmetic: 6×4 takes 0.71 to 0.89 of the time of 4×2,
  // though its sums do not all stay in registers.
  swiftshader: {
    measured: true,
    registers: { 1: [4, 1], 2: [4, 2], 4: [6, 4] },
    lanes: 8,
    idle: 1.2,
    strips: { groups: 32, pixels: 128 },
  },
  discrete: gpu,
  integrated: gpu,
  unknown: gpu,
}
