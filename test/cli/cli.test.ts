// The command line as a person meets it: what it says and its exit code; as a program where signals and its end are tested.

import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { writePng } from '../../train/pictures/images.ts'
import { writeSafetensors } from '../../train/weights/safetensors.ts'
import { png } from '../data/png.ts'
import { testDevice } from '../device.ts'
import { skip, test } from '../harness.ts'
import { atrous, type Ended, ran, refused, scratch } from './cli.ts'

test('cli: help, of all and of each command, with examples', async () => {
  const commands = ['start', 'train', 'eval', 'predict', 'doctor', 'models', 'summary', 'explain']
  const { code, out } = await atrous(['--help'])
  assert.equal(code, 0)
  for (const name of commands) assert.match(out, new RegExp(`^ {2}${name} `, 'm'))
  const [, rows] = /\ncommands:\n([\s\S]*?)\n\n/.exec(out)!
  const columns = rows.split('\n').map((row) => /^ {2}\S+( COMMAND)? +/.exec(row)![0].length)
  assert.equal(new Set(columns).size, 1, rows)
  const helps = await Promise.all(commands.map((name) => ran([name, '--help'])))
  helps.forEach((help, i) => {
    assert.equal(help.code, 0)
    assert.match(help.out, new RegExp(`usage: atrous ${commands[i]} `))
    assert.match(help.out, /examples:\n {2}\S/)
    assert.match(help.out, /--json/)
  })
  assert.equal((await ran(['help', 'eval'])).out, helps[2].out)
  assert.match((await ran(['--version'])).out, /^\d+\.\d+\.\d+\n$/)
})

test('cli: unknown commands, options and values are refused with the nearest one', async () => {
  await Promise.all([
    refused(['trian'], /there is no command 'trian'\n {2}hint: did you mean train\?/),
    refused(
      ['train', '--bacth', '3'],
      /train has no option --bacth\n {2}hint: did you mean --batch\?/,
    ),
    refused(['train', '--steps'], /--steps needs a value: --steps N/),
    refused(['train', '--size', '90000x90000'], /scenes of 90000×90000 are too large to draw/),
    refused(['train', '--steps', '2.5'], /--steps cannot be '2.5'\n {2}hint: give a whole number/),
    refused(['train', '--steps', '2', '--minutes', '1'], /exclude each other/),
    refused(['train', '--size', '96'], /--size cannot be '96'\n {2}hint: .*96x128/),
    refused(['train', '--model', 'frnr-a'], /there is no model 'frnr-a'\n.*did you mean frrn-a/),
    refused(['train', 'camvid'], /there is no recipe camvid/),
    refused(['train', 'street', 'camvid'], /'camvid' is one argument too many/),
    refused(['eval'], /RUN or CHECKPOINT is missing/),
    refused(['predict', 'run', 'a.jpg'], /--out is missing/),
    refused(['explain', 'resnet'], /there is no model 'resnet'/),
  ])
})

test('cli: a shape that does not fit is refused with the op and the sizes that would', async () => {
  await refused(
    ['explain', 'frrn-a', '--base', '2', '--lanes', '2', '--input', '1x90x120'],
    /^error: frrn-a: .*multiples of 16; got f32\[1,90,120,3\]\n {2}hint: pad it to 96 x 128 by reflection/,
  )
})

test('cli: explain prints figures as text and JSON, without a device', async () => {
  const args = ['explain', 'frrn-a', '--base', '2', '--lanes', '2', '--input', '1x32x32']
  const text = await ran([...args, '--train'])
  assert.equal(text.code, 0, text.err)
  assert.match(text.out, /training step of \[1,32,32,3\]\n[\d,]+ parameters\n/)
  const json = JSON.parse((await ran([...args, '--json'])).out)
  assert.deepEqual(json.input, [1, 32, 32, 3])
  assert.ok(json.macs > 0 && json.activationBytes > 0)
  assert.match((await ran([...args, '--stage', 'fused'])).out, /^%0 .*\n/)
})

/** A CamVid folder of one image a split, 16×24. */
async function camvid(): Promise<string> {
  const root = scratch()
  for (const split of ['train', 'val', 'test']) {
    mkdirSync(join(root, `${split}annot`), { recursive: true })
    const data = Uint8Array.from({ length: 16 * 24 * 3 }, (_, i) => (i * 7) % 256)
    await writePng(join(root, split, 'a.png'), { data, height: 16, width: 24 })
    const labels = Array.from({ length: 16 * 24 }, (_, i) => i % 12)
    writeFileSync(join(root, `${split}annot/a.png`), png(labels, 16, 24, 8, 0))
    writeFileSync(join(root, `${split}.txt`), `${split}/a.png ${split}annot/a.png\n`)
  }
  return root
}

test('cli: faults in the data are named before anything is written', async () => {
  const faults: [change: (root: string) => void, message: RegExp][] = [
    [
      (root) => writeFileSync(join(root, 'val.txt'), 'val/a.png valannot/b.png\n'),
      /valannot\/b.png: is the label of .*val\/a.png, but does not exist/,
    ],
    [
      (root) =>
        writeFileSync(join(root, 'trainannot/a.png'), png(new Array(64).fill(0), 8, 8, 8, 0)),
      /trainannot\/a.png: is 8×8 but its image .* is 24×16/,
    ],
    [
      (root) =>
        writeFileSync(join(root, 'testannot/a.png'), png(new Array(384).fill(37), 16, 24, 8, 0)),
      /testannot\/a.png: has label 37 at row 0, column 0/,
    ],
    [(root) => truncateSync(join(root, 'val/a.png'), 300), /val\/a.png: cannot be decoded/],
    [(root) => truncateSync(join(root, 'trainannot/a.png'), 80), /trainannot\/a.png: /],
    [(root) => writeFileSync(join(root, 'train.txt'), ''), /train.txt: lists no image/],
  ]
  await Promise.all(
    faults.map(async ([change, message]) => {
      const root = await camvid()
      const cwd = scratch()
      change(root)
      await refused(['train', '--data', root, '--size', '16x24', '--batch', '1'], message, cwd)
      assert.deepEqual(readdirSync(cwd), [])
    }),
  )
  await refused(['start', '--data', '/no/such/folder'], /\/no\/such\/folder: .*does not exist/)
  await refused(['train', '--data', await camvid(), '--batch', '2'], /a batch of 2 is larger than/)
})

test('cli: an output that cannot be written is refused', async () => {
  const folder = scratch()
  writeFileSync(join(folder, 'file'), '')
  await refused(['train', '--out', join(folder, 'file/run')], /file\/run: cannot be made/)
  await refused(['train', '--out', folder], /is not empty/)
})

test('cli: an output where this user may not write is refused', async () => {
  if (process.getuid?.() === 0) skip('root may write anywhere')
  const folder = scratch()
  chmodSync(folder, 0o500)
  await refused(['train', '--out', join(folder, 'run')], /run: cannot be made: permission denied/)
})

test('cli: what is no checkpoint of this program is refused by name', async () => {
  const folder = scratch()
  const file = join(folder, 'x.safetensors')
  writeFileSync(file, writeSafetensors([]))
  writeFileSync(join(folder, 'cut.safetensors'), new Uint8Array(5))
  await Promise.all([
    refused(
      ['eval', join(folder, 'none')],
      /none: the checkpoint cannot be opened: does not exist/,
    ),
    refused(['eval', file], /x.safetensors: is a safetensors file, but no checkpoint of atrous/),
    refused(
      ['predict', join(folder, 'cut.safetensors'), 'a.jpg', '--out', 'm'],
      /is truncated: 5 bytes/,
    ),
    refused(['train', '--resume', folder], /is not a run: it holds no config.json/),
  ])
})

/** A run on tiny scenes that Ctrl-C stopped in its first steps. */
async function stoppedRun(cwd: string, times = 1): Promise<Ended> {
  const few = ['--set', 'data.val=4', '--set', 'data.test=4']
  const args = [
    'train',
    ...few,
    '--size',
    '16x16',
    '--base',
    '2',
    '--lanes',
    '2',
    '--steps',
    '100000',
  ]
  let sent = 0
  return atrous([...args, '--out', 'a run'], cwd, (text, child) => {
    if (sent === 0 && text.includes('ready in')) sent = Number(child.kill('SIGINT'))
    if (times === 2 && sent === 1 && text.includes('stopping')) {
      sent = 2
      child.kill('SIGINT')
    }
  })
}

test(
  'cli: Ctrl-C leaves a run that goes on; eval and predict read it; other models are refused',
  async () => {
    await testDevice()
    const cwd = scratch()
    const stopped = await stoppedRun(cwd)
    assert.equal(stopped.code, 130, stopped.err)
    assert.match(stopped.out, /^to go on: .*--resume 'a run'\n$/)
    const step = Number(/stopped after step (\d+)/.exec(stopped.err)?.[1])
    assert.ok(existsSync(join(cwd, 'a run/checkpoint.safetensors')))

    await refused(['train', '--resume', 'a run', '--lr', '1'], /--lr cannot change/, cwd)
    const more = ['train', '--resume', 'a run', '--steps', String(step + 3), '--json']
    const resumed = await ran(more, cwd)
    assert.equal(resumed.code, 0, resumed.err)
    const result = JSON.parse(resumed.out)
    assert.equal(result.images, 4)
    const files = readdirSync(join(cwd, 'a run'))
    for (const name of [
      'checkpoint-best.safetensors',
      'config.json',
      'loss.svg',
      'overlays.png',
      'scores.json',
    ])
      assert.ok(files.includes(name), `${name} in ${files}`)
    const steps = readFileSync(join(cwd, 'a run/metrics.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
      .filter(({ loss }) => loss !== undefined)
      .map((record) => record.step)
    assert.deepEqual(
      steps,
      Array.from({ length: step + 3 }, (_, i) => i + 1),
    )

    const none = [...more.slice(0, -2), String(step + 9), '--checkpoints', '0']
    await refused(none, /--checkpoints cannot be '0'/, cwd)
    assert.equal(JSON.parse(readFileSync(join(cwd, 'a run/state.json'), 'utf8')).state, 'finished')
    await refused(['train', '--resume', 'a run'], /run has done its \d+ steps\n.*--steps \d/, cwd)

    const scored = await ran(['eval', 'a run', '--json'], cwd)
    assert.equal(scored.code, 0, scored.err)
    assert.deepEqual(JSON.parse(scored.out).scores, result.scores)

    const picture = join(cwd, 'photo.png')
    await writePng(picture, { data: new Uint8Array(30 * 50 * 3).fill(90), height: 30, width: 50 })
    const predicted = await ran(['predict', 'a run', picture, '--out', 'masks'], cwd)
    assert.equal(predicted.code, 0, predicted.err)
    assert.deepEqual(readdirSync(join(cwd, 'masks')).sort(), ['photo-overlay.png', 'photo.png'])
    truncateSync(picture, 60)
    const damaged = ['predict', 'a run', 'a run/overlays.png', picture, '--out', 'more']
    await refused(damaged, /photo.png: cannot be decoded/, cwd)
    assert.ok(!existsSync(join(cwd, 'more')))

    await refused(
      ['eval', 'a run', '--data', await camvid()],
      /knows the classes sky, .* has Sky, /,
      cwd,
    )
    const file = join(cwd, 'a run/checkpoint.safetensors')
    const text = readFileSync(file, 'latin1').replaceAll('\\"base\\":2', '\\"base\\":4')
    writeFileSync(join(cwd, 'other.safetensors'), text, 'latin1')
    await refused(
      ['eval', 'other.safetensors'],
      /other.safetensors: does not fit the model: .*of another shape/,
      cwd,
    )
  },
  { timeout: 300 },
)

test('cli: a second Ctrl-C ends at once', async () => {
  await testDevice()
  const { code, out } = await stoppedRun(scratch(), 2)
  assert.equal(code, 130)
  assert.ok(!out.includes('Error'))
})

test('cli: doctor finds the adapter, tests the kernels, and says so as JSON', async () => {
  await testDevice()
  const { code, out, err } = await ran(['doctor', '--json'])
  assert.equal(code, 0, out + err)
  const found = JSON.parse(out)
  assert.deepEqual(found.problems, [])
  assert.ok(found.adapters.some(({ status }: { status: string }) => status === 'used'))
  assert.ok(found.checks.length > 5 && found.speed.gflops > 0)
})
