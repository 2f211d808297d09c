import { describe, expect, test } from 'vitest'
import { bashLines, withoutBashLines } from '../../../src/fleet/bash-crontab.ts'

const S = '/Users/claw/.openclaw/claw-clan/scripts'
const L = '/Users/claw/.openclaw/claw-clan/logs'

describe('lines of the bash version', () => {
  test.each([
    `*/15 * * * * ${S}/claw-ping.sh >> ${L}/ping.log 2>&1 # claw-clan`,
    `*/5 * * * * ${S}/claw-monitor.sh gw1 >> ${L}/monitor.log 2>&1 # claw-clan-monitor-gw1`,
    '*/15 * * * * $HOME/.openclaw/claw-clan/scripts/claw-ping.sh >> $HOME/.openclaw/claw-clan/logs/ping.log 2>&1 # claw-clan',
    `*/15 * * * * \${HOME}/.openclaw/claw-clan/scripts/claw-ping.sh >> \${HOME}/.openclaw/claw-clan/logs/ping.log 2>&1`,
    '*/15 * * * * ~/.openclaw/claw-clan/scripts/claw-ping.sh',
    `0,15,30,45 * * * mon-fri ${S}/claw-ping.sh`,
    `@hourly ${S}/claw-ping.sh # claw-clan`,
    `*/15 * * * * /bin/bash ${S}/claw-ping.sh >/dev/null 2>&1`,
    `*/15 * * * * bash "${S}/claw-ping.sh" >> "${L}/ping.log" 2>&1`,
    `*/15\t*\t*\t*\t*\t${S}/claw-ping.sh\r`,
  ])('%s', line => {
    expect(bashLines(`a\n${line}\nb`)).toEqual([line.replace(/\r$/, '')])
    expect(withoutBashLines(`a\n${line}\nb`)).toBe('a\nb')
  })
})

describe('lines of the owner', () => {
  test.each([
    `# */15 * * * * ${S}/claw-ping.sh`,
    `*/15 * * * * ${S}/claw-ping.sh && curl https://example.org/alive`,
    `*/15 * * * * ${S}/claw-ping.sh; rm -rf /tmp/x`,
    `*/15 * * * * ${S}/claw-ping.sh | mail me`,
    `*/15 * * * * ${S}/claw-ping.sh >> $(date +\\%F).log`,
    `*/15 * * * * sleep 3; ${S}/claw-ping.sh`,
    `*/15 * * * * ${S}/claw-ping.sh.bak`,
    `*/15 * * * * ${S}/my-claw-ping.sh`,
    '*/15 * * * * /home/me/claw-ping.sh',
    '*/15 * * * * /home/me/claw-clan/src/claw-ping.sh',
    `*/5 * * * * ${S}/claw-monitor.sh`,
    `*/5 * * * * ${S}/claw-monitor.sh gw1 gw2`,
    `*/15 * * * * ${S}/claw-discover.sh 5`,
    `PING=${S}/claw-ping.sh`,
    '7,22 * * * * /bin/sh -c \'exec "$@"\' /x/claw-clan/bin/claw-ping # claw-clan mini ping',
  ])('%s', line => {
    expect(bashLines(line)).toEqual([])
    expect(withoutBashLines(line)).toBe(line)
  })
})

test('everything else keeps its bytes, the missing last line end too', () => {
  const foreign = ['# \xfcber\r\n', 'MAILTO=""\n', '\0\n', '5 4 * * * true']
  const line = `*/15 * * * * ${S}/claw-ping.sh # claw-clan\n`

  expect(withoutBashLines([...foreign.slice(0, 2), line, ...foreign.slice(2)].join(''))).toBe(
    foreign.join(''),
  )
})
