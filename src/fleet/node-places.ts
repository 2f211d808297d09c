/** The oldest Node our programs run on. */
const FLOOR = { major: 24, minor: 11 } as const
export const NODE_FLOOR = `${FLOOR.major}.${FLOOR.minor}`

/** What `node --version` prints for a Node that is new enough. @returns the version, `24.11.0`; undefined for others */
export function usableNodeVersion(printed: string): string | undefined {
  const [, version, major, minor] = /^v((\d{1,4})\.(\d{1,4})\.\d{1,4})\s*$/.exec(printed) ?? []
  const isNew = Number(major) > FLOOR.major || (Number(major) === FLOOR.major && Number(minor) >= FLOOR.minor)
  return isNew ? version : undefined
}

/** Where packages of a system put node; the same path before and after an update. */
export const STABLE_NODES = [
  '/usr/local/bin/node',
  '/opt/homebrew/bin/node',
  '/usr/bin/node',
  '/opt/homebrew/opt/node@24/bin/node',
  '/usr/local/opt/node@24/bin/node',
  '/home/linuxbrew/.linuxbrew/bin/node',
  '/opt/local/bin/node',
] as const

/** Where version managers keep theirs below the user's home; `*` is a version, and goes when the owner removes it. */
export const MANAGED_NODES = [
  '.nvm/versions/node/*/bin/node',
  '.volta/tools/image/node/*/bin/node',
  '.local/share/mise/installs/node/*/bin/node',
  '.local/share/fnm/node-versions/*/installation/bin/node',
  '.fnm/node-versions/*/installation/bin/node',
  'Library/Application Support/fnm/node-versions/*/installation/bin/node',
  '.asdf/installs/nodejs/*/bin/node',
  '.nodenv/versions/*/bin/node',
  'n/bin/node',
  '.local/bin/node',
] as const

/** Where a node of our own lies below our home. */
export const OWN_NODES = 'node/*/bin/node'
