#!/usr/bin/env node
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

// Plain JavaScript that any Node reads: Bursar itself needs Node 26, which the repository brings along.
const own = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url))
const main = new URL('../src/main.ts', import.meta.url)

if (Number.parseInt(process.versions.node, 10) >= 26) {
  await import(main.href)
} else if (existsSync(own)) {
  runWith(own)
} else {
  process.stderr.write(`Bursar needs Node.js 26; this is ${process.versions.node}.\n`)
  process.exitCode = 1
}

/** Runs Bursar in a process of its own and ends as that one does; signals are passed on, so that it still drains its calls. */
function runWith(node) {
  const child = spawn(node, [fileURLToPath(main), ...process.argv.slice(2)], { stdio: 'inherit' })
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
