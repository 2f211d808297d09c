import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildPrograms } from '../support/installed.ts'
import { temporaryFolder } from '../support/program.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const { bin, version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
const NODE = dirname(process.execPath)

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let project: string

/** npm beside the node that runs the tests, without a network. */
const npm = (args: readonly string[], cwd: string) =>
  execFileSync('npm', args, {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, PATH: `${NODE}:${process.env.PATH}` },
  })

beforeAll(async () => {
  folder = await temporaryFolder()
  // A copy: packing builds into `dist`, and other tests start programs from there.
  const source = join(folder.path, 'source')
  buildPrograms(join(source, 'dist'))
  mkdirSync(join(source, 'dist', 'cache'))
  writeFileSync(join(source, 'dist', 'cache', 'left'), '')
  mkdirSync(join(source, 'skills', 'claw-clan'), { recursive: true })
  writeFileSync(join(source, 'skills', 'claw-clan', 'SKILL.md'), '---\nname: claw-clan\n---\n')
  for (const name of ['package.json', 'LICENSE', 'README.md'])
    copyFileSync(join(ROOT, name), join(source, name))
  const packed = npm(['pack', '--ignore-scripts', '--pack-destination', folder.path], source).trim()
  project = join(folder.path, 'project')
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), '{"private":true}')
  npm(['install', '--offline', '--no-audit', join(folder.path, packed.split('\n').at(-1) ?? '')], project)
})
afterAll(() => folder[Symbol.asyncDispose]())

describe('the package, installed in an empty project without a network', () => {
  test('is all there is: the bundles hold what they need', () => {
    expect(readdirSync(join(project, 'node_modules')).filter(name => !name.startsWith('.'))).toEqual([
      'claw-clan',
    ])
    expect(readdirSync(join(project, 'node_modules', 'claw-clan')).toSorted()).toEqual([
      ...['LICENSE', 'README.md', 'dist', 'package.json', 'skills'],
    ])
    expect(readdirSync(join(project, 'node_modules', 'claw-clan', 'dist'))).not.toContain('cache')
  })

  test.each(Object.keys(bin))('%s runs', name => {
    const program = join(project, 'node_modules', '.bin', name)
    const said = spawnSync(program, ['--version'], {
      encoding: 'utf8',
      env: { PATH: `${NODE}:/usr/bin:/bin` },
    })

    expect(said).toMatchObject({ status: 0, stderr: '', stdout: `${version}\n` })
  })

  test('sets a machine up', () => {
    const home = join(folder.path, 'home')
    const env = { PATH: `${NODE}:/usr/bin:/bin`, HOME: folder.path }
    const run = (file: string, args: readonly string[]) => spawnSync(file, args, { encoding: 'utf8', env })

    const setup = run(join(project, 'node_modules', '.bin', 'claw-setup'), [
      '--yes',
      '--quiet',
      '--home',
      home,
    ])
    const status = run(join(home, 'bin', 'claw-status'), ['--json'])

    expect(setup).toMatchObject({ status: 0, stderr: '' })
    expect(JSON.parse(status.stdout)).toMatchObject({ schema: 1, isLeader: true })
  })
})
