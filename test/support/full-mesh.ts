import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { writeLaunchers } from '../../src/adapters/gate.ts'
import { homePaths } from '../../src/adapters/home-paths.ts'
import { ensureClanKey } from '../../src/adapters/ssh-keys.ts'
import { publicPart } from '../../src/fleet/identity.ts'
import { anIdentity, aPeer, id } from './builders.ts'
import type { Machine } from './lab/lab.ts'

const PEER_PROGRAM = resolve(import.meta.dirname, '../../src/bin/peer.ts')

/**
 * Make every machine of a lab a peer of every other by writing their homes, as `add` would have left them. For crowds:
 * 50 machines are 1,225 pairs.
 */
export async function writeFullMesh(machines: readonly Machine[], settings: object): Promise<void> {
  const members = await Promise.all(machines.map(member))
  await Promise.all(members.map(self => writeHome(self, members, settings)))
}

type Member = Awaited<ReturnType<typeof member>>

async function member(machine: Machine) {
  const paths = homePaths(machine.clanHome)
  await Promise.all([paths.peers, paths.logs].map(folder => mkdir(folder, { recursive: true, mode: 0o700 })))
  const key = await ensureClanKey(paths, `claw-clan:${machine.hostName}`)
  return { machine, paths, gatewayId: id(machine.hostName), key, hostKey: await machine.sshd.hostKey() }
}

async function writeHome(self: Member, members: readonly Member[], settings: object): Promise<void> {
  const { machine, paths, gatewayId } = self
  const identity = anIdentity({
    gatewayId,
    sshUser: machine.user,
    ip: machine.ip,
    leadNumber: members.indexOf(self) + 1,
  })
  const others = members.filter(other => other !== self)
  const pins = others.map(
    ({ gatewayId, machine, hostKey }) => `${gatewayId},[${machine.ip}]:22 ${hostKey.type} ${hostKey.key}\n`,
  )
  const grants = others.map(({ key }) => `restrict,command="${paths.bin}/claw-peer" ${key.publicKey}\n`)
  writeLaunchers({ paths, node: process.execPath, programs: { peer: PEER_PROGRAM } })
  await writePrivate(paths.state, JSON.stringify(identity))
  await writePrivate(paths.identity, `${JSON.stringify(publicPart(identity))}\n`)
  await writePrivate(paths.config, JSON.stringify(settings))
  await writePrivate(paths.knownHosts, pins.join(''))
  const keysFile = join(machine.home, '.ssh', 'authorized_keys')
  await writePrivate(keysFile, (await readFile(keysFile, 'utf8')) + grants.join(''))
  for (const other of others) {
    const peer = aPeer({ gatewayId: other.gatewayId, ip: other.machine.ip, sshUser: other.machine.user })
    await writePrivate(join(paths.peers, `${other.gatewayId}.json`), JSON.stringify(peer))
  }
}

async function writePrivate(file: string, text: string): Promise<void> {
  await writeFile(file, text)
  await chmod(file, 0o600)
}
