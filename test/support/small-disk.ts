import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../src/adapters/clock.ts'
import { homePaths } from '../../src/adapters/home-paths.ts'
import { openJsonFleet } from '../../src/store/json-fleet.ts'
import { runOrThrow } from './lab/run.ts'
import { temporaryFolder } from './program.ts'
import type { StoreHome } from './store-home.ts'

/** A home on a disk of its own, as a memory file system; needs root. */
export type SmallDisk = StoreHome & {
  /** Make the disk read-only, or writable again. */
  readonly remount: (mode: 'ro' | 'rw') => Promise<void>
}

/** @param size  in mount's words, such as `64k` */
export async function smallDisk(size: string): Promise<SmallDisk> {
  const folder = await temporaryFolder()
  const disk = join(folder.path, 'disk')
  await mkdir(disk)
  await runOrThrow(['mount', '-t', 'tmpfs', '-o', `size=${size},mode=0700`, 'claw-test', disk])
  const paths = homePaths(join(disk, 'home'))
  return {
    paths,
    open: (clock = systemClock) => openJsonFleet({ paths, clock }),
    remount: async mode => void (await runOrThrow(['mount', '-o', `remount,${mode}`, disk])),
    [Symbol.asyncDispose]: async () => {
      await runOrThrow(['umount', '-l', disk])
      await folder[Symbol.asyncDispose]()
    },
  }
}
