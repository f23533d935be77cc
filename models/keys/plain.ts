// Files that have our own names: in our layout, as checkpoints do, or in PyTorch's, for people who go on there.

import { asStored, byName, type File, type KeyMap, type State } from './keys.ts'

const isHead = (name: string): boolean => /^(head|fc|classifier)\./.test(name)

const common = {
  recognizes: () => false,
  ignores: (name: string) => name.endsWith('.num_batches_tracked'),
  isHead,
  expects: {},
  ours: true,
} as const

/** What the file is asked for: all, but for a last layer where it has one of another kind, as that of a classifier from which a
 * network for segmentation starts. */
function asked(state: State, file: File): State {
  const heads = [...state.keys()].filter(isHead)
  const another = !heads.some((path) => file.has(path)) && [...file.keys()].some(isHead)
  return another ? new Map([...state].filter(([path]) => !isHead(path))) : state
}

export const atrous: KeyMap = {
  ...common,
  name: 'atrous',
  summary: 'our names and our layout',
  sources: (state: State, file: File) =>
    new Map(
      [...asked(state, file).keys()].map((path) => [
        path,
        { names: [path], convert: asStored, invert: (t) => t },
      ]),
    ),
}

export const torch: KeyMap = {
  ...common,
  name: 'torch',
  summary: 'our names, in the layout of PyTorch',
  sources: (state: State, file: File) => byName(asked(state, file), (path) => path),
}
