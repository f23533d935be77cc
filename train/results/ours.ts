// What a trained network is in the words of the papers' tables, so that it can be put beside their rows.

import { buildModel } from '../../models/index.ts'
import type { ModelConfig } from '../../models/network.ts'
import { recipes } from '../recipes/index.ts'
import type { Recipe } from '../recipes/recipe.ts'
import type { TestTime } from '../test-time.ts'
import type { ConfigValue } from './table.ts'

export interface Ours {
  readonly model: ModelConfig
  readonly recipe?: Partial<Recipe> | undefined
  readonly test?: TestTime | undefined
}

export type Facts = Readonly<Record<string, ConfigValue>>

/** Options that decide how large a network is. */
const SIZES = ['width', 'depthMultiplier', 'base', 'lanes', 'units', 'hidden']

/** How a network's size differs from the one of its name in the papers, as `width 16, not 64`; empty where it does not. */
export function otherSizes({ name, options }: ModelConfig): string[] {
  const [mine, papers] = [options, { classes: options['classes'] }].map(
    (given) => buildModel({ name, options: given }).config.options,
  )
  const { layers } = mine
  // What stands between two convolutions says nothing of one.
  return SIZES.filter((key) => key !== 'hidden' || layers === 2).flatMap((key) => {
    const [own, other] = [mine[key], papers[key]].map((v) => JSON.stringify(v))
    return own === other ? [] : [`${key} ${own}, not ${other}`]
  })
}

/** The words of the tables for it, one list for each way in which they name it. Keys that are not there are not known. */
export function factsOf(ours: Ours): Facts[] {
  const { name, options: given } = ours.model
  const { options } = buildModel({ name, options: given }).config
  const test = testFacts(ours)
  const [, family, form] = /^(fcrn|gcn|model|frrn|resnet)-(.+)$/.exec(name) ?? []
  if (family === 'fcrn')
    return fcrnFacts(Number(form), options, ours).map((f) => ({ ...test, ...f }))
  if (family === 'frrn')
    return [{ network: 'frrn', variant: frrnVariant(form), ...frrnFacts(ours), ...test }]
  if (family === 'gcn') return [{ ...gcnFacts(form, options, ours), ...test }]
  const crops = cropFacts(ours)
  if (family === 'model') return [{ ...widerFacts(form, options), ...crops, ...test }]
  if (name === 'resnet-50-gcn') return [{ network: 'resnet50-gcn', ...test }]
  if (family === 'resnet')
    return [
      { network: 'resnet', depth: Number(form), ...crops, ...test },
      { network: `resnet${form}`, ...test },
    ]
  return []
}

type Options = ModelConfig['options']

/** Mirrored too is what the last paper always does; elsewhere it goes with several sizes, or is something else. */
function testFacts({ model, test = {} }: Ours): Facts {
  const multiScale = (test.scales?.length ?? 1) > 1
  const usual = multiScale || /^(model|resnet)-/.test(model.name)
  const crf = test.crf !== undefined
  return { multiScale, crf, ...(!usual && { flip: test.flip ?? false }) }
}

/** In the first two papers it is FCRN; in the last, with a 3×3 classifier of dilation 12, a ResNet. */
function fcrnFacts(depth: number, options: Options, { recipe, test = {} }: Ours): Facts[] {
  const { outputStride, kernel, dilation, layers, dropout } = options as Record<string, number>
  const stride = test.shifted ? outputStride / 2 : outputStride
  const loss = recipe?.loss
  const known = { network: 'fcrn', depth, kernel, dilation }
  const strides = {
    outputStride: stride,
    trainOutputStride: outputStride,
    testOutputStride: stride,
  }
  const bootstrap = loss?.name === 'bootstrap' ? (loss.keep ?? null) : null
  const first = { ...known, ...strides, dropout: dropout > 0, ...(loss && { bootstrap }) }
  // Mirrored or not, as that paper's networks.
  const last = { network: 'resnet', depth, classifierConvs: layers, flip: false }
  return [
    ...(layers === 1 ? [first] : []),
    ...(kernel === 3 && dilation === 12 && outputStride === 8 ? [last] : []),
  ]
}

const frrnVariant = (form: string) =>
  form === 'baseline' ? 'A-resnet-baseline' : form.toUpperCase()

/** Cityscapes' 1024 rows divided by those that the network looks at. */
function frrnFacts({ recipe, test = {} }: Ours): Facts {
  const [scale] = test.scales ?? []
  const height = test.resize && 'height' in test.resize ? test.resize.height : recipe?.data?.height
  const subsample = scale !== undefined ? 1 / scale : height !== undefined ? 1024 / height : 1
  return { subsample, pretrained: recipe?.init !== undefined }
}

function gcnFacts(form: string, options: Options, { recipe }: Ours): Facts {
  const backbone = form === '50-gcn' ? 'resnet50-gcn' : `resnet${form}`
  const { block, kernel, boundaryRefinement, channels } = options as Record<string, ConfigValue>
  const stage = /^gcn-\w+-(\d)$/.exec(recipe?.name ?? '')?.[1]
  return {
    ...{ network: 'gcn', backbone, head: block, boundaryRefinement },
    ...(block !== '1x1' && { kernel }),
    ...(block === 'stack' && { width: channels === 'inputs' ? 2048 : channels }),
    ...(stage && { stage: Number(stage) }),
  }
}

const DEPTHS: Readonly<Record<string, number>> = {
  A: 38,
  B: 20,
  C: 42,
  D: 34,
  E: 26,
  F: 34,
  16: 16,
}

/** To segment, maps are halved by convolutions where a row does not say; to classify by pooling. */
function widerFacts(form: string, { head, downsample }: Options): Facts {
  const variant = form.toUpperCase()
  const known = { network: 'wider', variant, depth: DEPTHS[variant] }
  if (head === 'classify')
    return { ...known, ...(downsample !== 'pool' && { downsampling: 'other' }) }
  return {
    ...known,
    downsampling: downsample === 'strided' ? 'conv' : (downsample as string),
    classifierConvs: head === '1conv' ? 1 : 2,
  }
}

/** Sides of the crops of classifiers, in training and in the test. */
function cropFacts({ recipe }: Ours): Facts {
  const train = recipe?.augmentation?.flatMap((s) => (s.name === 'sizedCrop' ? [s.size] : []))[0]
  const test = recipe?.view?.flatMap((s) => (s.name === 'crop' ? [s.size] : []))[0]
  return { ...(train && { trainCrop: train[0] }), ...(test && { testCrop: test[0] }) }
}

/** What of its training keeps a network from being the paper's, in words; empty where nothing is known to. */
export function trainedOtherwise({ recipe }: Ours, steps: number): string[] {
  const file = recipe?.name === undefined ? undefined : recipes.get(recipe.name)
  if (!file || file.source.startsWith('ours')) return ['trained by no recipe of a paper']
  const wanted = file.steps ?? file.rate.reduce((sum, phase) => sum + phase.steps, 0)
  return [
    ...(steps < 0.9 * wanted ? [`trained for ${steps} steps of the recipe's ${wanted}`] : []),
    ...(file.from && recipe?.init === undefined
      ? [`trained from scratch, not from ${file.from}`]
      : []),
  ]
}
