import { counted, type Finding, fine, listed, note, problem, shellWord, warning } from './finding.ts'
import { compareVersions } from './finding-peers.ts'
import { NODE_FLOOR } from './node-places.ts'

/** One launcher of `bin/`, as it lies there. */
export type LauncherFacts = {
  readonly path: string
  readonly isRunnable: boolean
  /** The node it starts, and whether that can be started; undefined when it names none. */
  readonly node: { readonly path: string; readonly exists: boolean } | undefined
  /** The program it starts. */
  readonly script: { readonly path: string; readonly exists: boolean } | undefined
}

export type NodeFacts = {
  /** Version of the node that runs us, without "v". */
  readonly version: string
  readonly bin: string
  readonly launchers: readonly LauncherFacts[]
  /** Names that should be there. */
  readonly expected: readonly string[]
  /** A version is installed; else the programs run from a clone. */
  readonly isInstalled: boolean
}

/** The programs start, by a node that is there and stays there. */
export function judgeNode({ version, bin, launchers, expected, isInstalled }: NodeFacts): readonly Finding[] {
  const again = isInstalled ? 'claw-setup activate' : 'claw-setup --yes'
  const details = { next: again, fix: { kind: 'programs' } } as const
  const names = launchers.map(({ path }) => path.slice(path.lastIndexOf('/') + 1))
  const missing = expected.filter(name => !names.includes(name))
  const lost = launchers.filter(
    ({ isRunnable, script }) => !isRunnable || script === undefined || !script.exists,
  )
  const nodes = [
    ...new Map(launchers.flatMap(({ node }) => (node === undefined ? [] : [[node.path, node]]))).values(),
  ]
  const gone = nodes.filter(({ exists }) => !exists).map(({ path }) => path)
  const below = nodes.filter(({ path }) => path.includes('/node_modules/')).map(({ path }) => path)
  const found = [
    ...(compareVersions(version, NODE_FLOOR) >= 0
      ? []
      : [
          problem('node', `Node ${version} runs this, at least ${NODE_FLOOR} is needed`, {
            next: 'install Node 24 LTS',
          }),
        ]),
    ...(missing.length === 0
      ? []
      : [problem('launchers', `Missing in "${bin}": ${missing.join(', ')}`, details)]),
    ...(lost.length === 0
      ? []
      : [problem('launchers', `Cannot be started: ${listed(lost.map(({ path }) => path))}`, details)]),
    ...(gone.length === 0
      ? []
      : [problem('node', `The programs start with ${listed(gone)}, which is gone`, details)]),
    ...(below.length === 0
      ? []
      : [
          note('node', `The programs start with ${listed(below)}, which goes when its folder is cleaned`, {
            next: `install Node 24 on this machine, then ${again}`,
          }),
        ]),
  ]
  return found.length === 0
    ? [fine('node', `Node ${version} runs ${counted(launchers.length, 'launcher')}`)]
    : found
}

export type VersionState = {
  /** Undefined where the programs run from a clone. */
  readonly name: string | undefined
  /** Files that are not what its manifest says. */
  readonly damaged: readonly string[]
}

/** The installed programs are what was installed. */
export function judgeVersion({ name, damaged }: VersionState): readonly Finding[] {
  if (name === undefined) {
    return [
      note('version', 'Nothing is installed: the programs run from a clone', {
        next: 'npm run setup, in that clone',
      }),
    ]
  }
  if (damaged.length === 0) return [fine('version', `Version ${name} is intact`)]
  const next = 'npm run setup in the clone it came from, or claw-setup rollback'
  return [problem('version', `Not as they were installed in ${name}: ${listed(damaged)}`, { next })]
}

export type LinkFacts = {
  /** Where the owner wants them; null for nowhere. */
  readonly folder: string | null
  readonly isOnPath: boolean
  /** Names of links that are missing, or lead to what is gone. */
  readonly missing: readonly string[]
  /** Names that somebody else's program holds. */
  readonly foreign: readonly string[]
  readonly kept: readonly string[]
}

/** The owner can type the programs' names. */
export function judgeLinks({ folder, isOnPath, missing, foreign, kept }: LinkFacts): readonly Finding[] {
  if (folder === null) return [fine('path-links', 'No links to the programs are wanted')]
  const found = [
    ...(missing.length === 0
      ? []
      : [
          warning('path-links', `Not linked in "${folder}": ${listed(missing)}`, {
            next: 'claw-setup activate',
            fix: { kind: 'programs' },
          }),
        ]),
    ...(foreign.length === 0
      ? []
      : [
          note('path-links', `Another program has our name in "${folder}": ${listed(foreign)}`, {
            next: 'move it away if it is old, then claw-setup activate',
          }),
        ]),
    ...(isOnPath
      ? []
      : [
          note('path-links', `"${folder}" is not on your PATH`, {
            next: `export PATH=${shellWord(folder)}:$PATH`,
          }),
        ]),
  ]
  return found.length === 0
    ? [fine('path-links', `${counted(kept.length, 'program')} linked in "${folder}"`)]
    : found
}

export type OpenClawFacts = {
  /** Its state folder, `~/.openclaw` unless moved. */
  readonly state: string
  /** It has been set up there: our own home alone makes the folder, too. */
  readonly hasState: boolean
  /** The program on PATH. */
  readonly program: string | undefined
  readonly version: string | undefined
  /** Our skills as they lie in its managed folder. */
  readonly skills: readonly {
    readonly name: string
    readonly path: string
    readonly faults: readonly string[]
  }[]
  /** With `--deep`: what its own command says of each. */
  readonly loaded: readonly { readonly name: string; readonly isReady: boolean; readonly why: string }[]
}

/** OpenClaw is here, and can use our skills. */
export function judgeOpenClaw({
  state,
  hasState,
  program,
  version,
  skills,
  loaded,
}: OpenClawFacts): readonly Finding[] {
  if (!hasState && program === undefined) {
    return [note('openclaw', 'OpenClaw is not on this machine: no program on PATH, nothing set up')]
  }
  const bad = skills.filter(({ faults }) => faults.length > 0)
  const details = { next: 'claw-setup activate', fix: { kind: 'programs' } } as const
  return [
    program === undefined
      ? note('openclaw', `"${state}" is there, and no openclaw program on PATH`, {
          next: 'openclaw --version in your own shell',
        })
      : fine('openclaw', `OpenClaw ${version ?? 'of unknown version'} at "${program}"`),
    ...bad.map(({ name, path, faults }) =>
      warning('skills', `The skill ${name} cannot be loaded from "${path}": ${faults.join('; ')}`, details),
    ),
    ...loaded
      .filter(({ isReady }) => !isReady)
      .map(({ name, why }) =>
        warning('skills', `OpenClaw does not offer the skill ${name}: ${why}`, {
          next: `openclaw skills info ${name}`,
        }),
      ),
    ...(bad.length === 0 ? [fine('skills', `${counted(skills.length, 'skill')} in "${state}"`)] : []),
  ]
}
