import { execFileSync } from 'node:child_process'
import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import fc from 'fast-check'
import { parse } from 'plist'
import { describe, expect, test } from 'vitest'
import { launchAgentText, templateFolder } from '../../src/adapters/launch-agent.ts'
import { HOSTILE_WORDS } from '../support/hostile-words.ts'
import { anAgent, TEMPLATES } from '../support/launch-agent.ts'
import { temporaryFolder } from '../support/program.ts'

/** What another parser than ours reads: libplist's, or macOS's own. */
function readBack(text: string): unknown {
  const [file, ...args] =
    process.platform === 'darwin'
      ? ['plutil', '-convert', 'xml1', '-o', '-', '-']
      : ['plistutil', '-f', 'bin']
  const other = execFileSync(file ?? '', args, { input: text })
  return process.platform === 'darwin'
    ? parse(other.toString())
    : parse(execFileSync('plistutil', ['-f', 'xml'], { input: other }).toString())
}

describe('a property list', () => {
  test('of a resident program', () => {
    expect(
      launchAgentText(anAgent({ env: { A: '1' } }), TEMPLATES),
    ).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
  <dict>
    <key>Label</key>
    <string>com.openclaw.claw-clan-mdns</string>
    <key>ProgramArguments</key>
    <array>
      <string>/Users/a/.openclaw/claw-clan/bin/claw-register</string>
      <string>run</string>
    </array>
    <key>EnvironmentVariables</key>
    <dict>
      <key>A</key>
      <string>1</string>
    </dict>
    <key>RunAtLoad</key>
    <true/>
    <key>KeepAlive</key>
    <true/>
    <key>ThrottleInterval</key>
    <integer>15</integer>
    <key>ProcessType</key>
    <string>Background</string>
    <key>Umask</key>
    <integer>63</integer>
    <key>WorkingDirectory</key>
    <string>/</string>
    <key>StandardOutPath</key>
    <string>/Users/a/logs/out.log</string>
    <key>StandardErrorPath</key>
    <string>/Users/a/logs/err.log</string>
  </dict>
</plist>
`)
  })

  test('of a program that comes again has its interval as a number', () => {
    const text = launchAgentText(
      anAgent({ when: { kind: 'every', seconds: 900, runAtLoad: false } }),
      TEMPLATES,
    )

    expect(readBack(text)).toEqual({
      Label: 'com.openclaw.claw-clan-mdns',
      ProgramArguments: ['/Users/a/.openclaw/claw-clan/bin/claw-register', 'run'],
      RunAtLoad: false,
      StartInterval: 900,
      ProcessType: 'Background',
      Umask: 63,
      WorkingDirectory: '/',
      StandardOutPath: '/Users/a/logs/out.log',
      StandardErrorPath: '/Users/a/logs/err.log',
    })
  })

  test('gives any words back as they were, to libplist as to ours', () => {
    const argv = ['/bin/x', ...HOSTILE_WORDS]
    const text = launchAgentText(
      anAgent({ argv, env: { X: HOSTILE_WORDS.join(' ') }, stderrLog: `/${HOSTILE_WORDS.join('')}` }),
      TEMPLATES,
    )

    const expected = {
      ProgramArguments: argv,
      EnvironmentVariables: { X: HOSTILE_WORDS.join(' ') },
      StandardErrorPath: `/${HOSTILE_WORDS.join('')}`,
    }
    expect(parse(text)).toMatchObject(expected)
    expect(readBack(text)).toMatchObject(expected)
  })

  test('random words', () => {
    const word = fc
      .string({ unit: 'grapheme' })
      .filter(text => /^\P{C}*$/u.test(text) && !/[\u2028\u2029]/.test(text))
    fc.assert(
      fc.property(fc.array(word), words => {
        const text = launchAgentText(anAgent({ argv: ['/bin/x', ...words] }), TEMPLATES)
        expect(parse(text)).toMatchObject({ ProgramArguments: ['/bin/x', ...words] })
      }),
    )
  })

  test('is made of the templates of the version that runs, or of the sources', async () => {
    await using folder = await temporaryFolder()
    for (const path of ['v/1/dist', 'v/1/launchd', 'repo/src/bin', 'repo/launchd', 'bin'])
      mkdirSync(join(folder.path, path), { recursive: true })
    for (const file of ['v/1/dist/register.js', 'repo/src/bin/register.ts', 'repo/install.ts'])
      writeFileSync(join(folder.path, file), '')
    symlinkSync('../v/1/dist/register.js', join(folder.path, 'bin', 'claw-register'))

    const foldersOf = ['bin/claw-register', 'repo/src/bin/register.ts', 'repo/install.ts'].map(file =>
      relative(realpathSync(folder.path), templateFolder(join(folder.path, file))),
    )

    expect(foldersOf).toEqual(['v/1/launchd', 'repo/launchd', 'repo/launchd'])
  })

  test.each([
    ['a line feed', { argv: ['/bin/x', 'a\nb'] }],
    ['a NUL', { argv: ['/bin/x', 'a\0'] }],
    ['a relative program', { argv: ['x'] }],
    ['a relative log', { stderrLog: 'err.log' }],
    ['a label that is a path', { label: '../x' }],
    ['a bad variable name', { env: { 'A=B': '1' } }],
  ])('cannot be made with %s', (_, facts) => {
    expect(() => launchAgentText(anAgent(facts), TEMPLATES)).toThrow(
      expect.objectContaining({ code: 'bad-input' }),
    )
  })
})
