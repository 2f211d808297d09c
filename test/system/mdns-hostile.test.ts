import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { enrolAll, setUpAll, statusOf } from '../support/clan.ts'
import { type Machine, openLab } from '../support/lab/lab.ts'
import { discoverFrom, registered } from '../support/mdns-lab.ts'

const SPOOFER = join(import.meta.dirname, '..', 'support', 'mdns-spoofer.ts')
// biome-ignore lint/suspicious/noControlCharactersInRegex: none may reach a terminal
const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/

const spoof = (from: Machine, sources: readonly string[], { count = 10_000, perSecond = 3_000 } = {}) =>
  from.spawn([process.execPath, SPOOFER, String(count), String(perSecond), 'm2', '10.77.1.2', ...sources])

/** Everything below a folder with its content, but not what the keep function leaves out. */
async function treeOf(
  root: string,
  keeps: (path: string) => boolean = () => true,
): Promise<readonly string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  const files = entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
  const kept = files.filter(keeps).toSorted()
  return Promise.all(kept.map(async file => `${file} ${await readFile(file, 'base64')}`))
}

/** User and system time of a process so far, in seconds. */
async function cpuSeconds(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /s, '').split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

describe('a spoofer with 10,000 packets', () => {
  test('changes no peer, no leader and nothing outside the home, and ends no process', async () => {
    await using lab = await openLab({ machines: 3 })
    const [victim, peer, spoofer] = [lab.machine(1), lab.machine(2), lab.machine(3)]
    await setUpAll([victim, peer])
    await enrolAll([victim, peer])
    const [register] = [await registered(victim), await registered(peer)]
    await victim.claw('ping', ['--once'])
    await discoverFrom(victim, '2')
    const peersBefore = await treeOf(join(victim.clanHome, 'peers'))
    const outsideBefore = await treeOf(victim.home, path => !path.startsWith(victim.clanHome))
    const { leader } = await statusOf(victim)
    const cpuBefore = await cpuSeconds(register.pid)

    const flood = await spoof(spoofer, [spoofer.ip])
    const during = await discoverFrom(victim, '4')
    const text = await victim.claw('discover', ['1'])
    await flood.ended
    const cpu = (await cpuSeconds(register.pid)) - cpuBefore

    process.stdout.write(`${flood.stdout().trim()}; claw-register spent ${cpu.toFixed(2)} s of CPU\n`)
    expect(flood.stdout()).toContain('sent 10000')
    expect(await treeOf(join(victim.clanHome, 'peers'))).toEqual(peersBefore)
    expect(await treeOf(victim.home, path => !path.startsWith(victim.clanHome))).toEqual(outsideBefore)
    expect(await statusOf(victim)).toMatchObject({
      leader,
      peers: [{ gatewayId: 'm2', leadNumber: 2, ip: peer.ip, status: 'online' }],
    })
    const candidates = await readdir(join(victim.clanHome, 'candidates'))
    expect(candidates.length).toBeLessThanOrEqual(256)
    expect(candidates.filter(name => !/^[a-z0-9]+\.json$/.test(name))).toEqual([])
    const ofPeer = during.found.filter(({ gatewayId }) => gatewayId.toLowerCase() === 'm2')
    expect(ofPeer).toContainEqual(expect.objectContaining({ ip: peer.ip, leadNumber: 2, known: 'enrolled' }))
    expect(ofPeer.filter(({ ip }) => ip !== peer.ip).map(({ known }) => known)).not.toContain('enrolled')
    expect(during.warnings.filter(line => line.includes(spoofer.ip)).length).toBeGreaterThan(0)
    expect(`${text.stdout}${text.stderr}${register.stderr()}`.replaceAll('\n', '')).not.toMatch(CONTROL)
    expect(text.code).toBe(0)
    // At most three proofs a run were asked for, two runs were made.
    expect((await spoofer.sshd.log()).split('Connection from').length - 1).toBeLessThanOrEqual(6)
    expect(cpu).toBeLessThan(1.5)
    // It lives, and is heard by others, if under another name.
    expect((await discoverFrom(peer, '3')).found).toContainEqual(
      expect.objectContaining({ gatewayId: 'm1', ip: victim.ip, known: 'enrolled' }),
    )
    expect((await register.stop()).code).toBe(0)
  })

  test('that come from 200 addresses hide no enrolled peer and leave at most 256 candidates', async () => {
    await using lab = await openLab({ machines: 3 })
    const [victim, peer, spoofer] = [lab.machine(1), lab.machine(2), lab.machine(3)]
    await setUpAll([victim, peer])
    await enrolAll([victim, peer])
    await Promise.all([registered(victim), registered(peer)])
    await discoverFrom(victim, '2')
    const before = await treeOf(join(victim.clanHome, 'peers'))
    const sources = Array.from({ length: 200 }, (_, at) => `10.77.5.${at + 1}`)
    await spoofer.must(['ip', '-batch', '-'], {
      input: sources.map(ip => `addr add ${ip}/16 dev eth0\n`).join(''),
    })

    const flood = await spoof(spoofer, sources)
    const { found, warnings } = await discoverFrom(victim, '4')
    await flood.ended

    expect(found).toContainEqual(expect.objectContaining({ gatewayId: 'm2', ip: peer.ip, known: 'enrolled' }))
    expect(found.length).toBeLessThanOrEqual(256)
    const candidates = await readdir(join(victim.clanHome, 'candidates'))
    process.stdout.write(`${candidates.length} candidates of ${found.length} machines found\n`)
    expect(candidates.length).toBeGreaterThan(0)
    expect(candidates.length).toBeLessThanOrEqual(256)
    expect(warnings.join('\n')).toMatch(/Dropped \d+ mDNS packets.* 10\.77\.5\.\d+/)
    expect(await treeOf(join(victim.clanHome, 'peers'))).toEqual(before)
  })
})
