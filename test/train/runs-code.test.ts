// What a run says of the code that made it.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { codeVersion } from '../../train/runs/code-version.ts'
import { test } from '../harness.ts'

test('runs: their code is the commit of the clone it is in, and never a path', async () => {
  const clone = mkdtempSync(join(tmpdir(), 'atrous-test-'))
  mkdirSync(join(clone, 'dist/train'), { recursive: true })
  writeFileSync(join(clone, 'package.json'), '{"name":"atrous","version":"1.2.3"}')
  const version = () => codeVersion(join(clone, 'dist/train'))
  assert.deepEqual(await version(), { version: '1.2.3' })
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], { cwd: clone })
  git('init', '-q')
  git('add', 'package.json')
  git('commit', '-qm', 'one')
  const { commit, ...rest } = await version()
  assert.match(commit!, /^[0-9a-f]{40}$/)
  assert.deepEqual(rest, { version: '1.2.3', dirty: false })
  writeFileSync(join(clone, 'package.json'), '{"name":"atrous","version":"1.2.4"}')
  assert.deepEqual(await version(), { version: '1.2.4', commit, dirty: true })
  assert.deepEqual(await codeVersion(tmpdir()), { version: 'unknown' })
})
