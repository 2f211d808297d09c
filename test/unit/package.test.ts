import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '..', '..')
const json = (...path: string[]) => JSON.parse(readFileSync(join(ROOT, ...path), 'utf8'))
const manifest = json('package.json')

/** An older npm under an older Node silently installs older majors; each of these changed what we rely on. */
const MAJORS: Readonly<Record<string, number>> = {
  '@biomejs/biome': 2,
  '@clack/prompts': 1,
  '@types/multicast-dns': 7,
  '@types/node': 24,
  '@types/ssh2': 1,
  cosmiconfig: 10,
  execa: 10,
  'fast-check': 4,
  lowdb: 7,
  'multicast-dns': 7,
  node: 24,
  plist: 5,
  rolldown: 1,
  ssh2: 1,
  typescript: 7,
  vitest: 5,
  zod: 4,
  zx: 8,
}

test('the packages are installed in the versions that package.json pins, and in the majors we know', () => {
  const pinned: Record<string, string> = { ...manifest.dependencies, ...manifest.devDependencies }
  const installed = Object.fromEntries(
    Object.keys(pinned).map(name => [name, json('node_modules', ...name.split('/'), 'package.json').version]),
  )

  expect(installed).toEqual(pinned)
  const majors = Object.fromEntries(
    Object.entries(pinned).map(([name, version]) => [name, Number.parseInt(version, 10)]),
  )
  expect(majors).toEqual(MAJORS)
})

test('the lockfile locks what package.json pins and says nothing of where it came from', () => {
  const lock = json('package-lock.json')

  expect(lock.packages[''].dependencies).toEqual(manifest.dependencies)
  expect(lock.packages[''].devDependencies).toEqual(manifest.devDependencies)
  const resolved = Object.entries<{ resolved?: string }>(lock.packages).filter(
    ([, entry]) => entry.resolved !== undefined,
  )
  expect(resolved).toEqual([])
})

test('every program of package.json has its source', () => {
  const programs = Object.entries<string>(manifest.bin)

  for (const [name, path] of programs) {
    const program = basename(path, '.js')
    expect(path).toBe(`dist/${program}.js`)
    expect(name).toBe(`claw-${program}`)
    expect(existsSync(join(ROOT, 'src', 'bin', `${program}.ts`)), `src/bin/${program}.ts`).toBe(true)
  }
})

test('no tracked text names the host of a package registry', () => {
  const own = process.env.npm_config_registry ?? ''
  const hosts = own === '' ? [] : [new URL(own).host.replaceAll('.', '\\.')]
  const named = new RegExp(
    ['\\bregistry\\.[a-z0-9-]+\\.[a-z]', '\\bnpmmirror\\.', '\\bnpm\\.pkg\\.', ...hosts].join('|'),
    'i',
  )

  const guilty = trackedFiles().filter(file => {
    const content = readFileSync(join(ROOT, file))
    return !content.includes(0) && named.test(content.toString('utf8'))
  })

  expect(guilty).toEqual([])
})

function trackedFiles(): readonly string[] {
  const args = ['-c', `safe.directory=${ROOT}`, 'ls-files', '-z']
  const listed = execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).split('\0')
  return listed.filter(file => file !== '' && existsSync(join(ROOT, file)))
}
