// Members of tar files, found by their headers alone.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { DataError } from '../../engine/errors.ts'
import { OpenFiles } from '../../train/data/open-files.ts'
import { scanTar, type TarMember } from '../../train/data/tar.ts'
import { Random } from '../../train/random.ts'
import { needShared, test } from '../harness.ts'
import { pax, type TarPart, tarFile, tarPart } from './tar-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'atrous-tar-'))
let count = 0

function written(bytes: Uint8Array): string {
  const file = join(folder, `${count++}.tar`)
  writeFileSync(file, bytes)
  return file
}

async function members(file: string, within?: TarMember): Promise<TarMember[]> {
  const all: TarMember[] = []
  await scanTar(file, (member) => all.push(member), within)
  return all
}

async function contents(...parts: (TarPart | Buffer)[]): Promise<[string, string][]> {
  const bytes = tarFile(...parts)
  const all = await members(written(bytes))
  return all.map(({ name, offset, size }) => [name, bytes.toString('utf8', offset, offset + size)])
}

const refused = (bytes: Uint8Array, message: RegExp) =>
  assert.rejects(members(written(bytes)), (error: Error) => {
    assert.ok(error instanceof DataError, `${error}`)
    assert.match(error.message, message)
    return true
  })

test('tar: files by name, offset and size, whatever lies between', async () => {
  const long = `${'deep/'.repeat(40)}é.txt`
  assert.deepEqual(
    await contents(
      { name: 'a/', type: '5' },
      { name: 'a/empty' },
      { name: 'a/one', content: '1' },
      { name: 'a/block', content: 'b'.repeat(512) },
      { name: 'b'.repeat(100), content: 'name of 100' },
      { name: 'leaf', prefix: 'p'.repeat(155), content: 'prefix' },
      { name: '././@LongLink', type: 'L', content: `${long}\0` },
      { name: long.slice(0, 100), content: 'GNU' },
      pax({ path: long, mtime: '1.5', size: '3' }),
      { name: 'short', content: 'pax' },
      { name: 'pax_global_header', type: 'g', content: '19 comment=whatever\n' },
      { name: 'old', type: '\0', content: 'seventh edition' },
      { name: 'old/', type: '\0' },
      { name: 'binary', content: 'xyz', size: Buffer.from('800000000000000000000003', 'hex') },
    ),
    [
      ['a/empty', ''],
      ['a/one', '1'],
      ['a/block', 'b'.repeat(512)],
      ['b'.repeat(100), 'name of 100'],
      [`${'p'.repeat(155)}/leaf`, 'prefix'],
      [long, 'GNU'],
      [long, 'pax'],
      ['old', 'seventh edition'],
      ['binary', 'xyz'],
    ],
  )
})

test('tar: contents larger and smaller than what is read at a time', async () => {
  const random = new Random(3)
  const parts = Array.from({ length: 300 }, (_, i) => ({
    name: `${i}`,
    content: new Uint8Array(Math.floor(random.uniform() ** 6 * 600_000)).fill(i),
  }))
  const bytes = tarFile(...parts)
  const found = await members(written(bytes))
  assert.equal(found.length, 300)
  found.forEach(({ name, offset, size }, i) => {
    assert.equal(name, `${i}`)
    assert.ok(parts[i].content.every((v, k) => bytes[offset + k] === v))
    assert.equal(size, parts[i].content.length)
  })
})

test('tar: a tar within a tar', async () => {
  const inner = tarFile({ name: 'x.txt', content: 'inner' })
  const bytes = tarFile({ name: 'before', content: 'b' }, { name: 'class.tar', content: inner })
  const file = written(bytes)
  const [, nested] = await members(file)
  const [x] = await members(file, nested)
  assert.equal(x.name, 'x.txt')
  assert.equal(bytes.toString('utf8', x.offset, x.offset + x.size), 'inner')
  const cut = tarFile({ name: 'class.tar', content: inner.subarray(0, 514) })
  const broken = written(cut)
  const [member] = await members(broken)
  await assert.rejects(members(broken, member), /class\.tar: ends in the middle of x\.txt/)
})

test('tar: what cannot be read by its place is refused in words', async () => {
  const whole = tarFile(
    { name: 'a.jpg', content: 'a'.repeat(700) },
    { name: 'b.jpg', content: 'b' },
  )
  await refused(gzipSync(whole), /is compressed by gzip\n {2}hint: .*gzip -d/)
  await refused(Buffer.from(`BZh9${' '.repeat(600)}`), /is compressed by bzip2/)
  await refused(Buffer.from(`fd377a585a00${'00'.repeat(600)}`, 'hex'), /is compressed by xz/)
  await refused(Buffer.from(`28b52ffd${'01'.repeat(600)}`, 'hex'), /is compressed by zstd/)
  await refused(Buffer.from('no tar '.repeat(100)), /is no tar file/)
  await refused(Buffer.alloc(0), /is empty/)
  await refused(Buffer.from('short'), /cut off/)
  await refused(whole.subarray(0, 900), /ends in the middle of a\.jpg/)
  await refused(whole.subarray(0, 1800), /cut off/)
  await refused(whole.subarray(0, 2560), /cut off/)
  await refused(whole.subarray(0, 3072), /cut off/)
  await refused(Buffer.concat([whole, whole]), /goes on after its end at byte 2560/)
  const damaged = Buffer.from(whole)
  damaged[1536 + 20] ^= 1
  await refused(damaged, /has no header at byte 1536/)
  await refused(tarFile({ name: 'a.jpg', type: '2' }), /holds a\.jpg as a symbolic link/)
  await refused(tarFile({ name: 'a.jpg', type: '1' }), /holds a\.jpg as a link to another member/)
  await refused(tarFile({ name: 'a.jpg', type: 'S' }), /holds a\.jpg as a sparse file/)
  await refused(tarFile({ name: 'a.jpg', type: 'M' }), /of another volume/)
  await refused(
    tarFile(pax({ 'GNU.sparse.major': '1' }), { name: 'a.jpg' }),
    /holds a sparse file\n {2}hint: .*--format=ustar/,
  )
  for (const content of [
    '9 path',
    '99 path=a\n',
    'path=a\n',
    '-9 path=a\n',
    '11 size=-1\n',
    '0 a=b\n',
  ])
    await refused(tarFile({ name: 'x', type: 'x', content }), /damaged extended header/)
  await refused(tarFile({ name: 'a', size: Buffer.from('not octal\0\0\0') }), /no size for a/)
  await refused(tarFile({ name: 'a', size: Buffer.from('ff'.repeat(12), 'hex') }), /no size for a/)
  await refused(
    tarFile({ name: 'a', size: Buffer.from(`80${'ff'.repeat(11)}`, 'hex') }),
    /no size for a/,
  )
  await assert.rejects(members(join(folder, 'none.tar')), /none\.tar: cannot be opened: does not/)
})

test('tar: a file cut off or changed anywhere is refused or read as before, never worse', async () => {
  const whole = tarFile(
    { name: 'a.jpg', content: 'a'.repeat(700) },
    { name: 'b.jpg', content: 'b' },
  )
  const random = new Random(8)
  for (let trial = 0; trial < 200; trial++) {
    const bytes = Buffer.from(whole)
    bytes[Math.floor(random.uniform() * bytes.length)] ^= 1 << Math.floor(random.uniform() * 8)
    const cut = bytes.subarray(0, Math.floor(random.uniform() * 1.2 * bytes.length))
    await members(written(cut)).then(
      (found) => assert.equal(found.length, 2),
      (error) => assert.ok(error instanceof DataError, `${error}`),
    )
  }
})

test('tar: the real sample, by its headers and by its bytes', async () => {
  const root = needShared('data/tiny-imagenet-subset')
  const [train, val] = await Promise.all(
    ['train.tar', 'val.tar'].map((file) => members(join(root, file))),
  )
  assert.deepEqual([train.length, val.length], [8000, 1000])
  assert.equal(train[0].name, 'tiny-imagenet-200/train/n01443537/images/n01443537_0.JPEG')
  const bytes = readFileSync(join(root, 'val.tar'))
  for (const { offset, size } of val) {
    assert.equal(bytes.readUInt16BE(offset), 0xffd8)
    assert.equal(bytes.readUInt16BE(offset + size - 2), 0xffd9)
  }
})

test('tar: few files are open at a time, and none after a while', async () => {
  const files = new OpenFiles(3)
  const paths = Array.from({ length: 10 }, (_, i) =>
    written(tarPart({ name: `${i}`, content: `${i}` })),
  )
  const most: number[] = []
  const read = async (i: number) => {
    const bytes = await files.read(paths[i % 10], 512, 1)
    most.push(files.count)
    assert.equal(Buffer.from(bytes).toString(), `${i % 10}`)
  }
  await Promise.all(Array.from({ length: 100 }, (_, i) => read(i)))
  assert.equal(Math.max(...most), 3)
  await assert.rejects(files.read(paths[0], 1000, 100), /ends at byte 1024, within/)
  truncateSync(paths[1], 100)
  await assert.rejects(files.read(paths[1], 512, 1), /ends at byte 512/)
  rmSync(paths[2])
  await new Promise((resolve) => setTimeout(resolve, 1300))
  assert.equal(files.count, 0)
  await assert.rejects(files.read(paths[2], 0, 1), /cannot be read: does not exist/)
})
