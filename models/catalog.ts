// The configurations that the five papers and their code describe, one row each, and the way from what a person types to a
// network: a name of the registry, which gives its default form, or a row's id.

import { OptionError } from '../engine/errors.ts'
import { nearest } from '../nn/near.ts'
import type { ModelConfig } from './network.ts'
import { models } from './registry.ts'

/** A network in a form of a paper, and the size of the images that it is measured on there. */
export interface Configuration extends ModelConfig {
  /** As `fcrn101-s8-k5-d12/cityscapes19`. */
  readonly id: string
  /** The network's name where `options` only write out its defaults. */
  readonly alias: string | undefined
  /** Height and width. */
  readonly input: readonly [h: number, w: number]
}

type Row = Omit<Configuration, 'alias'>
type Options = ModelConfig['options']

/** Number of classes, and height and width of the papers' images. */
const data = {
  voc21: { classes: 21, input: [504, 504] },
  context60: { classes: 60, input: [504, 504] },
  ade150: { classes: 150, input: [504, 504] },
  cityscapes19: { classes: 19, input: [1024, 2048] },
} as const

type DataName = keyof typeof data

// ---- ResNets (He et al. 2016, tables 1 and 6)

/** `caffe` is the original release in all that its files decide; only ResNet-50 has a bias in its first convolution there. */
const resNets = [50, 101, 152].flatMap((depth): Row[] => {
  const row = { name: `resnet-${depth}`, input: [224, 224] } as const
  const original = { stride: '1x1', pool: 'ceil', input: 'caffe', stemBias: depth === 50 }
  return [
    { ...row, id: `resnet${depth}-imagenet/v1.5`, options: {} },
    { ...row, id: `resnet${depth}-imagenet/caffe`, options: original },
  ]
})

const cifar: Row = { id: 'resnet110-cifar10', name: 'resnet-110', options: {}, input: [32, 32] }

// ---- FCRN (Wu et al. 2016a, tables 1 to 3; 2016b)

/** Output stride, kernel and dilation of the classifier. */
type Form = readonly [stride: number, kernel: number, dilation: number]

const best: Form = [8, 5, 12]
// biome-ignore format: a kernel a row
const forms: readonly Form[] = [
  [16, 3, 6],
  [8, 3, 6], [8, 3, 12], [8, 3, 18],
  [8, 5, 6], best,
  [8, 7, 6],
]

function fcrn(depth: number, form: Form, on: DataName, ending = '', more: Partial<Row> = {}): Row {
  const [outputStride, kernel, dilation] = form
  const { classes, input } = data[on]
  const { options, ...rest } = more
  return {
    id: `fcrn${depth}-s${outputStride}-k${kernel}-d${dilation}/${on}${ending}`,
    name: `fcrn-${depth}`,
    options: { classes, outputStride, kernel, dilation, ...options },
    input,
    ...rest,
  }
}

const fcrns = [
  ...[50, 101, 152].flatMap((depth) => [
    ...forms.map((form) => fcrn(depth, form, 'voc21')),
    fcrn(depth, best, 'cityscapes19'),
    fcrn(depth, best, 'voc21', '/caffe-stride', { options: { stride: '1x1' } }),
  ]),
  fcrn(50, [8, 5, 18], 'cityscapes19'),
  fcrn(50, [8, 7, 12], 'cityscapes19'),
  fcrn(101, best, 'voc21', '/375x500', { input: [375, 500] }),
  fcrn(101, [4, 5, 12], 'voc21'),
  fcrn(101, best, 'context60'),
]

const localization = [50, 101].map(
  (depth): Row => ({
    id: `fcrn${depth}-s8-k5-d12/localization80`,
    name: `localization-${depth}`,
    options: {},
    input: [504, 504],
  }),
)

// ---- FRRN (Pohlen et al. 2017, table 1 and section 5.1)

const frrns = [
  ...(['A', 'B'] as const).flatMap((variant) =>
    Object.entries({ official: true, 'paper-table': false }).map(
      ([form, splitBatchNorm]): Row => ({
        id: `frrn-${variant}/cityscapes19/${form}`,
        name: `frrn-${variant.toLowerCase()}`,
        options: { splitBatchNorm },
        input: variant === 'A' ? [256, 512] : [512, 1024],
      }),
    ),
  ),
  ...['project-up', 'sum', 'concat'].map(
    (join): Row => ({
      id: `frrn-A-resnet-baseline/cityscapes19/${join}`,
      name: 'frrn-baseline',
      options: { join },
      input: [256, 512],
    }),
  ),
]

// ---- GCN (Peng et al. 2017, tables 1 to 5, and the appendix's backbone)

const gcn = (
  [net, on, form]: readonly [net: string, on: string, form: string],
  name: string,
  side: number,
  options: Options = {},
): Row => ({ id: `gcn-${net}/${on}/${form}`, name, options, input: [side, side] })

const cityscapes = { classes: 19, kernel: 25 }
const plain = { boundaryRefinement: false }
const gcns = [
  gcn(['resnet152-k15', 'voc21', 'gcn+br'], 'gcn-152', 512),
  gcn(['resnet152-k15', 'voc21-stage1', 'gcn+br'], 'gcn-152', 640),
  gcn(['resnet152-k25', 'cityscapes19', 'gcn+br'], 'gcn-152', 800, cityscapes),
  gcn(['resnet152-k25', 'cityscapes19-test', 'gcn+br'], 'gcn-152', 1024, cityscapes),
  ...[3, 5, 7, 9, 11, 13, 15].map((kernel) =>
    gcn([`resnet152-k${kernel}`, 'voc21', 'gcn'], 'gcn-152', 512, { kernel, ...plain }),
  ),
  gcn(['resnet152', 'voc21', 'baseline-1x1'], 'gcn-152', 512, { block: '1x1', ...plain }),
  gcn(['resnet50-k15', 'voc21', 'gcn+br'], 'gcn-50', 512),
  gcn(['resnet50gcn-k15', 'voc21', 'gcn+br'], 'gcn-50-gcn', 512),
]

/** All its strides are on the first convolutions of their blocks. */
const gcnBackbone: Row = {
  id: 'resnet50-gcn-imagenet',
  name: 'resnet-50-gcn',
  options: { stride: '1x1' },
  input: [224, 224],
}

// ---- Models A to F (Wu et al. 2019, table 1 and section 4.3)

/** Side of the images that a model was trained with on ImageNet. */
const crops = { A: 224, B: 224, C: 112, D: 112, E: 112, F: 56, 16: 224 }

const classifiers = Object.entries(crops).flatMap(([letter, side]) =>
  Object.entries({ conv: 'strided', pool: 'pool' }).map(
    ([word, downsample]): Row => ({
      id: `wider-${letter}-imagenet/${word}-down`,
      name: `model-${letter.toLowerCase()}`,
      options: { head: 'classify', downsample },
      input: [side, side],
    }),
  ),
)

const wider = (
  letter: string,
  on: DataName,
  convs: 1 | 2,
  place = '',
  input?: Row['input'],
): Row => ({
  id: `wider-${letter}-s8/${on}${place}/${convs}conv`,
  name: `model-${letter.toLowerCase()}`,
  options: { classes: data[on].classes, head: `${convs}conv` },
  input: input ?? data[on].input,
})

const segmenters = [
  ...['A', 'B', 'C', 'D', 'E', 'F'].flatMap((letter) => [
    wider(letter, 'voc21', 1),
    wider(letter, 'voc21', 2),
    wider(letter, 'ade150', 2),
  ]),
  wider('A', 'context60', 2),
  wider('A', 'cityscapes19', 2, '-crop', [504, 504]),
  wider('A', 'cityscapes19', 2, '-full'),
]

// ---- all of them, and the way to one

const rows: readonly Row[] = [
  ...resNets,
  cifar,
  ...fcrns,
  ...localization,
  ...frrns,
  ...gcns,
  gcnBackbone,
  ...classifiers,
  ...segmenters,
]

/** Rows that only write out the defaults of their networks. */
const defaults = new Set([
  ...[50, 101, 152].flatMap((n) => [`resnet${n}-imagenet/v1.5`, `fcrn${n}-s8-k5-d12/voc21`]),
  ...[cifar, ...localization].map(({ id }) => id),
  ...['A', 'B'].map((variant) => `frrn-${variant}/cityscapes19/official`),
  'frrn-A-resnet-baseline/cityscapes19/project-up',
  ...['resnet152', 'resnet50', 'resnet50gcn'].map((net) => `gcn-${net}-k15/voc21/gcn+br`),
  ...['A', 'B', 'C', 'D', 'E', 'F'].map((letter) => `wider-${letter}-s8/voc21/2conv`),
])

/** Every configuration, paper by paper. */
export const configurations: readonly Configuration[] = rows.map((row) => ({
  ...row,
  alias: defaults.has(row.id) ? row.name : undefined,
}))

const papers: readonly (readonly [family: RegExp, paper: string])[] = [
  [/^(gcn|resnet-50-gcn)/, 'GCN (Peng et al. 2017)'],
  [/^resnet/, 'ResNet, to classify (He et al. 2016)'],
  [/^(fcrn|localization)/, 'FCRN and its localization net (Wu et al. 2016)'],
  [/^frrn/, 'FRRN (Pohlen et al. 2017)'],
  [/^model/, 'Models A to F (Wu et al. 2019)'],
]

/** The paper that a network is from, as a heading. */
export const paperOf = (name: string): string => papers.find(([family]) => family.test(name))![1]

/** A network in its default form, on images of its paper or, where that says nothing of it, of its family. */
export function usualForm(name: string): Configuration {
  const own = configurations.find(({ alias }) => alias === name)
  const [family] = name.split('-')
  const { input } = own ?? configurations.find(({ alias }) => alias?.startsWith(`${family}-`))!
  return { id: own?.id ?? name, name, alias: name, options: {}, input }
}

/** The network that a name of the registry (in its default form) or the id of a configuration means. Throws OptionError with
 * the nearest names where there is none. */
export function findModel(text: string): Configuration {
  if (Object.hasOwn(models, text)) return usualForm(text)
  const row = configurations.find(({ id }) => id === text)
  if (row) return row
  const plain = text.toLowerCase()
  const [near] = [Object.keys(models), configurations.map(({ id }) => id)]
    .map((names) => nearest(plain, names))
    .filter((names) => names.length)
  throw new OptionError(
    `there is no model '${text}'`,
    near ? `did you mean ${near.join(' or ')}?` : 'atrous models lists them',
  )
}
