// Readers of data sets in files.

export { type Ade20kOptions, ade20kIds, openAde20k } from './ade20k.ts'
export { CAMVID_CLASSES, type CamvidOptions, openCamvid } from './camvid.ts'
export {
  type CityscapesOptions,
  cityscapesIds,
  openCityscapes,
  writeCityscapesResult,
} from './cityscapes.ts'
export {
  CITYSCAPES_CATEGORIES,
  CITYSCAPES_CLASSES,
  CITYSCAPES_OBJECT_SIZES,
  type CityscapesClass,
} from './cityscapes-classes.ts'
export {
  type ClassifiedPreflight,
  type ClassifiedPreflightOptions,
  classifiedPreflightText,
  preflightImages,
} from './classification-preflight.ts'
export { type CocoOptions, openCoco } from './coco.ts'
export { CONTEXT_CLASSES, type ContextOptions, openContext } from './context.ts'
export { type FolderOptions, openFolder } from './folder.ts'
export { type FormatName, formatNames, formatOf, openFiles } from './formats.ts'
export { type ImagenetDataset, type ImagenetOptions, openImagenet } from './imagenet.ts'
export type { CheckedDataset, ExampleOptions, FileDataset, Pair } from './pairs.ts'
export {
  type ClassPresence,
  type Preflight,
  type PreflightOptions,
  preflight,
  preflightText,
} from './preflight.ts'
export { type PreflightForOptions, preflightFor, refuseProblems } from './preflight-cache.ts'
export { openSbd, openVocAugmented, readSbdCategories, type SbdOptions } from './sbd.ts'
export { scanTar, type TarMember } from './tar.ts'
export { openVoc, VOC_CLASSES, type VocOptions } from './voc.ts'
