// Models A to F as their authors released them (MXNet `.params`): unit u of level L is `2a`, `2b1`, `2b2` …, its
// convolutions `branch2a`, `branch2b1` and `branch2b2`, the projection `branch1`.

import { byName, type KeyMap, type State } from './keys.ts'

const branches: Readonly<Record<string, string>> = {
  ...{ conv1: 'branch2a', conv2: 'branch2b1', conv3: 'branch2b2', project: 'branch1' },
  ...{ bn1: 'branch2a', bn2: 'branch2b1', bn3: 'branch2b2' },
}

/** MXNet keeps what is trained and what is averaged apart. */
const norms: Readonly<Record<string, string>> = {
  weight: 'arg:bn#_gamma',
  bias: 'arg:bn#_beta',
  running_mean: 'aux:bn#_moving_mean',
  running_var: 'aux:bn#_moving_var',
}

function nameOf(path: string, classes: number | undefined): string | undefined {
  const [, level, unit, part, kind] = /^levels\.(\d)\.(\d+)\.(\w+)\.(\w+)$/.exec(path) ?? []
  if (level) {
    const name = `${Number(level) + 1}${Number(unit) ? `b${unit}` : 'a'}_${branches[part]}`
    return part.startsWith('bn') ? norms[kind]?.replace('#', name) : `arg:res${name}_weight`
  }
  if (path === 'conv1.weight') return 'arg:conv1a_weight'
  if (path.startsWith('bn.')) return norms[path.slice(3)]?.replace('#', '7')
  const [, layer, value] = /^(head\.hidden|head\.classifier|fc)\.(\w+)$/.exec(path) ?? []
  if (!layer) return undefined
  return layer === 'head.hidden' ? `arg:conv6a_${value}` : `arg:linear${classes}_${value}`
}

/** Of the last layer, by whose number of outputs MXNet's is named. */
function classesOf(state: State): number | undefined {
  const bias = state.get('fc.bias') ?? state.get('head.classifier.bias')
  return bias?.shape[0]
}

export const ademxapp: KeyMap = {
  name: 'ademxapp',
  summary: 'the released Models A to F (MXNet)',
  recognizes: (file) => file.has('arg:conv1a_weight'),
  sources: (state, file) => {
    const classes = classesOf(state)
    const all = byName(state, (path) => nameOf(path, classes))
    // Files of classifiers have nothing for a head that segments.
    const segments = file.has(`arg:linear${classes}_weight`) || state.has('fc.weight')
    return segments ? all : new Map([...all].filter(([path]) => !path.startsWith('head.')))
  },
  ignores: () => false,
  isHead: (name) => /^arg:(linear\d+|conv6a)_/.test(name),
  expects: {
    activation: 'relu',
    eps: 1.001e-5,
    statistic: 'variance',
    firstUnitDilation: 'second',
    input: 'imagenet',
  },
}
