// What befalls a run folder: a full disk, a process that is killed, two processes at once, and runs of older versions.

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { CheckpointInfo } from '../../train/checkpoint/checkpoint.ts'
import { keptCheckpoints, readCheckpoint, writeCheckpoint } from '../../train/checkpoint/files.ts'
import { createRun, type RunFolder } from '../../train/runs/folder.ts'
import { holderOf, holdRun } from '../../train/runs/lock.ts'
import { writeSafetensors } from '../../train/weights/safetensors.ts'
import { skip, test } from '../harness.ts'

const here = dirname(fileURLToPath(import.meta.url))

async function newRun(): Promise<RunFolder> {
  const run = await createRun('a', { root: mkdtempSync(join(tmpdir(), 'atrous-test-')) })
  await run.writeConfig({ seed: 1 })
  return run
}

test('runs: a folder is made with its parents, and one that cannot be is refused at once', async () => {
  const root = mkdtempSync(join(tmpdir(), 'atrous-test-'))
  const run = await createRun('a', { out: join(root, 'x', 'y', 'z') })
  assert.ok(existsSync(run.folder))
  writeFileSync(join(root, 'file'), '')
  const below = (path: string) => createRun('a', { out: path })
  await assert.rejects(below(join(root, 'file')), /cannot be made: exists and is not a folder/)
  await assert.rejects(
    below(join(root, 'file', 'x')),
    /cannot be made: a part of the path is a file/,
  )
  if (process.platform !== 'linux') skip('there is no /proc')
  await assert.rejects(below('/proc/atrous/run'), /cannot be made: no folder can be made there/)
})

test('runs: where the disk is full the metrics stay whole lines and the old checkpoint stays', async () => {
  if (process.platform === 'win32') skip('file sizes cannot be limited here')
  const run = await newRun()
  await run.write('checkpoint.safetensors', 'the old one')
  // The signal would end the process before it sees the error.
  const limited = `trap '' XFSZ; ulimit -f 8; exec "$0" "$@"`
  const child = join(here, 'full-disk-child.js')
  const { stdout, stderr } = spawnSync(
    'bash',
    ['-c', limited, process.execPath, child, run.folder],
    { encoding: 'utf8' },
  )
  assert.ok(stdout, stderr)
  const said = JSON.parse(stdout)
  assert.match(said.metrics, /metrics.jsonl: cannot be written: .*\n {2}hint: make room/)
  assert.match(
    said.checkpoint,
    /checkpoint.safetensors: cannot be written: .*\n {2}hint: make room/,
  )
  assert.equal(readFileSync(run.path('checkpoint.safetensors'), 'utf8'), 'the old one')
  const text = readFileSync(run.path('metrics.jsonl'), 'utf8')
  assert.ok(text.endsWith('}\n'))
  const steps = (await run.readMetrics()).map(({ step }) => step)
  assert.ok(steps.length > 100, `${steps.length}`)
  assert.deepEqual(
    steps,
    steps.map((_, i) => i + 1),
  )
  assert.deepEqual(
    readdirSync(run.folder).filter((name) => name.endsWith('.tmp')),
    [],
  )
})

test('runs: one process at a time; it is named, and what it leaves when killed is cleared away', async () => {
  const run = await newRun()
  const held = await run.hold()
  assert.equal(holderOf(run.folder)?.pid, process.pid)
  await assert.rejects(run.hold(), /is in use: process \d+ works on it\n {2}hint: /)
  held[Symbol.dispose]()
  assert.equal(holderOf(run.folder), undefined)
  assert.ok(!existsSync(run.path('lock')))

  const other = `
    import { holdRun } from ${JSON.stringify(new URL('../../train/runs/lock.js', import.meta.url).href)}
    holdRun(${JSON.stringify(run.folder)})
    console.log('held')
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', other])
  await once(child.stdout, 'data')
  await assert.rejects(run.hold(), new RegExp(`process ${child.pid} works on it`))
  child.kill('SIGKILL')
  await once(child, 'exit')
  assert.ok(existsSync(run.path('lock')))
  mkdirSync(run.path('samples'))
  const halves = ['x.safetensors', 'samples/step-000010.png'].map((name) =>
    run.path(`${name}.01234567-89ab-cdef-0123-456789abcdef.tmp`),
  )
  for (const half of halves) writeFileSync(half, 'half')
  writeFileSync(run.path('mine.tmp'), 'not ours to remove')
  ;(await run.hold())[Symbol.dispose]()
  assert.deepEqual(halves.filter(existsSync), [])
  assert.ok(existsSync(run.path('mine.tmp')))
})

test("runs: a lock is stale when another process has its holder's number, and never on another machine", async () => {
  const run = await newRun()
  const lock = (holder: object | string) =>
    writeFileSync(run.path('lock'), typeof holder === 'string' ? holder : JSON.stringify(holder))
  lock({ pid: process.pid, host: hostname(), begun: '1' })
  holdRun(run.folder)[Symbol.dispose]()
  lock('{"pid":')
  holdRun(run.folder)[Symbol.dispose]()
  lock({ pid: 1, host: 'another' })
  assert.throws(
    () => holdRun(run.folder),
    /is in use: process 1 of another works on it\n {2}hint: .*remove .*lock/,
  )
})

/** A checkpoint that says where it is; it holds no tensors. */
function checkpoint(step: number): { bytes: Uint8Array; info: CheckpointInfo } {
  const info: CheckpointInfo = {
    format: 1,
    progress: { step, seconds: 0 },
    model: { name: 'none', options: {} },
    classes: [],
    size: undefined,
    recipe: {},
    device: '',
  }
  return { bytes: writeSafetensors([], { atrous: JSON.stringify(info) }), info }
}

test('checkpoints: the last ones are kept under their steps, as many as asked for, on the disk once', async () => {
  const run = await newRun()
  for (const step of [5, 10, 15, 20])
    await writeCheckpoint(run, 'last', checkpoint(step), { keep: 2 })
  await writeCheckpoint(run, 'best', checkpoint(10), { keep: 2 })
  assert.deepEqual(await keptCheckpoints(run), [15, 20])
  assert.deepEqual(readdirSync(run.folder).sort(), [
    'checkpoint-000015.safetensors',
    'checkpoint-000020.safetensors',
    'checkpoint-best.json',
    'checkpoint-best.safetensors',
    'checkpoint.json',
    'checkpoint.safetensors',
    'config.json',
  ])
  const stepOf = async (file: string, which: 'last' | 'best' = 'last') =>
    (await readCheckpoint(run.path(file), which)).info.progress.step
  assert.equal(await stepOf('.'), 20)
  assert.equal(await stepOf('.', 'best'), 10)
  assert.equal(await stepOf('checkpoint-000015.safetensors'), 15)
  if (process.platform !== 'win32') {
    const inode = (name: string) => statSync(run.path(name)).ino
    assert.equal(inode('checkpoint.safetensors'), inode('checkpoint-000020.safetensors'))
  }
  // A later one that keeps none under its step replaces the last, and not the kept one's bytes.
  await writeCheckpoint(run, 'last', checkpoint(25))
  assert.equal(await stepOf('checkpoint-000020.safetensors'), 20)
  assert.equal(await stepOf('.'), 25)
  await assert.rejects(writeCheckpoint(run, 'last', checkpoint(1), { keep: 0 }), /0 checkpoints/)
})
