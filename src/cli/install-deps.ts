import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { InstallDeps } from '../actions/install.ts'
import type { HomePaths } from '../adapters/home-paths.ts'
import { VERSION } from '../adapters/version.ts'
import { ClawError } from '../fleet/error.ts'
import { printable } from '../fleet/text.ts'
import type { VersionPart } from '../fleet/version-folder.ts'
import type { Terminal } from './terminal.ts'
import { factsOf, type VersionWishes, versionDeps } from './version-deps.ts'

/** Where a version comes from. */
export type Clone = {
  /** Folders of `skills`, `launchd` and `migrations`; any may be absent. */
  readonly parts: Readonly<Partial<Record<VersionPart, string>>>
  /** The folder with the built programs: an existing one, or `folder` after building into it. */
  readonly dist: (folder: string) => Promise<string>
}

export type InstallRequest = {
  readonly paths: HomePaths
  readonly clone: Clone
  readonly wishes: VersionWishes
  readonly dryRun: boolean
  readonly terminal: Pick<Terminal, 'progress'>
}

/** A start of the slowest program on the slowest machine, without its compile cache. */
const CHECK_TIMEOUT_MS = 60_000

/** What installing from a clone needs on this machine. */
export async function installDeps(request: InstallRequest): Promise<InstallDeps> {
  const { paths, clone, wishes, dryRun, terminal } = request
  const [staging, { runProgram }, { bashScripts }] = await Promise.all([
    import('../adapters/version-staging.ts'),
    import('../adapters/process.ts'),
    import('../adapters/bash-scripts.ts'),
  ])
  const activate = await versionDeps(paths, wishes, terminal)
  return {
    activate,
    factsOf: ({ name, manifest }) => factsOf(name, manifest),
    // A dry run puts it together too, to know its name, and leaves the home alone.
    stage: async () => {
      const folder = staging.stagingFolder(dryRun ? tmpdir() : paths.versions)
      try {
        const dist = await clone.dist(join(folder, 'built'))
        terminal.progress('copying the programs')
        const staged = staging.stageVersion(folder, { version: VERSION, parts: { dist, ...clone.parts } })
        rmSync(join(folder, 'built'), { recursive: true, force: true })
        return staged
      } catch (error) {
        rmSync(folder, { recursive: true, force: true })
        throw error
      }
    },
    selfCheck: async ({ folder }, { path, copyOf }) => {
      const program = join(folder, 'dist', 'peer.js')
      const bare = Object.fromEntries(Object.keys(process.env).map(name => [name, undefined]))
      const { code, stdout, stderr } = await runProgram(copyOf ?? path, [program, '--self-test'], {
        timeoutMs: CHECK_TIMEOUT_MS,
        env: bare,
        cwd: '/',
      })
      rmSync(join(folder, 'dist', 'cache'), { recursive: true, force: true })
      if (code === 0) return
      const lines = (stderr.trim() || stdout.trim()).split('\n')
      const said = printable(lines.find(line => /^\w*Error\b/.test(line)) ?? lines.at(-1) ?? '')
      throw new ClawError('command-failed', `The new version does not run on this machine: ${said}`, {
        hint: 'Nothing was changed; the version of before goes on',
      })
    },
    settle: staged => staging.settleVersion(paths.versions, staged),
    discard: ({ folder }) => rmSync(folder, { recursive: true, force: true }),
    bashScripts: () =>
      bashScripts(paths)
        .filter(({ state }) => state !== 'ours')
        .map(({ name }) => name),
  }
}
