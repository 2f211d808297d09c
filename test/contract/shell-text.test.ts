import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parseLegacyAck } from '../../src/fleet/probe.ts'
import { legacyChallenge, shellQuote } from '../../src/fleet/remote.ts'
import { id } from '../support/builders.ts'
import { shells } from '../support/shells.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'claw-shell-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const nasty = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "'",
        '"',
        '\\',
        '$',
        '`',
        '$(',
        ')',
        ';',
        '&',
        '|',
        '\n',
        '\t',
        ' ',
        '*',
        '~',
        '!',
        '-',
        '%s',
        '\\n',
      ),
      fc.string({ unit: 'binary', maxLength: 3 }),
    ),
  )
  .map(parts => parts.join('').replaceAll('\0', '').toWellFormed())

describe.each(shells)('$name', ({ path, args }) => {
  test('gives shellQuote() back every text unchanged', () => {
    const texts = fc.sample(nasty, 10_000)
    for (let from = 0; from < texts.length; from += 500) {
      const some = texts.slice(from, from + 500)
      const script = `printf '%s\\0' ${some.map(shellQuote).join(' ')}`

      const { stdout } = spawnSync(path, [...args], { input: script, encoding: 'utf8', cwd: folder })

      expect(stdout.split('\0').slice(0, -1)).toEqual(some)
    }
  })

  test.each([
    "'; touch x; #",
    '$(touch x)',
    '`touch x`',
    '" ; touch x ; "',
    "\\'; touch x; '",
    "$'\\''; touch x; '",
  ])('does not run %j', text => {
    const script = `printf %s ${shellQuote(text)}`

    const { stdout } = spawnSync(path, [...args, '-c', script], { encoding: 'utf8', cwd: folder })

    expect(stdout).toBe(text)
    expect(existsSync(join(folder, 'x'))).toBe(false)
  })

  const challenged = (home: string, before = '') =>
    spawnSync(path, [...args, '-c', `${before}${legacyChallenge('ab12')}`], {
      encoding: 'utf8',
      env: { PATH: '/usr/bin:/bin', HOME: home },
    })
  const known = { gatewayId: id('studio'), name: 'Studio', leadNumber: 1, sshUser: 'claw', version: '' }

  test.each([
    { why: 'as jq writes it', state: '{\n  "gatewayId": "Studio",\n  "name": "x"\n}\n' },
    { why: 'on one line', state: '{"name":"a \\"gatewayId\\" b","gatewayId":"studio","ip":"10.0.0.1"}' },
  ])('answers legacyChallenge() with the id of a state.json $why', ({ state }) => {
    const home = join(folder, "it's a $HOME")
    mkdirSync(join(home, '.openclaw/claw-clan'), { recursive: true })
    writeFileSync(join(home, '.openclaw/claw-clan/state.json'), state)
    const before = Math.floor(Date.now() / 1000) * 1000

    const { stdout, status, stderr } = challenged(home, 'echo Welcome; printf "no line end"; ')

    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const answer = parseLegacyAck(stdout, 'ab12', known)
    expect(answer).toMatchObject({ kind: 'ack' })
    expect(answer.kind === 'ack' && answer.peerClock >= before && answer.peerClock <= Date.now()).toBe(true)
    expect(parseLegacyAck(stdout, 'ab12', { ...known, gatewayId: id('mini') })).toMatchObject({
      reason: 'wrong-identity',
    })
  })

  test('answers legacyChallenge() with its host name where there is no state.json', () => {
    const { stdout, stderr } = challenged(folder)

    expect(stdout).toMatch(/^claw-clan-ack ab12 \d+ 0\nhost .+\n$/)
    expect(stdout).toContain(`host ${hostname()}`)
    expect(stderr).toBe('')
  })
})
