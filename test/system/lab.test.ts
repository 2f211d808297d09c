import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { eventually, type Machine, openLab } from '../support/lab/lab.ts'

const STRICT = ['-oBatchMode=yes', '-oStrictHostKeyChecking=yes']
const ssh = (from: Machine, target: string, command = 'true', seconds = 2) =>
  from.exec(['ssh', ...STRICT, `-oConnectTimeout=${seconds}`, target, command])

/** What one TCP connection to the machine's port 9, where nobody listens, comes to within a second. */
const knock = async (from: Machine, ip: string) => {
  const script = `const socket = require('node:net').connect({ host: process.argv[1], port: 9, timeout: 1000 })
    socket.on('error', ({ code }) => console.log(code)).on('timeout', () => process.exit(console.log('silence')))`
  return (await from.must([process.execPath, '-e', script, ip])).trim()
}

const ALIVE = 'ECONNREFUSED'
const ROUTER = '10.77.0.1'

/** Tries until it works: ARP entries of a healed network take their time. */
const reaches = (from: Machine, target: string) =>
  eventually(`${from.hostName} reaches ${target}`, async () => (await ssh(from, target)).code === 0, {
    timeoutMs: 20_000,
  })

describe('the machines of a lab', () => {
  test('reach each other by ssh with their owner key and known host keys', async () => {
    await using lab = await openLab({ machines: ['alpha', 'beta'] })
    const [alpha, beta] = [lab.machine('alpha'), lab.machine('beta')]

    const there = await ssh(alpha, 'beta', 'echo $HOME; hostname; cat /etc/hostname; id -un')
    const back = await ssh(beta, alpha.ip, 'echo $HOME')

    expect(there.stdout).toBe(`${beta.home}\nbeta\nbeta\nroot\n`)
    expect(back.stdout).toBe(`${alpha.home}\n`)
  })

  test('are strangers to each other when asked to be', async () => {
    await using lab = await openLab({ machines: 2, knowsHosts: false })

    const { code, stderr } = await ssh(lab.machine(1), 'm2')

    expect(code).toBe(255)
    expect(stderr).toContain('Host key verification failed')
  })

  test('have their own /run, /var/log, cron spool, processes and interfaces', async () => {
    await using lab = await openLab({ machines: 2 })
    const [a, b] = [lab.machine(1), lab.machine(2)]

    await a.must(['crontab', '-'], { input: '* * * * * true\n' })
    await a.must(['sh', '-c', 'echo here > /run/mark; echo here > /var/log/mark'])

    expect(await a.must(['crontab', '-l'])).toBe('* * * * * true\n')
    expect((await b.exec(['crontab', '-l'])).stderr).toContain('no crontab for root')
    expect(await b.must(['ls', '/run', '/var/log'])).not.toContain('mark')
    expect(readFileSync(a.inside('/run/mark'), 'utf8')).toBe('here\n')
    expect(await a.must(['ip', '-br', '-4', 'addr'])).toMatch(
      /^lo .*127\.0\.0\.1\/8 *\neth0@\S+ +UP +10\.77\.1\.1\/16 *\n$/,
    )
    expect(b.processes().map(({ command }) => command.split(' ')[0])).toEqual(['sshd:', 'sleep'])
  })

  test('run a program with exactly the environment and input that were given', async () => {
    await using lab = await openLab({ machines: 1 })
    const a = lab.machine(1)
    const script =
      'process.stdin.pipe(process.stdout); console.log(JSON.stringify(process.env), process.cwd())'

    const { stdout } = await a.exec([process.execPath, '-e', script], {
      env: { HOME: a.home },
      input: 'given',
    })

    expect(stdout).toBe(`${JSON.stringify({ HOME: a.home })} ${a.home}\ngiven`)
  })

  test('end a program that passes its deadline, and what it started', async () => {
    await using lab = await openLab({ machines: 1 })
    const a = lab.machine(1)

    const late = a.exec(['sh', '-c', 'echo begun; sleep 4321 & wait'], { timeoutMs: 300 })

    await expect(late).rejects.toThrow(/within 300 ms: .*begun/s)
    await eventually('no sleep is left', () => !a.processes().some(({ command }) => command === 'sleep 4321'))
  })

  test('keep a daemon until it is stopped, and tell how it ended', async () => {
    await using lab = await openLab({ machines: 1 })
    const script =
      'trap "echo bye; exit 7" TERM; trap "echo again" HUP; echo up; while :; do sleep 0.05; done'

    const daemon = await lab.machine(1).spawn(['sh', '-c', script])
    await daemon.waitFor(/up/)
    daemon.signal('SIGHUP')
    await daemon.waitFor(/again/)

    expect(await daemon.stop()).toMatchObject({ code: 7, signal: null, stdout: 'up\nagain\nbye\n' })
    await expect(daemon.waitFor(/never said/)).rejects.toThrow(/Ended without .*bye/s)
  })
})

describe('the sshd of a machine', () => {
  test('refuses when stopped, hangs when frozen, answers again afterwards', async () => {
    await using lab = await openLab({ machines: 2 })
    const [a, b] = [lab.machine(1), lab.machine(2)]

    await b.sshd.stop()
    expect((await ssh(a, 'm2')).stderr).toContain('Connection refused')
    await b.sshd.start()
    await reaches(a, 'm2')

    await b.sshd.freeze()
    expect((await ssh(a, 'm2')).stderr).toMatch(/timed out/)
    await b.sshd.thaw()
    await reaches(a, 'm2')
  })

  test('freezes sessions that are logged in already', async () => {
    await using lab = await openLab({ machines: 2 })
    const [a, b] = [lab.machine(1), lab.machine(2)]
    const session = await a.spawn(['ssh', ...STRICT, 'm2', 'while read line; do echo "heard $line"; done'])
    session.write('one\n')
    await session.waitFor(/heard one/)

    await b.sshd.freeze()
    session.write('two\n')
    await expect(session.waitFor(/heard two/, 400)).rejects.toThrow('Waited 400 ms')
    await b.sshd.thaw()

    await session.waitFor(/heard two/)
  })

  test('changes its host key, which is not the one others know', async () => {
    await using lab = await openLab({ machines: 2 })
    const [a, b] = [lab.machine(1), lab.machine(2)]
    const before = await b.sshd.hostKey()

    const after = await b.sshd.swapHostKey()

    expect(after.fingerprint).not.toBe(before.fingerprint)
    const refused = await ssh(a, 'm2')
    expect(refused.stderr).toContain('REMOTE HOST IDENTIFICATION HAS CHANGED')
    expect(refused.stderr).toContain(after.fingerprint)
    expect(await b.sshd.log()).toContain('Server listening on 0.0.0.0 port 22')
  })
})

describe('a machine fails and comes back', () => {
  test('kill() is silent to others, ends every process, keeps files; boot() brings it back', async () => {
    await using lab = await openLab({ machines: 2 })
    const [a, b] = [lab.machine(1), lab.machine(2)]
    await writeFile(join(b.home, 'kept'), 'kept')
    await b.must(['sh', '-c', 'echo gone > /run/gone'])
    const [daemon, session] = [
      await b.spawn(['sleep', '1000']),
      await a.spawn(['ssh', ...STRICT, 'm2', 'echo in; sleep 1000']),
    ]
    await session.waitFor(/in/)

    await b.kill()

    expect((await daemon.ended).signal).toBe('SIGKILL')
    expect(await knock(a, b.ip)).toBe('silence')
    expect(a.processes().some(({ pid }) => pid === session.pid)).toBe(true)
    await expect(async () => b.exec(['true'])).rejects.toThrow('boot() it first')

    await b.boot()

    await reaches(a, 'm2')
    expect(await b.must(['cat', 'kept'])).toBe('kept')
    expect(await b.must(['ls', '/run'])).toBe('lock\nsshd\nsshd.pid\n')
  })

  test('freeze() stops every process and thaw() lets them go on', async () => {
    await using lab = await openLab({ machines: 2 })
    const [a, b] = [lab.machine(1), lab.machine(2)]
    const ticking = await b.spawn(['sh', '-c', 'while :; do echo tick; sleep 0.02; done'])
    await ticking.waitFor(/tick/)

    await b.freeze()
    const ticks = ticking.stdout().length
    expect((await ssh(a, 'm2')).stderr).toMatch(/timed out/)
    expect(ticking.stdout().length - ticks).toBeLessThanOrEqual('tick\n'.length)
    await b.thaw()

    await eventually('it ticks', () => ticking.stdout().length > ticks + 20)
    await reaches(a, 'm2')
  })

  test('cut() makes it a host nobody finds, blackhole() one whose connections hang, heal() ends both', async () => {
    await using lab = await openLab({ machines: 3 })
    const [a, b, c] = [lab.machine(1), lab.machine(2), lab.machine(3)]

    await b.cut()
    expect((await ssh(a, 'm2', 'true', 20)).stderr).toContain('No route to host')
    expect(await knock(b, ROUTER)).toBe('silence')
    expect(await knock(a, c.ip)).toBe(ALIVE)
    await b.blackhole()
    expect((await ssh(a, 'm2')).stderr).toContain('timed out')
    await b.heal()

    await reaches(a, 'm2')
  })

  test.each([
    { direction: 'out', arrives: true },
    { direction: 'in', arrives: false },
  ] as const)(
    'a black hole for what goes $direction swallows nothing else',
    async ({ direction, arrives }) => {
      await using lab = await openLab({ machines: 2 })
      const [a, b] = [lab.machine(1), lab.machine(2)]
      const before = await counter(b, 'Tcp', 'InSegs')

      await b.blackhole(direction)

      expect(await knock(a, b.ip)).toBe('silence')
      expect((await counter(b, 'Tcp', 'InSegs')) > before).toBe(arrives)
    },
  )

  test('unplug() is seen by the machine itself', async () => {
    await using lab = await openLab({ machines: 1 })
    const a = lab.machine(1)

    await a.unplug()
    await eventually('the link is down', async () =>
      (await a.must(['ip', '-br', 'link'])).includes('NO-CARRIER'),
    )
    await a.plug()

    await eventually('the router answers', async () => (await knock(a, ROUTER)) === ALIVE)
  })

  test('partition() parts two groups and leaves each whole', async () => {
    await using lab = await openLab({ machines: 3 })
    const [a, b, c] = [lab.machine(1), lab.machine(2), lab.machine(3)]

    await lab.partition([a, b], [c])
    const [inside, out, into, toRouter] = await Promise.all([
      knock(a, b.ip),
      knock(a, c.ip),
      knock(c, b.ip),
      knock(c, ROUTER),
    ])

    expect({ inside, out, into, toRouter }).toEqual({
      inside: ALIVE,
      out: 'silence',
      into: 'silence',
      toRouter: ALIVE,
    })
    await lab.heal()
    await eventually('all is well', async () => (await knock(c, b.ip)) === ALIVE)
  })

  test('lose(30) loses about that much', async () => {
    await using lab = await openLab({ machines: 2 })
    const [a, b] = [lab.machine(1), lab.machine(2)]
    const script = `const socket = require('node:dgram').createSocket('udp4')
      const send = left => left > 0 ? socket.send('x', 9, process.argv[1], () => send(left - 1)) : socket.close()
      send(1000)`
    await knock(a, b.ip) // ARP is done

    await lab.lose(30)
    const before = await counter(b, 'Udp', 'NoPorts')
    await a.must([process.execPath, '-e', script, b.ip])
    const arrived = (await counter(b, 'Udp', 'NoPorts')) - before

    // 700 are expected; five standard deviations are 72
    expect(arrived).toBeGreaterThan(628)
    expect(arrived).toBeLessThan(772)
  })

  test('the router can go away', async () => {
    await using lab = await openLab({ machines: 1 })
    const a = lab.machine(1)
    expect(await knock(a, ROUTER)).toBe(ALIVE)

    await lab.router.down()
    expect(await knock(a, ROUTER)).toBe('silence')
    await lab.router.up()

    expect(await knock(a, ROUTER)).toBe(ALIVE)
  })

  test('address, interface and host name change under way', async () => {
    await using lab = await openLab({ machines: 2 })
    const [a, b] = [lab.machine(1), lab.machine(2)]
    const [oldIp, oldLink] = [b.ip, await b.must(['cat', '/sys/class/net/eth0/ifindex'])]

    await b.changeAddress('10.77.9.9')
    await b.changeHostName('renamed')
    await b.renewInterface()

    expect(await b.must(['cat', '/sys/class/net/eth0/ifindex'])).not.toBe(oldLink)
    expect(await knock(a, oldIp)).not.toBe(ALIVE)
    expect(b.ip).toBe('10.77.9.9')
    const named = await a.must(['ssh', ...STRICT, '-oHostKeyAlias=m2', b.ip, 'hostname; cat /etc/hostname'])
    expect(named).toBe('renamed\nrenamed\n')
    expect(lab.machine('renamed')).toBe(b)
  })
})

/** One counter of a machine's network, from the two lines per protocol of /proc/net/snmp. */
async function counter(machine: Machine, protocol: string, name: string): Promise<number> {
  const lines = (await machine.must(['cat', '/proc/net/snmp']))
    .split('\n')
    .filter(line => line.startsWith(`${protocol}:`))
  const [names, values] = lines.map(line => line.split(' '))
  return Number(values?.[names?.indexOf(name) ?? -1])
}
