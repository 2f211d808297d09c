import { lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { SelfCheck, SelfTest, selfTest } from '../actions/self-test.ts'
import { systemClock } from '../adapters/clock.ts'
import { homePaths } from '../adapters/home-paths.ts'
import { VERSION } from '../adapters/version.ts'
import { ClawError } from '../fleet/error.ts'
import { NODE_FLOOR, usableNodeVersion } from '../fleet/node-places.ts'
import { printable } from '../fleet/text.ts'
import { subcommand } from './command.ts'

/** `claw-peer --self-test`: can this version, with this node, do what a machine of the clan must? Touches no home. */
export const selfTestCommand = (run: typeof selfTest) =>
  subcommand({
    name: 'claw-peer',
    summary: 'The forced command other machines reach over SSH; not for people',
    options: {
      'self-test': { type: 'boolean', help: 'Load and try all a machine of the clan needs; changes nothing' },
    },
    example: 'claw-peer --self-test --json',
    failure: 'Each line that says "failed" names what is missing; nothing was changed.',
    run: async ({ options }) => {
      if (options['self-test'] !== true) {
        throw new ClawError('bad-input', 'Other machines start it as "claw-peer serve"', {
          hint: 'To try it by hand, run "claw-peer --self-test"',
        })
      }
      sweep()
      return await inFolder(folder =>
        run({ program: VERSION, node: process.versions.node }, checksIn(folder)),
      )
    },
    render: result => renderSelfTest(result),
    exitCode: result => (result.ok ? 0 : 1),
  })

const FOLDER = 'claw-clan-self-test-'
/** A remote install whose connection is cut ends us by the first. */
const SIGNALS = ['SIGHUP', 'SIGINT', 'SIGTERM'] as const
/** Far longer than any run: what is older was left by one that was killed. */
const LEFT_OVER_MS = 60 * 60_000

/** Give a folder to work in that is gone afterwards, also when we are told to end meanwhile. */
async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  let folder: string | undefined
  const remove = () => void (folder === undefined || rmSync(folder, { recursive: true, force: true }))
  const end = () => {
    remove()
    process.exit(1)
  }
  // Before the folder is made, which nothing interrupts: from its first moment on somebody removes it.
  for (const signal of SIGNALS) process.once(signal, end)
  try {
    folder = folderToTryIn()
    return await work(folder)
  } finally {
    remove()
    for (const signal of SIGNALS) process.off(signal, end)
  }
}

function sweep(): void {
  for (const name of namesIn(tmpdir()).filter(each => each.startsWith(FOLDER))) {
    const path = join(tmpdir(), name)
    const stats = lstatSync(path, { throwIfNoEntry: false })
    const isOurs = stats?.isDirectory() === true && stats.uid === process.getuid?.()
    if (isOurs && systemClock.now().getTime() - stats.mtimeMs > LEFT_OVER_MS)
      rmSync(path, { recursive: true, force: true })
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function folderToTryIn(): string {
  try {
    return mkdtempSync(join(tmpdir(), FOLDER))
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new ClawError('store-unavailable', `Cannot make a folder in "${tmpdir()}": ${why}`, {
      hint: 'Make that folder writable, or set TMPDIR to another',
      cause,
    })
  }
}

const checksIn = (folder: string): readonly SelfCheck[] => [
  { name: 'node', run: async () => checkNode() },
  { name: 'files', run: checkFiles },
  { name: 'keys', run: checkKeys },
  { name: 'store', run: () => checkStore(folder) },
]

function checkNode(): string {
  if (usableNodeVersion(process.version) !== undefined) return process.execPath
  throw new ClawError('command-failed', `Node ${process.versions.node} is older than ${NODE_FLOOR}`)
}

/** Only an installed version has a list of its files; a clone or a package is checked by git or npm. */
async function checkFiles(): Promise<string> {
  const [{ runningFolder }, { damagedFiles, readVersionManifest }] = await Promise.all([
    import('../adapters/own-version.ts'),
    import('../adapters/version-content.ts'),
  ])
  const folder = runningFolder()
  if (folder === undefined) return 'not run from an installed version: nothing to compare with'
  const manifest = readVersionManifest(folder)
  const [damaged, ...more] = damagedFiles(folder, manifest)
  if (damaged === undefined) return `${Object.keys(manifest.files).length} files of ${basename(folder)}`
  const others = more.length === 0 ? '' : ` and ${more.length} more`
  throw new ClawError('damaged-state', `"${join(folder, damaged)}"${others} differ from the manifest`)
}

async function checkKeys(): Promise<string> {
  const [{ throwAwayKey }, { checkPrivateKey }] = await Promise.all([
    import('../adapters/probe-key.ts'),
    import('../adapters/ssh.ts'),
    import('../adapters/peer-probe.ts'),
  ])
  checkPrivateKey(throwAwayKey())
  return 'keys are made and read, SSH is loaded'
}

async function checkStore(folder: string): Promise<string> {
  const { openJsonFleet } = await import('../store/json-fleet.ts')
  const at = systemClock.now().toISOString()
  await using store = openJsonFleet({ paths: homePaths(folder, {}), clock: systemClock })
  await store.recordRun({ program: 'claw-peer', startedAt: at, finishedAt: at, result: {} })
  if ((await store.lastRun('claw-peer'))?.finishedAt !== at) {
    throw new ClawError('store-unavailable', 'What was stored is not what is read')
  }
  return 'locks and the journal work'
}

function renderSelfTest({ ok, version, node, checks }: SelfTest): string {
  const lines = checks.map(each => `  ${each.name.padEnd(6)} ${each.ok ? 'ok' : 'failed'}  ${each.detail}`)
  return printable([`claw-clan ${version} on Node ${node}: ${ok ? 'ok' : 'failed'}`, ...lines].join('\n'))
}
