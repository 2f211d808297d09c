// The home of the machine that pings: as claw-setup and claw-setup-ssh would have left it.
import { copyFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type HomePaths, homePaths } from '../src/adapters/home-paths.ts'
import { HOST } from './sshd-farm.ts'

export type BenchPeer = { readonly gatewayId: string; readonly port: number }

export type BenchHome = {
  readonly user: string
  readonly peers: readonly BenchPeer[]
  /** Absent for a home that never probes. */
  readonly keyFile?: string
  readonly hostKey?: string
  /** Keys of config.json beside the ping timeout of 2 s. */
  readonly settings?: Readonly<Record<string, unknown>>
}

export function makeHome(folder: string, { user, peers, keyFile, hostKey, settings }: BenchHome): HomePaths {
  const paths = homePaths(folder)
  for (const path of [paths.home, paths.peers, paths.keys, paths.logs])
    mkdirSync(path, { recursive: true, mode: 0o700 })
  const shared = {
    gatewayId: 'bench',
    name: 'Bench',
    leadNumber: 1,
    sshUser: user,
    sshPort: 22,
    version: '2.0.0',
  }
  save(paths.identity, { ...shared, incarnation: 1 })
  const registeredAt = '2026-01-01T00:00:00.000Z'
  save(paths.state, { ...shared, ip: HOST, registeredAt, githubRepo: null, incarnation: 1 })
  save(paths.config, { pingTimeoutSeconds: 2, ...settings })
  peers.forEach((peer, at) => {
    save(peerFile(paths, peer.gatewayId), peerRecord(peer, user, at))
  })
  if (keyFile !== undefined) copyFileSync(keyFile, paths.clanKey)
  const pins = peers.map(({ gatewayId, port }) => `${gatewayId},[${HOST}]:${port} ssh-ed25519 ${hostKey}\n`)
  writeFileSync(paths.knownHosts, pins.join(''), { mode: 0o600 })
  return paths
}

const peerRecord = ({ gatewayId, port }: BenchPeer, sshUser: string, at: number) => ({
  gatewayId,
  name: `Machine ${gatewayId}`,
  leadNumber: at + 2,
  ip: HOST,
  sshUser,
  sshPort: port,
  status: 'unknown',
  lastSeen: null,
  lastPingAttempt: null,
  missedPings: 0,
  sshConnectivity: true,
  clawClanInstalled: true,
  mdnsBroadcasting: false,
})

/** Record some peers as if earlier rounds had found them so; each one that answers is then a change with its event. */
export function recordAs(
  paths: Pick<HomePaths, 'peers'>,
  ids: readonly string[],
  facts: { readonly status: string; readonly missedPings: number },
): void {
  for (const id of ids) {
    const file = peerFile(paths, id)
    save(`${file}.new`, { ...JSON.parse(readFileSync(file, 'utf8')), ...facts })
    renameSync(`${file}.new`, file)
  }
}

const peerFile = ({ peers }: Pick<HomePaths, 'peers'>, id: string) => join(peers, `${id}.json`)

const save = (file: string, value: unknown) =>
  writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 })
