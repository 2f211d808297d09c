import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { lostIdentity } from '../../src/store/lost-identity.ts'
import { anIdentity, aPeer, id } from '../support/builders.ts'
import { put, storeHome } from '../support/store-home.ts'

const self = anIdentity({ clanKey: 'SHA256:k', mayBeAway: true, incarnation: 7, githubRepo: 'git@host:a/b' })

/** A home of two machines whose `state.json` is damaged, and whatever else is. */
async function damagedHome(...alsoDamaged: readonly ('identity' | 'fleet')[]) {
  const home = await storeHome()
  await using store = home.open()
  await store.saveSelf(self)
  await store.changePeers(() => [aPeer({ gatewayId: id('alpha'), hostKey: 'SHA256:h' })])
  put(home.paths.state, '{"gatewayId": "mi')
  for (const file of alsoDamaged) put(home.paths[file], '\0\0\0')
  return home
}

const { gatewayId, name, leadNumber, sshUser, sshPort, incarnation, clanKey, mayBeAway, ip } = self
const known = { gatewayId, name, leadNumber, sshUser, sshPort, incarnation, clanKey, mayBeAway }

test('everything but the repository is still known', async () => {
  await using home = await damagedHome()

  const lost = lostIdentity(home.paths)

  expect(lost.known).toMatchObject({ ...known, ip })
  expect(lost.known).not.toHaveProperty('githubRepo')
  expect(lost.sources).toEqual([home.paths.identity, home.paths.fleet])
})

test.each(['identity', 'fleet'] as const)('%s.json may be damaged as well', async file => {
  await using home = await damagedHome(file)

  const lost = lostIdentity(home.paths)

  expect(lost.known).toMatchObject(known)
  expect(lost.sources).toHaveLength(1)
})

test('no peer is ever taken for this machine, also where its own entry is gone', async () => {
  await using home = await damagedHome('identity')
  const peer = { gatewayId: 'alpha', name: 'alpha', sshUser: 'claw' }
  put(home.paths.fleet, { instances: [peer, { ...peer, gatewayId: 'beta', hostKey: 'SHA256:h' }] })

  expect(lostIdentity(home.paths)).toEqual({ known: {}, sources: [] })
})

test('the clan key tells the id when nothing else does, and nothing is nothing', async () => {
  await using home = await damagedHome('identity', 'fleet')

  expect(lostIdentity(home.paths)).toEqual({ known: {}, sources: [] })
  mkdirSync(home.paths.keys, { recursive: true })
  put(`${home.paths.clanKey}.pub`, 'ssh-ed25519 AAAA claw-clan:mini\n')
  expect(lostIdentity(home.paths)).toEqual({
    known: { gatewayId: 'mini' },
    sources: [join(home.paths.keys, 'id_ed25519.pub')],
  })
  rmSync(`${home.paths.clanKey}.pub`)
  put(`${home.paths.clanKey}.pub`, 'ssh-ed25519 AAAA claw-clan:../../evil\n')
  expect(lostIdentity(home.paths).known).toEqual({})
})
