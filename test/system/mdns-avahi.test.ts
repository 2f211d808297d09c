import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { setUpAll } from '../support/clan.ts'
import { openLab } from '../support/lab/lab.ts'
import { discoverFrom, registered, timeUntil, watchWithAvahi } from '../support/mdns-lab.ts'

const BASH = ['gateway=bash-mini', 'name=Bash Mini', 'lead=7', 'version=1.4.0']

describe('mDNS beside avahi', () => {
  test('avahi resolves what we announce, and we find what avahi announces, also on one machine with us', async () => {
    await using lab = await openLab({ machines: 3 })
    const [ours, bash, fresh] = [lab.machine(1), lab.machine(2), lab.machine(3)]
    await setUpAll([ours, fresh])
    await Promise.all([ours.startAvahi(), bash.startAvahi()])
    await bash.publishWithAvahi({ name: 'Bash.Mini é', type: '_openclaw._tcp', port: 22, txt: BASH })
    await bash.publishWithAvahi({
      name: 'Studio',
      type: '_openclaw-gw._tcp',
      port: 18_789,
      txt: ['role=gateway', 'displayName=Studio Gateway'],
    })
    await registered(ours)

    const seen = await Promise.all([bash, ours].map(machine => machine.browseWithAvahi('_openclaw._tcp')))
    const fromOurs = await discoverFrom(ours, '3')
    const fromFresh = await discoverFrom(fresh, '3')

    for (const browsed of seen) {
      const own = browsed.find(({ name }) => name === 'm1')
      expect(own).toMatchObject({ protocol: 'IPv4', host: 'claw-m1.local', address: ours.ip, port: 22 })
      expect(own?.txt.toSorted()).toEqual([
        'gateway=m1',
        expect.stringMatching(/^id=SHA256:[A-Za-z0-9+/]{43}$/),
        'lead=1',
        'name=m1',
        expect.stringMatching(/^version=\d/),
      ])
    }
    const bashMini = {
      gatewayId: 'bash-mini',
      name: 'Bash Mini',
      ip: bash.ip,
      port: 22,
      leadNumber: 7,
      version: '1.4.0',
      known: 'candidate',
    }
    expect(fromOurs.found).toEqual([expect.objectContaining({ gatewayId: 'm1', known: 'self' }), bashMini])
    expect(fromFresh.found).toEqual([
      expect.objectContaining({ gatewayId: 'm1', known: 'candidate', ip: ours.ip }),
      bashMini,
    ])
    expect(fromFresh.gateways).toEqual([{ name: 'Studio Gateway', ip: bash.ip, port: 18_789 }])
    expect((await readdir(join(fresh.clanHome, 'candidates'))).toSorted()).toEqual([
      'bash-mini.json',
      'm1.json',
    ])
  })

  test('a goodbye is heard at once', async () => {
    await using lab = await openLab({ machines: 2 })
    const [ours, bash] = [lab.machine(1), lab.machine(2)]
    await setUpAll([ours])
    await bash.startAvahi()
    const register = await registered(ours)
    const watch = await watchWithAvahi(bash)
    await watch.waitFor(/^\+;eth0;IPv4;m1;/m)

    const [, goneAfterMs] = await Promise.all([
      register.stop(),
      timeUntil('it is gone', () => /^-;eth0;IPv4;m1;/m.test(watch.stdout()), 5_000),
    ])

    // avahi itself keeps a record for one second after its goodbye (RFC 6762 section 10.1).
    expect(goneAfterMs).toBeLessThan(3_000)
    expect((await register.ended).code).toBe(0)
  })

  test('of two that want one name the later one takes another, whichever of them we are', async () => {
    await using lab = await openLab({ machines: 2 })
    const [ours, bash] = [lab.machine(1), lab.machine(2)]
    await ours.must(['true'])
    await setUpAll([ours])
    await bash.startAvahi()
    const theirs = await bash.publishWithAvahi({ name: 'm1', type: '_openclaw._tcp', port: 22, txt: BASH })

    const renamed = await registered(ours)
    const lines = renamed.stderr()
    await theirs.stop()
    await renamed.stop()
    const register = await registered(ours)
    const later = await bash.spawn(['avahi-publish', '-s', 'm1', '_openclaw._tcp', '22', ...BASH])
    await later.waitFor(/Established under name 'm1 #2'|collision/, 20_000)

    expect(lines).toContain(
      `Renaming: "m1._openclaw._tcp.local", or its host name, belongs to the machine at ${bash.ip}`,
    )
    expect(lines).toContain('Announced as "m1 (2)._openclaw._tcp.local"')
    expect(register.stderr()).toContain('Announced as "m1._openclaw._tcp.local"')
    expect(register.stderr()).not.toContain('Renaming')
  })
})
