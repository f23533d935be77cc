// What may be said of a training run on the command line, and what may still be said when it goes on.

import { formatNames } from '../../train/data/formats.ts'
import { helpOption, jsonOption, type Options } from './command.ts'
import { modelOptions, precisionOption } from './model.ts'

/** Ways for a learning rate to fall that need no numbers of their own. */
export const falls = ['constant', 'linear', 'poly', 'cosine'] as const

export const trainOptions: Options = {
  data: {
    value: 'FOLDER',
    help: "a data set's folder, as published or your own (images/, labels/, classes.txt), or 'street' (default): drawn scenes; 'crowd': things of few kinds that touch",
  },
  also: {
    value: 'FOLDER',
    many: true,
    help: "train on these images too: SBD beside VOC, COCO, 'coarse' for the coarse labels of Cityscapes",
  },
  overfit: {
    value: 'N|NAMES',
    help: 'learn a few images by heart and be scored on them: how many of the first ones of training, or their names with commas between',
  },
  format: {
    value: 'NAME',
    help: `layout of the folder, if not told by its files: ${formatNames.join(', ')}`,
  },
  size: {
    value: 'HxW',
    help: 'size that images are brought to; without a recipe 48x64 for street, 96x128 for folders',
  },
  minutes: {
    value: 'N',
    help: 'time for training; without a recipe 1.8 for street, 15 for folders',
  },
  steps: { value: 'N', help: 'number of steps instead; such a run repeats to the bit' },
  batch: { value: 'N', help: 'images in a batch' },
  accumulate: {
    value: 'N',
    help: 'compute a batch in N parts, each in the same memory; without --batch it is N times the usual',
  },
  precision: precisionOption,
  model: { value: 'NAME', help: 'another network, of `atrous models`; without a recipe frrn-a' },
  option: modelOptions.option,
  width: {
    value: 'N',
    help: "channels of its first convolution; without a recipe 8, the papers' is 64",
  },
  base: { value: 'N', help: "the same of FRRN; the paper's is 48" },
  lanes: { value: 'N', help: "channels of FRRN's residual stream; the paper's is 32" },
  init: {
    value: 'FILE',
    help: 'start from these weights: torchvision, timm, mapillary, a checkpoint … (see `atrous weights`); without a recipe the network then has its full width',
  },
  only: { value: 'PATH', help: 'start this part of the network only from them, such as backbone' },
  lr: {
    value: 'RATE',
    help: 'the first learning rate; the others of a recipe follow in proportion',
  },
  schedule: { value: 'NAME', help: `how it falls, over the whole run: ${falls.join(', ')}` },
  keep: {
    value: 'N',
    help: 'how many pixels of an image bootstrapping keeps, or below 1 a share of them; 1 keeps all',
  },
  set: {
    value: 'KEY=VALUE',
    many: true,
    help: 'any value of the recipe, as `atrous recipes NAME` shows them: optimizer.momentum=0.95, augmentation=[]; again for others',
  },
  scale: {
    value: 'SHARE',
    help: 'the recipe in small: widths, sides of images and steps times this, such as 0.25',
  },
  seed: { value: 'N', help: 'of starting values, order and augmentation; default 1' },
  'eval-every': { value: 'STEPS', help: 'steps between validations; else four in a run' },
  checkpoints: { value: 'N', help: 'how many of the last checkpoints to keep; default 1' },
  out: { value: 'FOLDER', help: 'run folder, new or empty; default runs/street-1, -2, …' },
  resume: { value: 'RUN', help: 'go on with a run that was stopped, from its last checkpoint' },
  'watch-nan': { help: 'name the first value that is not finite; slow' },
  json: jsonOption,
  help: helpOption,
}

/** What may change when a run goes on; anything else would make it another run. */
export const resumable = new Set([
  'resume',
  'steps',
  'minutes',
  'eval-every',
  'checkpoints',
  'data',
  'watch-nan',
  'json',
])
