import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../src/adapters/clock.ts'
import { readSettingsFile } from '../../src/adapters/settings-file.ts'
import { changeSettings } from '../../src/store/settings-document.ts'
import { filesBelow, jsonIn, put, storeHome } from '../support/store-home.ts'

const STATE = {
  gatewayId: 'mac-mini-1',
  name: 'Mac mini (Büro)',
  leadNumber: 3,
  ip: '192.168.1.20',
  sshUser: 'claw',
  version: '1.0.0',
  registeredAt: '2026-02-14T10:00:00Z',
  githubRepo: 'null',
}
const CONFIG = {
  backend: 'json',
  pingIntervalMinutes: 15,
  offlineThresholdPings: 2,
  monitorIntervalMinutes: 5,
  postgres: {
    host: null,
    port: 5432,
    database: 'claw_clan',
    user: null,
    password: null,
    deployed: false,
    deployMethod: null,
  },
}
const DISCOVERED = {
  gatewayId: 'studio',
  name: 'Studio',
  leadNumber: 1,
  ip: '192.168.1.21',
  port: 22,
  discoveredAt: '2026-02-14T10:05:00Z',
  discoveryMethod: 'mdns',
}
const MANUAL = {
  gatewayId: 'vps',
  name: 'vps',
  leadNumber: 0,
  ip: 'vps.example.org',
  sshUser: 'deploy',
  status: 'online',
  lastSeen: null,
  lastPingAttempt: '2026-02-14T10:15:00Z',
  missedPings: 0,
  sshConnectivity: true,
  clawClanInstalled: false,
  mdnsBroadcasting: false,
  addedManually: true,
}

/** A home as the bash version left it. */
async function bashHome() {
  const home = await storeHome()
  const { paths } = home
  put(paths.state, STATE)
  put(paths.config, CONFIG)
  put(join(paths.peers, 'studio.json'), DISCOVERED)
  put(join(paths.peers, 'vps.json'), MANUAL)
  put(paths.eventsLog, '{"timestamp":"2026-02-14T10:15:00Z","event":"ping_success","data":{}}\n')
  return home
}

describe('a home made by the bash version', () => {
  test('reads as it stands, and reading changes nothing', async () => {
    await using home = await bashHome()
    await using store = home.open()
    const before = filesBelow(home.paths.home)

    const self = await store.self()
    const { peers, damaged } = await store.peers()
    const { settings, problems, unknownKeys } = await readSettingsFile(home.paths, {})

    expect(self).toMatchObject({ gatewayId: 'mac-mini-1', leadNumber: 3, sshPort: 22, githubRepo: null })
    expect(damaged).toEqual([])
    expect(peers).toMatchObject([
      // A discovered peer had no login name; the bash version used its own.
      {
        gatewayId: 'studio',
        sshUser: 'claw',
        sshPort: 22,
        status: 'unknown',
        missedPings: 0,
        lastSeen: null,
      },
      { gatewayId: 'vps', leadNumber: 0, ip: 'vps.example.org', sshUser: 'deploy', status: 'online' },
    ])
    expect({ settings, problems, unknownKeys }).toMatchObject({
      settings: { pingIntervalMinutes: 15, 'postgres.port': 5432, 'postgres.host': null },
      problems: [],
      unknownKeys: [],
    })
    expect(filesBelow(home.paths.home)).toEqual(before)
  })

  test('keeps every key that nobody here knows, through every kind of change', async () => {
    await using home = await bashHome()
    await using store = home.open()
    put(home.paths.state, { ...STATE, favouriteColour: 'red', installedFrom: 'a stick' })
    put(home.paths.config, { ...CONFIG, newerSetting: { deep: [1] } })

    const self = await store.self()
    if (self === undefined) throw new Error('no self')
    const {
      gatewayId,
      name,
      leadNumber,
      ip,
      sshUser,
      sshPort,
      version,
      registeredAt,
      githubRepo,
      incarnation,
    } = self
    await store.saveSelf({
      gatewayId,
      name,
      leadNumber,
      ip,
      sshUser,
      sshPort,
      version,
      registeredAt,
      githubRepo,
      incarnation,
    })
    await store.changePeers(peers =>
      peers.map(({ gatewayId, name, leadNumber, ip, sshUser, sshPort }) => ({
        ...{
          gatewayId,
          name,
          leadNumber,
          ip,
          sshUser,
          sshPort,
          status: 'online',
          lastSeen: '2026-11-20T12:00:00.000Z',
        },
        ...{ lastPingAttempt: '2026-11-20T12:00:00.000Z', missedPings: 0, sshConnectivity: true },
        ...{ clawClanInstalled: true, mdnsBroadcasting: false },
      })),
    )
    await changeSettings(
      { paths: home.paths, clock: systemClock },
      { 'postgres.host': 'db.local', pingIntervalMinutes: 5 },
    )

    expect(jsonIn(home.paths.state)).toMatchObject({ favouriteColour: 'red', installedFrom: 'a stick' })
    expect(jsonIn(join(home.paths.peers, 'studio.json'))).toMatchObject({
      discoveryMethod: 'mdns',
      port: 22,
      status: 'online',
    })
    expect(jsonIn(home.paths.config)).toEqual({
      ...CONFIG,
      pingIntervalMinutes: 5,
      postgres: { ...CONFIG.postgres, host: 'db.local' },
      newerSetting: { deep: [1] },
    })
  })

  test('gets the files that are ours beside its own at the first change', async () => {
    await using home = await bashHome()
    await using store = home.open()

    await store.changePeers(peers =>
      peers.filter(peer => peer.gatewayId === 'vps').map(peer => ({ ...peer, missedPings: 1 })),
    )

    expect(jsonIn(join(home.paths.peers, 'studio.json'))).toEqual(DISCOVERED)
    expect(jsonIn(join(home.paths.peers, 'vps.json'))).toEqual({ ...MANUAL, sshPort: 22, missedPings: 1 })
    expect(jsonIn(home.paths.identity)).toMatchObject({ gatewayId: 'mac-mini-1', leadNumber: 3 })
    expect(jsonIn(home.paths.fleet)).toMatchObject({
      instances: [
        { gatewayId: 'mac-mini-1' },
        { gatewayId: 'studio' },
        { gatewayId: 'vps', addedManually: true },
      ],
    })
  })
})
