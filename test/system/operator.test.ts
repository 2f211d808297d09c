import { readFileSync } from 'node:fs'
import { appendFile, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Daemon, type Machine, openLab } from '../support/lab/lab.ts'

const SETUP_SSH = join(import.meta.dirname, '../../src/bin/setup-ssh.ts')
const ssh = (machine: Machine, ...args: string[]) => machine.claw('setup-ssh', args, { timeoutMs: 60_000 })
const inSsh = (machine: Machine, name: string) => join(machine.home, '.ssh', name)
const peerOf = async (machine: Machine, id: string) =>
  JSON.parse(await readFile(join(machine.clanHome, 'peers', `${id}.json`), 'utf8'))
const setUp = async (machine: Machine, lead: number) => {
  expect((await machine.claw('setup', ['--yes', '--lead', String(lead)])).code).toBe(0)
}

/** Add lines to a machine's sshd_config and start it anew. */
async function configureSshd(machine: Machine, lines: readonly string[]): Promise<void> {
  await appendFile(join(machine.home, '..', 'ssh', 'sshd_config'), `${lines.join('\n')}\n`)
  await machine.sshd.stop()
  await machine.sshd.start()
}

/** The owner's key of a machine under another name: ssh finds it by itself no more. */
async function hideKey(machine: Machine): Promise<string> {
  await rename(inSsh(machine, 'id_ed25519'), inSsh(machine, 'studio_key'))
  await rename(inSsh(machine, 'id_ed25519.pub'), inSsh(machine, 'studio_key.pub'))
  return inSsh(machine, 'studio_key')
}

async function twoMachines(names: readonly string[] = ['alpha', 'beta']) {
  const lab = await openLab({ machines: names, knowsHosts: false })
  const [a, b] = [lab.machine('alpha'), lab.machine('beta')]
  await Promise.all([setUp(a, 1), setUp(b, 2)])
  const { fingerprint } = await b.sshd.hostKey()
  return { lab, a, b, fingerprint, [Symbol.asyncDispose]: () => lab[Symbol.asyncDispose]() }
}

describe("the owner's ssh_config", () => {
  test('leads to a machine by its Host: HostName, Port and IdentityFile count, the typed user wins', async () => {
    await using all = await twoMachines()
    const { a, b, fingerprint } = all
    await configureSshd(b, ['Port 22', 'Port 2222'])
    const key = await hideKey(a)
    const host = ['Host studio', `HostName ${b.ip}`, 'Port 2222', 'User nobody', `IdentityFile ${key}`]
    await writeFile(inSsh(a, 'config'), `${host.join('\n  ')}\n`)

    const added = JSON.parse(
      (await ssh(a, 'add', 'root', 'studio', '--host-key', fingerprint, '--json')).stdout,
    )

    expect(added).toMatchObject({ gatewayId: 'beta', ip: b.ip, sshPort: 2222, reverse: { outcome: 'ack' } })
    expect(await peerOf(a, 'beta')).toMatchObject({
      ip: b.ip,
      sshPort: 2222,
      sshAlias: 'studio',
      sshUser: 'root',
    })
    // A port that is typed wins over the Host's.
    const typed = await ssh(a, 'add', 'root', 'studio', '--port', '22', '--host-key', fingerprint, '--json')
    expect(JSON.parse(typed.stdout)).toMatchObject({ sshPort: 22 })
    expect(await peerOf(a, 'beta')).toMatchObject({ sshPort: 22 })
  })

  test('finds a host key where it says it is: hashed, by port and by HostKeyAlias', async () => {
    await using all = await twoMachines()
    const { a, b } = all
    await configureSshd(b, ['Port 22', 'Port 2222'])
    const { type, key } = await b.sshd.hostKey()
    const known = inSsh(a, 'known_hosts')

    for (const [name, config, args] of [
      [b.ip, '', [b.ip]],
      [`[${b.ip}]:2222`, '', [b.ip, '--port', '2222']],
      ['studio-key', `Host studio\n  HostName ${b.ip}\n  HostKeyAlias studio-key\n`, ['studio']],
    ] as const) {
      await writeFile(known, `${name} ${type} ${key}\n`)
      await a.must(['ssh-keygen', '-H', '-f', known])
      await writeFile(inSsh(a, 'config'), config)

      const { stdout, stderr } = await ssh(a, 'test', 'root', ...args, '--json')

      expect([name, stderr, JSON.parse(stdout).hostKeyBy]).toEqual([name, '', 'known_hosts'])
      expect(await readFile(known, 'utf8')).not.toContain(b.ip)
    }
  })
})

describe('a machine behind a jump host', () => {
  const jumping = async () => {
    const all = await twoMachines(['alpha', 'beta', 'middle'])
    const { a, b, lab } = all
    const middle = lab.machine('middle')
    const { type, key } = await middle.sshd.hostKey()
    await writeFile(inSsh(a, 'known_hosts'), `${middle.ip} ${type} ${key}\n`)
    await writeFile(inSsh(a, 'config'), `Host studio\n  HostName ${b.ip}\n  ProxyJump root@${middle.ip}\n`)
    return { ...all, middle }
  }

  test('has its host key fetched through the jump host, and is enrolled where a direct way leads there too', async () => {
    await using all = await jumping()
    const { a, b, middle, fingerprint } = all
    await all.lab.partition([a], [b])

    const asked = await ssh(a, 'test', 'root', 'studio')
    const tested = await ssh(a, 'test', 'root', 'studio', '--host-key', fingerprint, '--json')
    const before = await b.sshd.log()
    const added = await ssh(a, 'add', 'root', 'studio', '--host-key', fingerprint)

    expect([asked.code, asked.stderr.includes(fingerprint)]).toEqual([2, true])
    expect(JSON.parse(tested.stdout)).toMatchObject({
      ...{ hostKey: fingerprint, hostKeyBy: '--host-key', jump: `root@${middle.ip}` },
      noDirectWay: expect.stringContaining('need a direct way'),
    })
    expect(before).toContain(`Accepted publickey for root from ${middle.ip}`)
    expect(added.code).toBe(1)
    expect(added.stderr).toMatch(/through root@.*need a direct way.*\n {2}next: Name an address/)
    expect(await b.sshd.log()).toBe(before)

    await all.lab.heal()
    const { stdout } = await ssh(a, 'add', 'root', 'studio', '--host-key', fingerprint, '--json')
    expect(JSON.parse(stdout)).toMatchObject({ gatewayId: 'beta', forward: { outcome: 'ack' } })
  })

  test('a jump host that is not known, or lets nobody in, is named as what is in the way', async () => {
    await using all = await jumping()
    const { a, middle, fingerprint } = all
    const tryIt = () => ssh(a, 'test', 'root', 'studio', '--host-key', fingerprint)
    await writeFile(inSsh(middle, 'authorized_keys'), '')
    const denied = await tryIt()
    await writeFile(inSsh(a, 'known_hosts'), '')
    const unknown = await tryIt()
    await middle.sshd.stop()
    const refused = await tryIt()

    for (const { code, stderr } of [denied, unknown, refused]) {
      expect([code, stderr.split('\n').length]).toEqual([1, 3])
      expect(stderr).toMatch(/jump host.*\n {2}next: /)
    }
  })
})

describe("the owner's login", () => {
  test('uses a key that only his agent has', async () => {
    await using all = await twoMachines()
    const { a, b, fingerprint } = all
    const key = await hideKey(a)
    const socket = join(a.home, 'agent')
    const agent = await a.spawn(['ssh-agent', '-D', '-a', socket])
    await agent.waitFor(/SSH_AUTH_SOCK/)
    const env = { SSH_AUTH_SOCK: socket, HOME: a.home, PATH: '/usr/bin:/bin' }
    await a.must(['ssh-add', '-q', key], { env })
    await rename(key, join(a.home, 'elsewhere'))
    const add = ['add', 'root', b.ip, '--host-key', fingerprint, '--json']

    const without = await ssh(a, ...add)
    const { stdout } = await a.claw('setup-ssh', add, { env, timeoutMs: 60_000 })

    expect(without.code).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({ gatewayId: 'beta', forward: { outcome: 'ack' } })
    await agent.stop()
  })

  const PASSWORD = 'canary "pass$word" 7'
  const HASH =
    '$6$clawclan$eJWL4NDk7F.xm6WTEtsmcalGeeCRpVDcD5WEpuJvBe7lLaeQRqCT6vJyxNP8zvFTfq3ZJYV6jloJ6bEVYPqs31'

  /** Beta lets its owner in with a password, and alpha has no key it knows. */
  const withPassword = async () => {
    const all = await twoMachines()
    const { a, b } = all
    await configureSshd(b, ['PermitRootLogin yes', 'PasswordAuthentication yes'])
    const shadow = join(b.home, '..', 'etc', 'shadow')
    await writeFile(
      shadow,
      (await readFile(shadow, 'utf8')).replace('root:*:', () => `root:${HASH}:`),
    )
    await hideKey(a)
    return all
  }
  const onTerminal = (machine: Machine, ...args: string[]): Promise<Daemon> => {
    const command = [process.execPath, SETUP_SSH, ...args].join(' ')
    const env = { HOME: machine.home, PATH: '/usr/sbin:/usr/bin:/sbin:/bin', TERM: 'xterm' }
    return machine.spawn(['script', '-qec', command, '/dev/null'], { env })
  }

  test('asks on a terminal for a password once, and a whole enrolment goes over that login', async () => {
    await using all = await withPassword()
    const { a, b, fingerprint } = all
    const program = await onTerminal(a, 'add', 'root', b.ip, '--host-key', fingerprint)
    await program.waitFor(/password:/, 30_000)
    program.write(`${PASSWORD}\n`)

    const { stdout } = await program.ended

    expect(stdout).toContain('Enrolled beta')
    expect(stdout.match(/password:/g)).toHaveLength(1)
    expect(stdout).toContain(`root@${b.ip}'s password:`)
    expect((await b.sshd.log()).match(/Accepted password/g)).toHaveLength(1)
    expect(stdout).not.toContain('canary')
    expect(a.processes().filter(({ command }) => command.includes('ssh '))).toEqual([])
  })

  test('never asks without a terminal: it names the line that opens the door', async () => {
    await using all = await withPassword()
    const { a, b, fingerprint } = all

    const { code, stderr } = await ssh(a, 'add', 'root', b.ip, '--host-key', fingerprint)

    expect(code).toBe(1)
    expect(stderr).toContain(`ssh-copy-id root@${b.ip}`)
    expect(stderr).toContain('Remote Login')
  })

  test('leaves no secret on a command line, in an environment, in a file, a log or a message', async () => {
    await using all = await withPassword()
    const { a, b, fingerprint } = all
    const own = inSsh(a, 'id_ed25519')
    await a.must(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'canary comment', '-f', own])
    const keyFiles = [own, ...[a, b].map(({ clanHome }) => join(clanHome, 'keys', 'id_ed25519'))]
    const bodies = await Promise.all(
      keyFiles.map(async file => (await readFile(file, 'utf8')).slice(100, 160)),
    )
    const secrets = ['canary', 'pass$word', ...bodies]
    const seen = new Set<string>()
    const watch = setInterval(() => {
      for (const text of [...givenTo(a), ...givenTo(b)]) seen.add(text)
    }, 5)

    const program = await onTerminal(a, 'add', 'root', b.ip, '--host-key', fingerprint)
    await program.waitFor(/password:/, 30_000)
    program.write('canary wrong\n')
    await program.waitFor(/password:[\s\S]*password:/, 30_000)
    program.write(`${PASSWORD}\n`)
    const { stdout } = await program.ended
    const runs = [
      await ssh(a, 'check'),
      await ssh(a, 'test', 'root', b.ip),
      await ssh(a, 'test', 'root', b.ip, '--identity', own, '--json'),
      await ssh(a, 'add', 'root', b.ip, '--identity', '/nowhere/key'),
      await a.claw('ping', ['--json']),
      await a.claw('status', ['--json']),
      await a.claw('discover', ['1', '--json']),
      await a.claw('setup', ['schedule', '--no-wait', '--json']),
      await a.claw('doctor', ['--all']),
      await ssh(a, 'forget', 'beta', '--only-here'),
      await a.claw('setup', ['uninstall', '--keep-data']),
    ]
    clearInterval(watch)

    expect(stdout).toContain('Enrolled beta')
    expect(runs.slice(4).map(({ code }) => code)).toEqual(Array.from({ length: 7 }, () => 0))
    expect(seen.size).toBeGreaterThan(20)
    const messages = [stdout, ...runs.flatMap(run => [run.stdout, run.stderr])]
    const mine = [own, `${own}.pub`, ...keyFiles]
    const files = await everyFile([join(a.home, '..'), join(b.home, '..')], mine)
    for (const secret of secrets) {
      const hits = [...seen, ...messages, ...files].filter(text => text.includes(secret))
      expect([secret.slice(0, 6), hits]).toEqual([secret.slice(0, 6), []])
    }
  })
})

/** Command line and environment of everything that runs on a machine. */
function givenTo(machine: Machine): readonly string[] {
  return machine.processes().flatMap(({ pid, command }) => {
    try {
      return [command, readFileSync(`/proc/${pid}/environ`, 'latin1')]
    } catch {
      return [command]
    }
  })
}

/** Every file below some folders, its path before its content; without those whose content is the secret. */
async function everyFile(folders: readonly string[], without: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(
    folders.map(folder => readdir(folder, { recursive: true, withFileTypes: true })),
  )
  const paths = found
    .flat()
    .filter(entry => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
  const kept = paths.filter(path => !without.includes(path))
  return Promise.all(kept.map(async path => `${path}\n${await readFile(path, 'latin1')}`))
}

test('a machine, its name and its folders may be called anything: all of it arrives as it is', async () => {
  await using lab = await openLab({ machines: ['alpha', 'beta'] })
  const [a, b] = [lab.machine('alpha'), lab.machine('beta')]
  const names = [`it's "$(touch hit)" \`touch hit\` %h %s`, `-oProxyCommand=x </string> ;&|*? B\u00fcro`]
  const home = join(a.home, `it's "$(touch hit)" %h home`)
  const claw = (program: string, ...args: string[]) =>
    a.claw(program, [...args, '--home', home], { timeoutMs: 60_000 })
  expect((await claw('setup', '--yes', '--lead', '1', `--name=${names[0]}`)).stderr).toBe('')
  expect((await b.claw('setup', ['--yes', '--lead', '2', `--name=${names[1]}`])).stderr).toBe('')

  const { stdout, stderr } = await claw('setup-ssh', 'add', 'root', b.ip, '--json')

  expect(stderr).toBe('')
  expect(JSON.parse(stdout)).toMatchObject({ name: names[1], reverse: { outcome: 'ack' } })
  expect((await peerOf(b, 'alpha')).name).toBe(names[0])
  for (const folder of [a.home, b.home, home, '/', process.cwd()])
    expect(await readdir(folder)).not.toContain('hit')
})
