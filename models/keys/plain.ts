// Files that have our own names: in our layout, as checkpoints do, or in PyTorch's, for people who go on there.

import { asStored, byName, type KeyMap, type State } from './keys.ts'

const common = {
  recognizes: () => false,
  ignores: (name: string) => name.endsWith('.num_batches_tracked'),
  isHead: (name: string) => /^(head|fc|classifier)\./.test(name),
  expects: {},
  ours: true,
} as const

export const atrous: KeyMap = {
  ...common,
  name: 'atrous',
  summary: 'our names and our layout',
  sources: (state: State) =>
    new Map(
      [...state.keys()].map((path) => [
        path,
        { names: [path], convert: asStored, invert: (t) => t },
      ]),
    ),
}

export const torch: KeyMap = {
  ...common,
  name: 'torch',
  summary: 'our names, in the layout of PyTorch',
  sources: (state: State) => byName(state, (path) => path),
}
