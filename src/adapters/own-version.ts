import { existsSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { ClawError } from '../fleet/error.ts'
import { isVersionName, MANIFEST_FILE, VERSION_PARTS, versionName } from '../fleet/version-folder.ts'
import type { VersionFile } from '../fleet/version-stream.ts'
import { VERSION } from './version.ts'
import { damagedFiles, readPlainFile, readVersionManifest } from './version-content.ts'
import { stageVersion, stagingFolder } from './version-staging.ts'

/** The version this program belongs to, whole, as it can be given to another machine. */
export type OwnVersion = {
  /** `2.0.0-0123456789ab`. */
  readonly name: string
  readonly version: string
  /** Its manifest among them. */
  readonly files: readonly VersionFile[]
}

/** The version folder the running program lies in; undefined when it runs from a clone or a package. */
export function runningFolder(): string | undefined {
  const program = realpathSync(process.argv[1] ?? '.')
  const folder = dirname(dirname(program))
  const isInstalled = basename(dirname(program)) === 'dist' && isVersionName(basename(folder))
  return isInstalled && existsSync(join(folder, MANIFEST_FILE)) ? folder : undefined
}

/**
 * Read the version this program belongs to. One that runs from a clone or a package is put together first, in a folder
 * for temporary files.
 *
 * @throws {ClawError} `damaged-state` when installed files are not what their manifest says; `bad-input` for a clone
 *   that is not built
 */
export function readOwnVersion(): OwnVersion {
  const installed = runningFolder()
  if (installed !== undefined) return readVersion(installed)
  const folder = stagingFolder(tmpdir())
  try {
    stageVersion(folder, { version: VERSION, parts: ownParts() })
    return readVersion(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Beside the built programs, or in the `dist` of the clone whose sources run. */
function ownParts(): Readonly<Partial<Record<(typeof VERSION_PARTS)[number], string>>> {
  const folder = dirname(realpathSync(process.argv[1] ?? '.'))
  const isBuilt = existsSync(join(folder, 'receiver.js'))
  const root = isBuilt ? dirname(folder) : dirname(dirname(folder))
  const dist = isBuilt ? folder : join(root, 'dist')
  if (!existsSync(join(dist, 'receiver.js'))) {
    throw new ClawError('bad-input', `Cannot send what is in "${root}": it is not built`, {
      hint: 'Run "npm run build" there, then try again',
    })
  }
  const others = VERSION_PARTS.filter(part => part !== 'dist')
  return { dist, ...Object.fromEntries(others.map(part => [part, join(root, part)])) }
}

function readVersion(folder: string): OwnVersion {
  const manifest = readVersionManifest(folder)
  const [damaged] = damagedFiles(folder, manifest)
  if (damaged !== undefined) {
    throw new ClawError(
      'damaged-state',
      `Cannot send "${join(folder, damaged)}": it is not what its manifest says`,
      { hint: 'Install claw-clan on this machine again, then try again' },
    )
  }
  const paths = [...Object.keys(manifest.files), MANIFEST_FILE]
  const files = paths.map(path => ({ path, content: readPlainFile(join(folder, path)) }))
  return { name: versionName(manifest), version: manifest.version, files }
}
