import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Whether this machine lets a test have a disk of its own. */
export function canMount(): boolean {
  if (process.getuid?.() !== 0) return false
  try {
    const disk = mountSmallDisk('1m')
    disk.unmount()
    return true
  } catch {
    return false
  }
}

/** A disk that a test may fill. */
export interface SmallDisk {
  readonly dir: string
  /** Leaves no byte of room. @returns what makes room again */
  readonly fill: () => () => void
  readonly unmount: () => void
}

/** @param size such as `4m`; @param at a directory; one of its own unless told */
export function mountSmallDisk(size: string, at?: string): SmallDisk {
  const dir = at ?? mkdtempSync(join(tmpdir(), 'bursar-disk-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', dir], { stdio: 'ignore' })
  return {
    dir,
    fill: () => {
      const ballast = fillUp(dir)
      return () => ballast.forEach((path) => rmSync(path))
    },
    unmount: () => {
      execFileSync('umount', ['-l', dir])
      if (at === undefined) rmSync(dir, { recursive: true })
    },
  }
}

function fillUp(dir: string): readonly string[] {
  const ballast: string[] = []
  for (let bytes = 2 ** 22; bytes >= 2 ** 12;) {
    const path = join(dir, `ballast-${ballast.length}`)
    try {
      writeFileSync(path, Buffer.alloc(bytes))
      ballast.push(path)
    } catch {
      rmSync(path, { force: true })
      bytes /= 2
    }
  }
  return ballast
}
