#!/usr/bin/env node
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import module from 'node:module'
import { fileURLToPath } from 'node:url'

// Plain JavaScript that any Node reads: Bursar itself needs Node 26, which the repository brings along.
const own = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url))
const main = new URL('../src/main.ts', import.meta.url)

/**
 * Room for the young objects of some thousand calls. By V8's default it shrinks whenever calls pause, and the calls in flight are then
 * copied from one place to the next (docs/operations.md has what that costs).
 */
const SERVER_OPTIONS = ['--min-semi-space-size=32', '--max-semi-space-size=32']

/**
 * What Node makes of the sources, TypeScript without its types among it, is kept from start to start: a start takes half of the CPU
 * time then, and 50 MB less. Worker threads and the server's own process read the variable.
 */
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('../node_modules/.cache/bursar', import.meta.url))

const args = process.argv.slice(2)
const isOwnChoice = [...process.execArgv, process.env.NODE_OPTIONS ?? ''].some((option) => option.includes('semi-space-size'))
const options = args.includes('serve') && !isOwnChoice ? SERVER_OPTIONS : []

if (Number.parseInt(process.versions.node, 10) >= 26) {
  if (options.length > 0) startAgain()
  module.enableCompileCache(process.env.NODE_COMPILE_CACHE)
  await import(main.href)
} else if (existsSync(own)) {
  runWith(own)
} else {
  process.stderr.write(`Bursar needs Node.js 26; this is ${process.versions.node}.\n`)
  process.exitCode = 1
}

/** As the same process, with the options. Returns where the system can't do that, and then Bursar runs without them. */
function startAgain() {
  try {
    process.execve(process.execPath, [process.execPath, ...process.execArgv, ...options, fileURLToPath(import.meta.url), ...args])
  } catch {
    // They make it faster, and nothing else.
  }
}

/** Runs Bursar in a process of its own and ends as that one does; signals are passed on, so that it still drains its calls. */
function runWith(node) {
  const env = { ...process.env, BURSAR_LAUNCHER: String(process.pid) }
  const child = spawn(node, [...options, fileURLToPath(main), ...args], { stdio: 'inherit', env })
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(name, () => {
      // A terminal's Ctrl-C reaches both, and a second one would end the draining at once.
      if (name !== 'SIGINT' || process.stdin.isTTY !== true) child.kill(name)
    })
  }
  child.on('exit', (code, signal) => {
    if (signal === null) {
      process.exitCode = code
      return
    }
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}
