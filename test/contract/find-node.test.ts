import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { findNode, keepNode, tidyNodes } from '../../src/adapters/find-node.ts'
import { homePaths } from '../../src/adapters/home-paths.ts'
import { temporaryFolder } from '../support/program.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
beforeEach(async () => {
  folder = await temporaryFolder()
  vi.stubEnv('HOME', join(folder.path, 'user'))
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await folder[Symbol.asyncDispose]()
})

/** A program below the owner's home that says it is this Node. */
function fakeNode(path: string, version: string): string {
  const file = join(homedir(), path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `#!/bin/sh\necho ${version}\n`)
  chmodSync(file, 0o755)
  return file
}

const paths = () => homePaths(join(homedir(), '.openclaw', 'claw-clan'))
const search = (PATH = '') => findNode({ paths: paths(), env: { PATH }, stable: [] })

test('a node of the system goes before those of PATH and of version managers', async () => {
  fakeNode('.nvm/versions/node/v26.0.0/bin/node', 'v26.0.0')
  const inPath = fakeNode('bin/node', 'v25.0.0')
  const old = fakeNode('usr/bin/node', 'v20.0.0')
  const system = fakeNode('usr/local/bin/node', 'v24.11.0')

  const find = (stable: readonly string[]) =>
    findNode({ paths: paths(), env: { PATH: dirname(inPath) }, stable })

  expect(await find([old, system])).toEqual({ path: system, version: '24.11.0' })
  expect(await find([old])).toEqual({ path: inPath, version: '25.0.0' })
})

test.each([
  { manager: 'nvm', place: '.nvm/versions/node/v24.13.0/bin/node' },
  { manager: 'volta', place: '.volta/tools/image/node/24.13.0/bin/node' },
  { manager: 'mise', place: '.local/share/mise/installs/node/24.13.0/bin/node' },
  { manager: 'fnm', place: '.local/share/fnm/node-versions/v24.13.0/installation/bin/node' },
  {
    manager: 'fnm on macOS',
    place: 'Library/Application Support/fnm/node-versions/v24.13.0/installation/bin/node',
  },
  { manager: 'asdf', place: '.asdf/installs/nodejs/24.13.0/bin/node' },
])('a node of $manager is found without PATH', async ({ place }) => {
  const node = fakeNode(place, 'v24.13.0')

  expect(await search()).toEqual({ path: node, version: '24.13.0' })
})

test('the newest of a manager is taken, and what is too old, broken or asks for ever is passed over', async () => {
  fakeNode('.nvm/versions/node/v20.1.0/bin/node', 'v20.1.0')
  fakeNode('.nvm/versions/node/v24.9.0/bin/node', 'v24.9.0')
  const good = fakeNode('.nvm/versions/node/v24.11.0/bin/node', 'v24.11.0')
  fakeNode('.nvm/versions/node/v26.0.0/bin/node', 'not-a-version')

  expect(await search()).toEqual({ path: good, version: '24.11.0' })
})

test('a link that a manager puts into PATH for one shell is followed, and a shim is not taken', async () => {
  const real = fakeNode('.local/share/fnm/node-versions/v25.0.0/installation/bin/node', 'v25.0.0')
  fakeNode('.nvm/versions/node/v26.1.0/bin/node', 'v26.1.0')
  const shell = join(folder.path, 'fnm_multishells', '1')
  mkdirSync(shell, { recursive: true })
  symlinkSync(dirname(real), join(shell, 'bin'))
  const shim = fakeNode('.asdf/shims/node', 'v27.0.0')

  expect(await search(`${dirname(shim)}:${join(shell, 'bin')}`)).toEqual({ path: real, version: '25.0.0' })
})

test('nothing below node_modules or the clone is taken, links followed', async () => {
  const inClone = fakeNode('clone/tools/node', 'v24.20.0')
  const inModules = fakeNode('clone2/node_modules/node/bin/node', 'v24.20.0')
  const linked = join(homedir(), '.local', 'bin', 'node')
  mkdirSync(dirname(linked), { recursive: true })
  symlinkSync(inClone, linked)
  const PATH = [inClone, inModules].map(dirname).join(':')

  const found = await findNode({
    paths: paths(),
    env: { PATH },
    stable: [],
    avoid: [join(homedir(), 'clone')],
  })

  expect(found).toMatchObject({ copyOf: process.execPath })
})

test('where there is none, the node that runs us is copied into the home once, for the owner alone', async () => {
  const mask = process.umask(0)
  try {
    const planned = await search()
    expect(existsSync(paths().node)).toBe(false)

    keepNode(planned)

    expect(planned.path).toBe(join(paths().node, process.versions.node, 'bin', 'node'))
    expect(statSync(planned.path).mode & 0o777).toBe(0o700)
    expect(statSync(paths().node).mode & 0o777).toBe(0o700)
    expect(readdirSync(dirname(planned.path))).toEqual(['node'])
    expect(await search()).toEqual({ path: planned.path, version: process.versions.node })
  } finally {
    process.umask(mask)
  }
})

test('the owner decides; what he names must be an absolute path of a new enough node', async () => {
  const old = fakeNode('old/node', 'v22.1.0')
  const mine = fakeNode('mine/node', 'v24.11.1')
  const find = (given: string) => findNode({ paths: paths(), given })

  expect(await find(mine)).toEqual({ path: mine, version: '24.11.1' })
  for (const given of [old, 'node', join(homedir(), 'none')])
    await expect(find(given)).rejects.toMatchObject({
      code: 'bad-input',
      message: expect.stringContaining('--node'),
    })
})

test('a copy that cannot be made leaves no file behind', async () => {
  const planned = await search()
  const odd = { ...planned, copyOf: join(homedir(), 'gone') }

  expect(() => keepNode(odd)).toThrow(expect.objectContaining({ code: 'store-unavailable' }))
  expect(readdirSync(dirname(planned.path))).toEqual([])
})

test('what a killed copy has left goes with the next, and is no copy to keep', async () => {
  const planned = await search()
  mkdirSync(dirname(planned.path), { recursive: true })
  writeFileSync(`${planned.path}.0123456789abcdef.tmp`, 'half')
  mkdirSync(join(paths().node, '99.0.0', 'bin'), { recursive: true })

  keepNode(planned)
  tidyNodes(paths(), '/usr/bin/node')

  expect(readdirSync(paths().node)).toEqual([process.versions.node])
  expect(readdirSync(dirname(planned.path))).toEqual(['node'])
})

test('of several copies the one in use stays, and the newest where none is', () => {
  const copy = (version: string) => fakeNode(`.openclaw/claw-clan/node/${version}/bin/node`, `v${version}`)
  const [old, used] = [copy('24.9.0'), copy('24.11.0')]
  const newest = copy('24.12.0')

  tidyNodes(paths(), used)
  expect([old, used, newest].map(existsSync)).toEqual([false, true, false])

  copy('24.9.0')
  tidyNodes(paths(), '/usr/bin/node')
  expect(readdirSync(paths().node)).toEqual(['24.11.0'])
})
