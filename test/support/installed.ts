import { execFile, execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  appendFileSync,
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Installation } from '../../src/actions/install.ts'
import { type HomePaths, homePaths } from '../../src/adapters/home-paths.ts'
import type { ProgramRun } from './program.ts'
import { temporaryFolder } from './program.ts'

const ROOT = join(import.meta.dirname, '..', '..')

/** The programs as they are now, built into a folder. */
export function buildPrograms(folder: string): string {
  execFileSync(process.execPath, [join(ROOT, 'scripts', 'build.ts'), folder], { stdio: 'ignore' })
  return folder
}

/** One user of this machine, with OpenClaw's state folder, and everything a test installs with. */
export type Owner = AsyncDisposable & {
  /** Environment of every program: HOME, PATH, and nothing of this machine's. */
  readonly env: Readonly<Record<string, string>>
  readonly home: string
  readonly paths: HomePaths
  /** Programs that differ from the built ones by a comment: another version of the same. */
  readonly variant: (name: string) => string
  /** Install programs, with one skill called `claw-clan`. */
  readonly install: (dist: string) => Installation
  readonly run: (argv: readonly string[], env?: Readonly<Record<string, string>>) => Promise<ProgramRun>
}

/**
 * @param dist      built programs
 * @param homeName  of the user's home folder, any characters
 */
export async function makeOwner(dist: string, homeName = 'user'): Promise<Owner> {
  const folder = await temporaryFolder()
  const home = join(folder.path, homeName)
  const skills = join(folder.path, 'skills')
  mkdirSync(join(home, '.openclaw'), { recursive: true })
  mkdirSync(join(skills, 'claw-clan'), { recursive: true })
  writeFileSync(join(skills, 'claw-clan', 'SKILL.md'), '---\nname: claw-clan\ndescription: x\n---\n')
  const paths = homePaths(join(home, '.openclaw', 'claw-clan'))
  const env = {
    HOME: home,
    PATH: `${join(folder.path, 'fake')}:/usr/bin:/bin`,
    CLAW_CLAN_AUTHORIZED_KEYS: join(home, '.ssh', 'authorized_keys'),
    FAKE_CRONTAB: join(folder.path, 'crontab'),
  }
  fakeCrontab(join(folder.path, 'fake'))
  const worker = [join(ROOT, 'test', 'support', 'install-worker.ts'), paths.home]
  return {
    env,
    home,
    paths,
    variant: name => {
      const copy = join(folder.path, `dist-${name}`)
      cpSync(dist, copy, { recursive: true })
      appendFileSync(join(copy, 'lib', 'setup.js'), `\n// ${name}\n`)
      return copy
    },
    install: from =>
      JSON.parse(
        execFileSync(process.execPath, [...worker, from, skills], { env, encoding: 'utf8', stdio: 'pipe' }),
      ),
    run: (argv, more = {}) => runIn({ ...env, ...more }, argv),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}

function runIn(
  env: Readonly<Record<string, string>>,
  [file = '', ...args]: readonly string[],
): Promise<ProgramRun> {
  return new Promise(resolve => {
    const child = execFile(file, args, { env, cwd: '/', timeout: 60_000 }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    )
    child.stdin?.end()
  })
}

/** A `crontab` that keeps its text in a file of the test, in front of the real one. */
function fakeCrontab(folder: string): void {
  mkdirSync(folder, { recursive: true })
  const text = `#!/bin/sh
case $1 in
  -l) [ -f "$FAKE_CRONTAB" ] || { echo "no crontab for you" >&2; exit 1; }; cat "$FAKE_CRONTAB" ;;
  -r) rm -f "$FAKE_CRONTAB" ;;
  *) cat "$1" >"$FAKE_CRONTAB" ;;
esac
`
  writeFileSync(join(folder, 'crontab'), text, { mode: 0o755 })
}

/** Every path below a folder with what it is: mode and content of a file, target of a link. */
export function treeOf(
  folder: string,
  without: (path: string) => boolean = () => false,
): Record<string, string> {
  const tree: Record<string, string> = {}
  const visit = (below: string) => {
    for (const name of readdirSync(join(folder, below)).toSorted()) {
      const path = below === '' ? name : `${below}/${name}`
      if (without(path)) continue
      const stats = lstatSync(join(folder, path))
      const mode = (stats.mode & 0o777).toString(8)
      if (stats.isSymbolicLink()) tree[path] = `-> ${readlinkSync(join(folder, path))}`
      else if (stats.isDirectory()) tree[path] = `folder ${mode}`
      else
        tree[path] = `${mode} ${createHash('sha256')
          .update(readFileSync(join(folder, path)))
          .digest('hex')}`
      if (stats.isDirectory()) visit(path)
    }
  }
  visit('')
  return tree
}
