import { expect, test } from 'vitest'
import { parseRun, runScript } from '../../../src/fleet/install-step.ts'
import { parseSurvey, surveyScript } from '../../../src/fleet/install-survey.ts'

const nonce = '0123456789abcdef'

test('runScript() quotes every word and runs nothing unless all of it arrived', () => {
  expect(runScript(["/home/o'x/bin/claw-setup", '--name', '$(id)\n"'], nonce)).toBe(
    `{\nprintf '\\nclaw-clan-run %s\\n' ${nonce}\n'/home/o'\\''x/bin/claw-setup' '--name' '$(id)\n"' </dev/null\nprintf '\\nclaw-clan-ran %s %s\\n' ${nonce} "$?"\nexit\n}\n`,
  )
})

test.each([
  ['runScript', () => runScript(['/x'], '$(id)')],
  ['surveyScript', () => surveyScript('$(id)', undefined)],
])('%s() takes no nonce that is not hex', (_, make) => {
  expect(make).toThrow(TypeError)
})

test('parseRun() gives what stands between the marks, and the last complaint', () => {
  const stdout = `hello\n\nclaw-clan-run ${nonce}\n{"a":1}\n\nclaw-clan-ran ${nonce} 3\n`

  expect(parseRun(stdout, 'noise\nwhy\n', nonce)).toEqual({ code: 3, stdout: '{"a":1}\n', complaint: 'why' })
})

test.each([
  ['the end is missing', `\nclaw-clan-run ${nonce}\n{}`],
  ['the beginning is missing', `\nclaw-clan-ran ${nonce} 0\n`],
  ['another nonce', `\nclaw-clan-run ffffffffffffffff\n\nclaw-clan-ran ffffffffffffffff 0\n`],
])('parseRun() believes nothing when %s', (_, stdout) => {
  expect(() => parseRun(stdout, '', nonce)).toThrow(expect.objectContaining({ code: 'bad-answer' }))
})

const lines = (...more: string[]) =>
  [
    ...['motd', 'home /fake', '', `claw-clan-survey ${nonce}`, 'home /home/a b/.openclaw/claw-clan'],
    ...[
      'system Darwin',
      'machine arm64',
      'host studio.local',
      'address 10.0.0.1',
      'free 1234',
      'writable yes',
    ],
    ...['set-up yes', 'id studio', 'current 2.0.0-0123456789ab', ...more, `end ${nonce}`, ''],
  ].join('\n')

test('parseSurvey() reads facts and nodes past what the start files print', () => {
  const stdout = lines(
    'node 20.1.0 /usr/bin/node',
    'node ? /opt/x y/node',
    'node 24.11.0 /opt/homebrew/bin/node',
  )

  expect(parseSurvey(stdout, nonce)).toEqual({
    ...{
      home: '/home/a b/.openclaw/claw-clan',
      system: 'Darwin',
      machine: 'arm64',
      hostName: 'studio.local',
    },
    ...{ ownAddress: '10.0.0.1', freeKb: 1234, isWritable: true, setUp: 'yes', gatewayId: 'studio' },
    current: '2.0.0-0123456789ab',
    nodes: [
      { path: '/usr/bin/node', version: '20.1.0' },
      { path: '/opt/x y/node', version: undefined },
      { path: '/opt/homebrew/bin/node', version: '24.11.0' },
    ],
  })
})

test.each([
  ['id ../x', { gatewayId: undefined }],
  ['free much', { freeKb: undefined }],
  ['current ', { current: undefined }],
  ['writable no', { isWritable: false }],
  ['set-up perhaps', { setUp: 'no' }],
])('parseSurvey() takes %j for what it is worth', (line, expected) => {
  const [key] = line.split(' ')
  const stdout = lines().replace(new RegExp(`^${key} .*$`, 'm'), line)

  expect(parseSurvey(stdout, nonce)).toMatchObject(expected)
})

test('parseSurvey() believes nothing that was cut', () => {
  const whole = lines()
  const end = whole.indexOf(`\nend ${nonce}\n`)

  for (const text of ['', whole.slice(0, end), whole.slice(whole.indexOf('system'))])
    expect(() => parseSurvey(text, nonce)).toThrow(expect.objectContaining({ code: 'bad-answer' }))
})
