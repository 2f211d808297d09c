import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LaunchdSession } from '../../src/adapters/launchd.ts'
import { TEMPLATES } from './launch-agent.ts'
import { temporaryFolder } from './program.ts'

/** A user's home, and a stand-in for launchctl first in PATH. */
export type FakeMac = AsyncDisposable & {
  readonly path: string
  readonly session: LaunchdSession
  /** For a program that is to take the ways of macOS. */
  readonly env: Readonly<Record<string, string>>
  /** `no-gui`: nobody is logged in at the screen. `no-load`: launchctl load fails, and ends with 0 as it does. */
  readonly set: (mode: 'no-gui' | 'no-load') => void
  /** What launchctl was told since the last call, without questions. */
  readonly calls: () => readonly string[]
}

export async function fakeMac(): Promise<FakeMac> {
  const folder = await temporaryFolder()
  const bin = join(folder.path, 'bin')
  const state = join(folder.path, 'state')
  for (const path of [bin, state]) mkdirSync(path)
  const command = `exec '${process.execPath}' '${join(import.meta.dirname, 'fake-launchctl.ts')}' '${state}' "$@"`
  writeFileSync(join(bin, 'launchctl'), `#!/bin/sh\n${command}\n`, { mode: 0o755 })
  const env = { HOME: folder.path, PATH: `${bin}:/usr/bin:/bin` }
  return {
    path: folder.path,
    session: { env, uid: process.getuid?.() ?? 0, templates: TEMPLATES },
    env: { ...env, NODE_OPTIONS: `--require=${join(import.meta.dirname, 'as-mac.cjs')}` },
    set: mode => writeFileSync(join(state, mode), ''),
    calls: () => {
      const lines = readFileSync(join(state, 'calls'), 'utf8').trimEnd().split('\n')
      rmSync(join(state, 'calls'))
      return lines.filter(line => !/^(print|list)/.test(line))
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}
