import { readFileSync } from 'node:fs'

/** npm, a shell and Bursar: who started this process, who started that one, and so on. */
const ANCESTORS_MAX = 4
const LOOK_MS = 500

/**
 * Calls `gone` once a launcher of this process has ended, where it was started by one that should take it along: npm, or Bursar's own
 * command on an older Node. After `kill -9` of the launcher nobody else would end this process, which would serve on unseen.
 */
export function watchLaunchers(env: NodeJS.ProcessEnv, gone: () => void): void {
  if (env['npm_lifecycle_event'] === undefined && env['BURSAR_LAUNCHER'] === undefined) return
  const launchers = launchersOf(process.pid)
  const timer = setInterval(() => {
    if (launchers.every(isRunning)) return
    clearInterval(timer)
    gone()
  }, LOOK_MS)
  timer.unref()
}

/** The ids of the processes above, up to the npm that began it; without /proc only the one above. */
function launchersOf(pid: number): readonly number[] {
  const launchers: number[] = []
  for (let id = parentOf(pid); id > 1 && launchers.length < ANCESTORS_MAX; id = parentOf(id)) {
    launchers.push(id)
    if (isNpm(id)) return launchers
  }
  return launchers.slice(0, 1)
}

function parentOf(pid: number): number {
  if (pid === process.pid) return process.ppid
  // The name in parentheses may hold anything (proc(5)).
  return Number(readProc(pid, 'stat').split(') ').at(-1)?.split(' ')[1] ?? 0)
}

function isNpm(pid: number): boolean {
  return /(?:^|[/\0 ])np[mx](?:-cli\.js|-cli)?(?:[\0 ]|$)/.test(readProc(pid, 'cmdline'))
}

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return ''
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
