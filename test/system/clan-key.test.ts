import { readdirSync, readFileSync } from 'node:fs'
import { appendFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually, type Finished, type Lab, type Machine, openLab } from '../support/lab/lab.ts'

// Whoever steals a peer's clan key has what is tried here: OpenSSH's own client, and every channel it can ask for.
let lab: Lab
let a: Machine
let b: Machine
let hit = ''

beforeAll(async () => {
  lab = await openLab({ machines: ['alpha', 'beta'] })
  a = lab.machine('alpha')
  b = lab.machine('beta')
  for (const [machine, lead] of [
    [a, '1'],
    [b, '2'],
  ] as const)
    await machine.must([
      process.execPath,
      join(import.meta.dirname, '../../src/bin/setup.ts'),
      '--yes',
      '--lead',
      lead,
    ])
  const added = await a.claw('setup-ssh', ['add', 'root', b.ip], { timeoutMs: 60_000 })
  expect(added.stderr).toBe('')
  hit = join(b.home, 'hit')
  // A start file of a careless owner, which forced commands must not run.
  await writeFile(join(b.home, '.ssh', 'rc'), `touch ${hit}\n`)
}, 120_000)
afterAll(() => lab[Symbol.asyncDispose]())

const ALLOWED = [
  ...[
    '-F',
    '/dev/null',
    '-o',
    'BatchMode=yes',
    '-o',
    'StrictHostKeyChecking=yes',
    '-o',
    'IdentitiesOnly=yes',
  ],
  ...['-o', 'IdentityAgent=none', '-o', 'LogLevel=VERBOSE'],
]
const stolen = () => ['-i', join(a.clanHome, 'keys', 'id_ed25519'), ...ALLOWED]
const ssh = (args: readonly string[], input = ''): Promise<Finished> =>
  a.exec(['ssh', ...stolen(), ...args], { input, timeoutMs: 20_000 })
const target = () => `root@${b.ip}`
const isHit = () => readdirSync(b.home).includes('hit')
const REFUSED = 126

describe('with the clan key of a peer', () => {
  test('the two commands of the gate answer', async () => {
    const ping = await ssh([target(), 'ping 0123abcd'])
    const serve = await ssh([target(), 'serve'], '{"id":1,"verb":"inspect"}\n{"id":2,"verb":"sh"}\nno json\n')

    expect(ping.stdout).toMatch(/^claw-clan-ack 0123abcd \d+ 1\n/)
    const lines = serve.stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(lines).toContainEqual(expect.objectContaining({ id: 1, ok: true, gatewayId: 'beta' }))
    expect(lines).toContainEqual(expect.objectContaining({ id: 2, ok: false }))
    expect(lines.filter(({ ok }) => ok === true)).toHaveLength(1)
  })

  test.each([
    'id',
    'touch HIT',
    '/bin/sh',
    'sh -c "touch HIT"',
    'ping',
    'ping zz',
    'ping ab cd',
    'ping ab; touch HIT',
    'ping ab\ntouch HIT',
    'ping $(touch HIT)',
    'ping `touch HIT`',
    "ping ab' ; touch HIT ; '",
    'serve; touch HIT',
    'serve\ntouch HIT',
    'serve --home /tmp',
    'SERVE',
    ' ping ab',
    'claw-peer ping ab',
    '--self-test',
    'scp -t /root',
    '/usr/lib/openssh/sftp-server',
    'rsync --server . /root',
    'git-upload-pack /root',
    `ping ${'a'.repeat(100_000)}`,
  ])('the command %j is refused', async command => {
    const { code, stdout } = await ssh(['--', target(), command.replaceAll('HIT', hit)], `touch ${hit}\n`)

    expect([code, stdout]).toEqual([REFUSED, ''])
    expect(isHit()).toBe(false)
  })

  test('neither a shell nor a terminal is given', async () => {
    const shell = await ssh([target()], `touch ${hit}\nid\n`)
    const terminal = await ssh(['-tt', target(), 'ping ab'])
    const both = await ssh(['-tt', target()], `touch ${hit}\nexit\n`)

    expect([shell.code, shell.stdout]).toEqual([REFUSED, ''])
    for (const { stderr } of [terminal, both]) expect(stderr).toContain('PTY allocation request failed')
    expect(both.stdout).toBe('')
    expect(isHit()).toBe(false)
  })

  test('no file goes there or comes from there: sftp, and scp in both its ways', async () => {
    const mine = join(a.home, 'mine')
    await writeFile(mine, 'x')
    const copies = [
      ['scp', ...stolen(), mine, `${target()}:${hit}`],
      ['scp', '-O', ...stolen(), mine, `${target()}:${hit}`],
      ['scp', ...stolen(), `${target()}:${b.home}/.ssh/id_ed25519`, join(a.home, 'theirs')],
      ['scp', '-O', ...stolen(), `${target()}:${b.home}/.ssh/id_ed25519`, join(a.home, 'theirs')],
      ['sftp', '-b', '-', ...stolen(), target()],
      ['ssh', ...stolen(), '-s', target(), 'sftp'],
    ]

    for (const copy of copies) {
      const { code } = await a.exec(copy, { input: `put ${mine} ${hit}\n`, timeoutMs: 20_000 })
      expect([copy[0], code === 0]).toEqual([copy[0], false])
    }
    expect(isHit()).toBe(false)
    expect(readdirSync(a.home)).not.toContain('theirs')
  })

  test('nothing is forwarded from here through it: no port, no socket, no SOCKS proxy', async () => {
    const socket = join(b.home, 'socket')
    const listener = await b.spawn([
      process.execPath,
      '-e',
      `const s=require('net').createServer(c=>c.end('reached'));s.listen(9000,'127.0.0.1',()=>require('net').createServer(c=>c.end('reached')).listen(${JSON.stringify(socket)},()=>console.log('up')))`,
    ])
    await listener.waitFor(/up/)

    for (const to of ['127.0.0.1:9000', `${b.ip}:22`]) {
      const { code, stdout, stderr } = await ssh(['-W', to, target()])
      expect([to, code, stdout, stderr.includes('prohibited')]).toEqual([to, 255, '', true])
    }
    const forwarder = await a.spawn([
      ...[
        'ssh',
        ...stolen(),
        '-N',
        '-L',
        '7001:127.0.0.1:9000',
        '-L',
        `7002:${socket}`,
        '-D',
        '7003',
        target(),
      ],
    ])
    await forwarder.waitFor(/Authenticated to/)
    const socks = '0x05,1,0,5,1,0,1,127,0,0,1,0x23,0x28' // to 127.0.0.1 port 9000
    for (const [port, hello] of [
      ['7001', '65'],
      ['7002', '65'],
      ['7003', socks],
    ]) {
      const { stdout } = await a.exec([process.execPath, '-e', talk(port ?? '', hello ?? '')])
      expect([port, stdout.includes('reached'), stdout.endsWith('closed\n')]).toEqual([port, false, true])
    }
    await forwarder.stop()
    await listener.stop()
  })

  test('nothing is forwarded from there to here: no port, no socket', async () => {
    for (const way of ['7004:127.0.0.1:22', `${b.ip}:7004:127.0.0.1:22`, `${hit}:127.0.0.1:22`, '7005']) {
      const { code, stderr } = await ssh(['-N', '-o', 'ExitOnForwardFailure=yes', '-R', way, target()])
      expect([way, code]).toEqual([way, 255])
      expect(stderr).toMatch(/remote (port|) ?forwarding failed/)
    }
    expect(isHit()).toBe(false)
  })

  test('no agent, no display and no variable of ours reaches the program', async () => {
    const socket = join(a.home, 'agent')
    const agent = await a.spawn(['ssh-agent', '-D', '-a', socket])
    await agent.waitFor(/SSH_AUTH_SOCK/)
    const canary = 'canary$(touch HIT)'.replace('HIT', hit)
    const env = {
      ...{ HOME: a.home, PATH: '/usr/bin:/bin', SSH_AUTH_SOCK: socket, DISPLAY: ':7' },
      ...Object.fromEntries([...VARIABLES].map(name => [name, canary])),
    }
    const send = [...VARIABLES].flatMap(name => ['-o', `SendEnv=${name}`])
    const serve = await a.spawn(
      ['ssh', ...stolen(), '-A', '-Y', ...send, '-o', 'SetEnv=FOO=canary', target(), 'serve'],
      { env },
    )
    await serve.waitFor(/hello|"protocol"/)

    const program = await eventually('the program behind the gate', () =>
      b.processes().find(({ command }) => /peer/.test(command) && command.includes('node')),
    )
    const given = readFileSync(`/proc/${program.pid}/environ`, 'utf8').split('\0')

    for (const name of [
      'SSH_AUTH_SOCK',
      'DISPLAY',
      'SSH_TTY',
      'FOO',
      'PATH_INFO',
      'NODE_OPTIONS',
      'BASH_ENV',
    ])
      expect(given.filter(line => line.startsWith(`${name}=`))).toEqual([])
    // What Debian's sshd lets through is the language, which changes nothing here.
    expect(given.filter(line => line.includes('canary')).every(line => /^(LANG|LC_\w+)=/.test(line))).toBe(
      true,
    )
    expect(serve.stderr()).toContain('X11 forwarding request failed')
    expect(b.processes().filter(({ command }) => command.includes('xauth'))).toEqual([])
    expect(isHit()).toBe(false)
    await serve.stop()
    await agent.stop()
  })

  test('a language sent along changes no byte of an answer', async () => {
    const plain = await ssh([target(), 'ping ab'])
    const env = {
      HOME: a.home,
      PATH: '/usr/bin:/bin',
      LANG: 'tr_TR.UTF-8',
      LC_ALL: '../../x',
      LC_TIME: '$(id)',
    }
    const sent = await a.exec(['ssh', ...stolen(), '-o', 'SendEnv=LANG LC_*', target(), 'ping ab'], {
      env,
      timeoutMs: 20_000,
    })

    const withoutTime = (text: string) => text.replace(/^(claw-clan-ack ab) \d+/, '$1')
    expect(withoutTime(sent.stdout)).toBe(withoutTime(plain.stdout))
  })

  test('no tunnel device is opened', async () => {
    const { code, stderr } = await ssh(['-N', '-w', 'any:any', '-o', 'ExitOnForwardFailure=yes', target()])

    expect(code).toBe(255)
    expect(stderr).toMatch(/[Tt]unnel|open failed/)
    expect(await b.must(['ip', '-o', 'link'])).not.toMatch(/tun\d|tap\d/)
  })

  test('it all was refused by the key itself: the owner of the same sshd may have it', async () => {
    const owner = ['-o', 'BatchMode=yes']

    expect((await a.exec(['ssh', ...owner, target(), 'id -u'])).stdout).toBe('0\n')
    expect(
      (await a.exec(['ssh', ...owner, '-W', `${b.ip}:22`, target()], { input: 'x\n' })).stdout,
    ).toContain('SSH-2.0')
    await a.must(['scp', ...owner, join(a.home, 'mine'), `${target()}:${b.home}/copied`])
    await appendFile(join(b.home, 'copied'), '')
    expect(readdirSync(b.home)).toContain('copied')
  })
})

const VARIABLES = new Set([
  'LANG',
  'LC_ALL',
  'LC_X',
  'PATH_INFO',
  'NODE_OPTIONS',
  'BASH_ENV',
  'ENV',
  'CLAW_CLAN_HOME',
])

/** Connect to a port here, say something, and print what comes back until it is closed. */
const talk = (port: string, bytes: string) =>
  `const s=require('net').connect(${port},'127.0.0.1');s.on('data',d=>process.stdout.write(d));s.on('error',()=>{});s.on('close',()=>process.stdout.write('closed\\n'));s.write(Buffer.from([${bytes}]));setTimeout(()=>process.exit(),10000).unref()`
