// Images with a class each, from folders and from tars, as ImageNet, Tiny ImageNet and people's own sets are laid out.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DataError, OptionError } from '../../engine/errors.ts'
import { formatOf, openFiles } from '../../train/data/formats.ts'
import { openImagenet } from '../../train/data/imagenet.ts'
import { test } from '../harness.ts'
import { type Files, folderOf, jpeg, listed, tarOf } from './imagenet-files.ts'

const refused = (
  promise: Promise<unknown>,
  message: RegExp,
  kind: typeof DataError | typeof OptionError = DataError,
) =>
  assert.rejects(promise, (error: Error) => {
    assert.ok(error instanceof kind, `${error}`)
    assert.match(error.message, message)
    return true
  })

const ids = ['n01440764', 'n02123045', 'n15075141']

/** Two images of each class, whose shade tells them apart. */
async function trainFiles(): Promise<Record<string, Uint8Array>> {
  const files: Record<string, Uint8Array> = {}
  for (const [k, id] of ids.entries())
    for (const i of [0, 1]) files[`${id}/${id}_${i}.JPEG`] = await jpeg(80 * k + 20 * i + 10)
  return files
}

const under = (folder: string, files: Files): Files =>
  Object.fromEntries(Object.entries(files).map(([name, content]) => [join(folder, name), content]))

const expected = ids.flatMap((id, k) => [0, 1].map((i) => [id, `${id}_${i}`, 8 * k + 2 * i + 1]))

test('ImageNet: the same examples in the same order from every layout', async () => {
  const files = await trainFiles()
  const backwards = Object.fromEntries(Object.entries(files).reverse())
  const images = Object.fromEntries(
    Object.entries(files).map(([name, content]) => [name.replace('/', '/images/'), content]),
  )
  const flat = Object.fromEntries(
    Object.entries(files).map(([name, content]) => [name.replace(/^.*\//, ''), content]),
  )
  const classTars = Object.fromEntries(
    ids.map((id) => [
      `${id}.tar`,
      tarOf(
        Object.fromEntries(
          Object.entries(flat)
            .filter(([name]) => name.startsWith(id))
            .reverse(),
        ),
      ),
    ]),
  )
  const layouts: Record<string, Files> = {
    'folders of classes': under('train', files),
    'images within these': under('train', images),
    'beside boxes and hidden files': {
      ...under('train', images),
      'train/n01440764/n01440764_boxes.txt': 'a',
      'train/n01440764/images/._n01440764_0.JPEG': 'b',
      'train/.DS_Store': 'c',
      'train/readme.txt': 'd',
    },
    'a folder of its own': under('tiny-imagenet-200/train', images),
    "Kaggle's": under('ILSVRC/Data/CLS-LOC/train', files),
    'a tar': { 'train.tar': tarOf(backwards) },
    'a tar with a folder': { 'train.tar': tarOf(under('tiny-imagenet-200/train', images)) },
    'a tar with ./': {
      'train.tar': tarOf(Object.fromEntries(Object.entries(files).map(([n, c]) => [`./${n}`, c]))),
    },
    'a flat tar': { 'train.tar': tarOf(flat) },
    'the original release': { 'ILSVRC2012_img_train.tar': tarOf(classTars) },
    'a folder of tars': under('train', classTars),
    'a flat folder': under('train', flat),
  }
  for (const [what, layout] of Object.entries(layouts)) {
    const set = await openImagenet(folderOf(layout), { split: 'train' })
    assert.deepEqual(await listed(set), expected, what)
    assert.deepEqual([set.ids, set.labelled, set.size], [ids, 'image', 6])
    await set.check()
  }
})

test('ImageNet: classes are in the order of their ids, whatever order a list has', async () => {
  const root = folderOf({
    ...under('train', await trainFiles()),
    'wnids.txt': [...ids].reverse().join('\n'),
    'words.txt': `n02123045\ttabby, tabby cat\n${ids[0]}\ttench, Tinca tinca\nn00001740\tentity\n`,
  })
  const set = await openImagenet(root, { split: 'train' })
  assert.deepEqual(set.ids, ids)
  assert.deepEqual(
    set.classes.map(({ name }) => name),
    ['tench', 'tabby', 'n15075141'],
  )
  // As Caffe and Kaggle have names; the two cranes are told apart.
  writeFileSync(join(root, 'words.txt'), '')
  const lines = ids.map((id, k) => `${id} ${k ? 'crane' : 'tench, Tinca tinca'}`)
  const other = folderOf({
    ...under('train', await trainFiles()),
    'LOC_synset_mapping.txt': `${lines.join('\n')}\n`,
  })
  assert.deepEqual(
    (await openImagenet(other, { split: 'train' })).classes.map(({ name }) => name),
    ['tench', 'crane (n02123045)', 'crane (n15075141)'],
  )
})

test('ImageNet: the validation split in folders, flat with each kind of list, and in a tar', async () => {
  const pictures = await Promise.all([1, 2, 3, 4].map((i) => jpeg(50 * i)))
  const stems = [1, 2, 3, 4].map((i) => `ILSVRC2012_val_0000000${i}`)
  const truth = [2, 0, 2, 1]
  const flat = Object.fromEntries(stems.map((stem, i) => [`${stem}.JPEG`, pictures[i]]))
  const train = under('train', await trainFiles())
  const want = [1, 3, 0, 2].map((i) => [ids[truth[i]], stems[i], Math.round(5 * (i + 1))])
  const lists: Record<string, string> = {
    'val.txt': stems.map((stem, i) => `${stem}.JPEG ${truth[i]}`).join('\n'),
    'val_annotations.txt': stems
      .map((s, i) => `${s}.JPEG\t${ids[truth[i]]}\t0\t0\t9\t9`)
      .join('\n'),
    'val/val_annotations.txt': stems.map((s, i) => `${s}.JPEG\t${ids[truth[i]]}`).join('\n'),
    'LOC_val_solution.csv': `ImageId,PredictionString\n${stems
      .map((stem, i) => `${stem},${ids[truth[i]]} 1 2 3 4 ${ids[0]} 1 2 3 4 `)
      .join('\n')}\n`,
    'imagenet_2012_validation_synset_labels.txt': truth.map((k) => ids[k]).join('\n'),
  }
  const packed = tarOf(under('x/val/images', flat))
  for (const [file, text] of Object.entries(lists))
    for (const layout of [under('val', flat), under('val/images', flat), { 'val.tar': packed }]) {
      if ('val.tar' in layout && file.startsWith('val/')) continue
      const set = await openImagenet(folderOf({ ...train, ...layout, [file]: text }), {
        split: 'val',
      })
      assert.deepEqual(await listed(set), want, file)
    }
  const folders = Object.fromEntries(
    stems.map((s, i) => [`val/${ids[truth[i]]}/${s}.JPEG`, pictures[i]]),
  )
  for (const layout of [folders, { ...train, ...folders }]) {
    const set = await openImagenet(folderOf(layout), { split: 'val' })
    assert.deepEqual(
      await listed(set),
      want.map(([id, stem, shade]) => [id, `${id}_${stem}`, shade]),
    )
  }
  // A class without validation images keeps its index.
  const { [`val/${ids[0]}/${stems[1]}.JPEG`]: _, ...fewer } = folders
  const set = await openImagenet(folderOf({ ...train, ...fewer }), { split: 'val' })
  assert.deepEqual([set.ids, set.size, set.category(0)], [ids, 3, 1])
})

test('ImageNet: lists that do not fit the images are refused by line', async () => {
  const train = under('train', await trainFiles())
  const val = { 'val/a.JPEG': await jpeg(1), 'val/b.JPEG': await jpeg(2) }
  const open = (lists: Files) =>
    openImagenet(folderOf({ ...train, ...val, ...lists }), { split: 'val' })
  await refused(open({}), /val: has a\.JPEG in no folder of a class.*\n {2}hint: a list is one of/)
  await refused(open({ 'val.txt': 'a.JPEG 0\n' }), /has b\.JPEG, which .*val\.txt does not name/)
  await refused(
    open({ 'val.txt': 'a.JPEG 0\nb.JPEG 3' }),
    /line 2 gives the class 3, which is none/,
  )
  await refused(open({ 'val.txt': 'a.JPEG 0\nb.JPEG n9' }), /line 2 gives the class n9/)
  await refused(open({ 'val.txt': 'a.JPEG 0\n\na.JPEG 1' }), /line 3 names a a second time/)
  await refused(
    open({ 'val.txt': 'a.JPEG 0\nb.JPEG 1\nc.JPEG 1' }),
    /names 3 images and there are 2/,
  )
  await refused(open({ 'val.txt': 'a.JPEG 0\nb.JPEG' }), /line 2 gives no class/)
  await refused(open({ 'val.txt': '1\n2\n' }), /line 1 is a number, which may count from 0 or/)
  await refused(open({ 'val.txt': '\n' }), /val\.txt: is empty/)
  await refused(
    open({ 'ILSVRC2012_validation_ground_truth.txt': '490\n361\n' }),
    /numbers classes as the development kit does/,
  )
  await refused(open({ 'wnids.txt': `${ids[0]}\n${ids[0]}` }), /names n01440764 twice/)
})

test('ImageNet: folders and tars that are no such data set are refused in words', async () => {
  const open = (files: Files, split: 'train' | 'val' = 'train') =>
    openImagenet(folderOf(files), { split })
  const image = await jpeg(9)
  await refused(open({ 'a.txt': '' }), /has no train and no train\.tar\n {2}hint: an ImageNet/)
  await refused(open({ 'train/a/b.txt': '' }), /train: holds no image in a folder of its class/)
  await refused(open({ 'train/a.jpg': image }), /holds no image in a folder of its class/)
  await refused(open({ 'train/a/1.jpg': image, 'train/b.jpg': image }), /has b\.jpg in no folder/)
  await refused(
    open({ 'train/a/abbey/1.jpg': image, 'train/b/bar/1.jpg': image }),
    /train\/a: holds no image but the folder abbey/,
  )
  await refused(open({ 'train.tar.gz': image }), /train\.tar\.gz: is compressed by gzip\n {2}hint/)
  await refused(open({ 'train.tar': tarOf({ 'a/1.txt': '' }) }), /train\.tar: holds no image/)
  await refused(
    open({ 'wnids.txt': ids[0], 'train/n01440764/a.jpg': image, 'train/n02123045/a.jpg': image }),
    /n02123045: is no class: it is none of the 1 that a list names/,
  )
  const root = folderOf({
    'train/a/1.jpg': image,
    'train/a/2.jpg': 'no image',
    'train/b/1.jpg': '',
  })
  const set = await openImagenet(root, { split: 'train' })
  await refused(set.get(1), /train\/a\/2\.jpg: cannot be decoded/)
  await refused(set.get(2), /train\/b\/1\.jpg: cannot be decoded/)
  await refused(set.get(3), /there is no example 3 of 3/, OptionError)
  await refused(openImagenet(root, { split: 'train', height: 4 }), /together/, OptionError)
  const packed = folderOf({ 'train.tar': tarOf({ 'a/1.jpg': image, 'a/2.jpg': 'no image' }) })
  const tarred = await openImagenet(packed, { split: 'train' })
  await refused(tarred.get(1), /train\.tar: a\/2\.jpg: cannot be decoded/)
})

test('ImageNet: what is laid out so is recognised, and nothing else', async () => {
  const image = await jpeg(1)
  const of = (files: Files) => formatOf(folderOf(files))
  assert.equal(await of({ 'train/cats/1.jpg': image, 'train/dogs/1.jpg': image }), 'imagenet')
  assert.equal(await of({ 'train.tar': '' }), 'imagenet')
  assert.equal(await of({ 'ILSVRC2012_img_val.tar': '' }), 'imagenet')
  assert.equal(await of({ 'wnids.txt': '', 'train/a/1.jpg': image }), 'imagenet')
  assert.equal(await of({ 'train/n01440764/1.jpg': image, 'val.txt': '' }), 'imagenet')
  await refused(
    of({ 'train/images/1.jpg': image, 'train/labels/1.png': image }),
    /laid out as none/,
  )
  await refused(of({ 'train/one/1.jpg': image }), /laid out as none/)
  await refused(of({ 'train/a/b/1.jpg': image, 'train/c/1.jpg': image }), /laid out as none/)
  await refused(of({ 'train/a/1.txt': '', 'train/b/1.txt': '' }), /laid out as none/)
  // Names of one's own: each example has its own.
  const root = folderOf({ 'train/cats/1.jpg': image, 'train/dogs/1.jpg': image })
  const set = await openFiles('imagenet', root, 'train')
  assert.deepEqual([(await set.get(0)).name, (await set.get(1)).name], ['cats_1', 'dogs_1'])
})
