import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loopbackHome, startRegister } from '../support/mdns-home.ts'
import { runProgram } from '../support/program.ts'

const heardBy = async (home: string, seconds = '1') => {
  const { stdout } = await runProgram('discover', [seconds, '--json', '--home', home])
  return JSON.parse(stdout).found
}

describe('claw-register run', () => {
  test('is heard by claw-discover, ends with 0 on SIGTERM, and is heard no more', async () => {
    await using home = await loopbackHome('contract-a', '--name', 'Näme.with "quotes"')
    await using register = startRegister(home.path)
    await register.saying('Announced as "Näme-with "quotes"._openclaw._tcp.local" on 127.0.0.1')

    const while_ = await heardBy(home.path, '2')
    register.signal('SIGTERM')
    const code = await register.ended
    const after = await heardBy(home.path)

    const self = {
      gatewayId: 'contract-a',
      name: 'Näme.with "quotes"',
      ip: '127.0.0.1',
      port: 22,
      leadNumber: 1,
      known: 'self',
    }
    expect(while_).toContainEqual(expect.objectContaining(self))
    expect({ code, stdout: register.stdout() }).toEqual({
      code: 0,
      stdout: 'contract-a is no longer announced\n',
    })
    expect(after).not.toContainEqual(expect.objectContaining({ gatewayId: 'contract-a' }))
  })

  test('leaves the announcing to the one that does it already', async () => {
    await using home = await loopbackHome('contract-b')
    await using first = startRegister(home.path)
    await first.saying('Announced')

    const second = await runProgram('register', ['run', '--home', home.path])
    const third = await runProgram('register', ['run', '--json', '--home', home.path])
    const impatient = await runProgram('register', ['run', '--no-wait', '--home', home.path])

    const message = expect.stringMatching(
      new RegExp(`^Another claw-register is running since 20\\S+Z \\(process ${first.pid}\\): nothing done$`),
    )
    expect(second).toMatchObject({ code: 0, stdout: '' })
    expect(second.stderr.trim().split('\n')).toHaveLength(1)
    expect(JSON.parse(third.stdout).skipped).toEqual({
      program: 'claw-register',
      since: expect.any(String),
      message,
    })
    expect(impatient.code).toBe(75)
  })

  test('takes over from one that was killed', async () => {
    await using home = await loopbackHome('contract-c')
    await using first = startRegister(home.path)
    await first.saying('Announced')
    first.signal('SIGKILL')
    await first.ended

    await using second = startRegister(home.path, ['--json'])
    await second.saying('Announced')
    second.signal('SIGINT')

    expect(await second.ended).toBe(0)
    expect(JSON.parse(second.stdout())).toMatchObject({
      schema: 1,
      gatewayId: 'contract-c',
      durationMs: expect.any(Number),
    })
  })

  test('announces even where it cannot make sure that it is alone', async () => {
    await using home = await loopbackHome('contract-d')
    await rm(join(home.path, 'locks'), { recursive: true })
    await writeFile(join(home.path, 'locks'), 'no folder')
    await using register = startRegister(home.path)

    await register.saying('Announced')

    expect(register.stderr()).toContain('Cannot make sure that no other process announces this machine')
  })

  test('takes up a new name without a restart, and goes on while state.json cannot be read', async () => {
    await using home = await loopbackHome('contract-e', '--name', 'Before')
    await using listener = await loopbackHome('contract-e2')
    await using register = startRegister(home.path)
    await register.saying('Announced as "Before._openclaw._tcp.local"')
    const file = join(home.path, 'state.json')
    const state = JSON.parse(await readFile(file, 'utf8'))

    await writeFile(file, '{"gatewayId":')
    await register.saying('Cannot read the identity to announce')
    const whileBroken = await heardBy(listener.path)
    await writeFile(file, JSON.stringify({ ...state, name: 'After', leadNumber: 9 }))
    await register.saying('Announced as "After._openclaw._tcp.local"')
    const after = await heardBy(listener.path, '2')

    expect(whileBroken).toContainEqual(expect.objectContaining({ gatewayId: 'contract-e', name: 'Before' }))
    expect(after.filter(({ gatewayId }: { gatewayId: string }) => gatewayId === 'contract-e')).toMatchObject([
      { name: 'After', leadNumber: 9 },
    ])
  })

  test('two machines of one name tell themselves apart', async () => {
    await using one = await loopbackHome('contract-f1', '--name', 'Same Name')
    await using other = await loopbackHome('contract-f2', '--name', 'Same Name')
    await using first = startRegister(one.path)
    await first.saying('Announced as "Same Name._openclaw._tcp.local"')
    await using second = startRegister(other.path)

    await second.saying('Announced as "Same Name (2)._openclaw._tcp.local"')

    expect(second.stderr()).toContain('Renaming: "Same Name._openclaw._tcp.local"')
    expect(first.stderr()).not.toContain('Renaming')
  })
})
