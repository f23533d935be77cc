#!/usr/bin/env node
// The command line as a program: its commands on the process's arguments, streams and exit code.

import { execute } from './commands.ts'

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // Whoever read the output (head, less) has gone; there is nobody left to tell.
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

// Nobody watches the progress any more; the work itself goes on.
process.stderr.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

process.exitCode = await execute(process.argv.slice(2))
