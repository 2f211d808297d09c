import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { EnrolDeps } from '../actions/enrolment.ts'
import type { PinnedKey } from '../adapters/known-hosts.ts'
import { withGrant, withoutGrant } from '../fleet/authorized-keys.ts'
import { ClawError } from '../fleet/error.ts'
import { grantsIn } from '../fleet/grants.ts'
import { OPERATOR_COMMAND, operatorScript, parseOperatorReport } from '../fleet/operator-step.ts'
import { idKey } from '../fleet/parse.ts'
import { CLAN_KEY_TYPES, HOST_KEY_TYPES, type PublicKey, parsePublicKey } from '../fleet/public-key.ts'
import { ask } from './ask.ts'
import type { ReadyHome } from './home.ts'
import { type OperatorAccess, operatorAccess } from './operator-access.ts'
import type { Terminal } from './terminal.ts'

/** Bound on one step of the owner's login: a login, and the start of a program on a slow machine. */
const STEP_TIMEOUT_MS = 60_000
/** Longest wait for another edit of authorized_keys from this home; each takes milliseconds. */
const EDIT_WAIT_MS = 10_000

/** What actions are given, and the owner's SSH for what comes before them. */
export type SshDeps = EnrolDeps & {
  /** A machine as the owner names it, looked up in his ssh_config. */
  readonly resolve: OperatorAccess['resolve']
  readonly needDirectWay: OperatorAccess['needDirectWay']
  /** Any command with the owner's login, over the connection that `asOperator` uses too. */
  readonly runAsOwner: OperatorAccess['run']
}

/**
 * Everything `claw-setup-ssh` needs: keys, both key files, both ways of SSH, and a person to ask.
 *
 * @param dryRun  every look is real, and nothing on this machine is written
 */
export async function sshDeps(home: ReadyHome, terminal: Terminal, dryRun = false): Promise<SshDeps> {
  const { self, clock, paths, settings } = home
  const [knownHosts, ssh, keys, ids, owner] = await Promise.all([
    import('../adapters/known-hosts.ts'),
    import('../adapters/ssh.ts'),
    import('../adapters/ssh-keys.ts'),
    import('../adapters/ids.ts'),
    operatorAccess(home, terminal),
  ])
  home.closing.use(owner)
  const timeoutMs = settings.pingTimeoutSeconds * 1000
  const pinsOf = (id: string) => knownHosts.readPins(paths.knownHosts).get(idKey(id)) ?? []
  const keyPaths = dryRun && !existsSync(paths.clanKey) ? await passingKey(home, terminal) : paths
  const { publicKey } = await keys.ensureClanKey(keyPaths, `claw-clan:${self.gatewayId}`)
  const ownOffered = async (host: string, port: number) =>
    publicKeyOf(await ssh.offeredHostKey(host, port, { timeoutMs }))
  return {
    self,
    store: dryRun ? readOnly(home.store) : home.store,
    clock,
    clanKey: parsePublicKey(publicKey, CLAN_KEY_TYPES, `${keyPaths.clanKey}.pub`),
    fingerprint: key => knownHosts.fingerprint(pinnedKeyOf(key).blob),
    offeredHostKey: async (host, port, type) => publicKeyOf(await owner.offeredHostKey(host, port, type)),
    ownHostKey: () => ownHostKey(ownOffered, [self.sshPort, '127.0.0.1', self.ip]),
    knownHostKeys: async (host, port) =>
      (await owner.knownHostKeys(host, port)).map(publicKeyOf).filter(isHostKey),
    pinsOf: id => pinsOf(id).map(publicKeyOf),
    pinHostKey: async (at, key) => {
      if (!dryRun) knownHosts.pinHostKey(paths.knownHosts, at, pinnedKeyOf(key))
    },
    unpinHost: async id => (dryRun ? pinsOf(id).length > 0 : knownHosts.unpinHost(paths.knownHosts, id)),
    ...(await grants(home, dryRun)),
    asOperator: async (login, step) => {
      const nonce = ids.newNonce()
      const request = { stdin: operatorScript(step, nonce), timeoutMs: STEP_TIMEOUT_MS }
      const { stdout, stderr } = await owner.run(login, OPERATOR_COMMAND, request)
      return parseOperatorReport(stdout, stderr, nonce)
    },
    resolve: owner.resolve,
    needDirectWay: owner.needDirectWay,
    runAsOwner: owner.run,
    probe: await explicitProbe(home, keyPaths),
    confirm: terminal.canAsk ? question => ask(question, terminal) : undefined,
    onProgress: terminal.progress,
  }
}

/** What is done with our own authorized_keys, one edit at a time. */
async function grants(
  { paths, clock }: ReadyHome,
  dryRun: boolean,
): Promise<Pick<EnrolDeps, 'grant' | 'grantOf' | 'withdraw'>> {
  const [{ authorizedKeysFile, editAuthorizedKeys }, { acquireLock }] = await Promise.all([
    import('../adapters/authorized-keys.ts'),
    import('../store/lock.ts'),
  ])
  const file = authorizedKeysFile()
  const holder = { program: 'claw-setup-ssh', pid: process.pid, startedAt: clock.now().toISOString() }
  const request = { directory: paths.locks, name: 'authorized-keys', waitMs: EDIT_WAIT_MS, holder, clock }
  const exclusively = async <T>(work: () => T): Promise<T> => {
    using lock = await acquireLock(request)
    if (lock !== undefined) return work()
    throw new ClawError(
      'busy',
      `Cannot edit "${file}": another run of this home holds it for ${EDIT_WAIT_MS} ms`,
    )
  }
  const place = { file, backups: paths.backups, exclusively }
  /** @returns the text before and after; written unless this is a dry run */
  const edit = async (change: (text: string) => string) => {
    let seen = { before: '', after: '' }
    const look = (before: string) => {
      seen = { before, after: change(before) }
      return dryRun ? before : seen.after
    }
    await editAuthorizedKeys(place, look, clock.now())
    return seen
  }
  const gate = `${paths.bin}/claw-peer`
  return {
    grant: async (gatewayId, key) => {
      const { before, after } = await edit(text => withGrant(text, { gatewayId, gate, key }))
      if (before === after) return 'unchanged'
      return withoutGrant(before, gatewayId) === before ? 'added' : 'replaced'
    },
    grantOf: async id => {
      const { before } = await edit(text => text)
      return grantsIn(before).find(({ gatewayId }) => idKey(gatewayId) === idKey(id))?.key
    },
    withdraw: async id => {
      const { before, after } = await edit(text => withoutGrant(text, id))
      return before !== after
    },
  }
}

/** A store that answers as if it had written. */
const readOnly = (store: EnrolDeps['store']): EnrolDeps['store'] => ({
  peers: () => store.peers(),
  commitRound: async change => {
    const { peers, damaged } = await store.peers()
    return { peers: change(peers).peers, damaged }
  },
  removePeer: async id => (await store.peers()).peers.some(peer => idKey(peer.gatewayId) === idKey(id)),
  recordEvents: async () => undefined,
  pending: () => store.pending(),
  addPending: async () => undefined,
  removePending: async () => undefined,
  revocations: () => store.revocations(),
  saveRevocations: async () => undefined,
})

type KeyPaths = Pick<ReadyHome['paths'], 'clanKey' | 'keys'>

/** Where a key lies that a dry run uses where there is none yet; it is gone with the run. */
async function passingKey({ closing }: ReadyHome, terminal: Terminal): Promise<KeyPaths> {
  const { operatorFolder } = await import('../adapters/operator-folder.ts')
  const { path } = closing.use(await operatorFolder())
  terminal.warn('This machine has no clan key yet: one that was made for this dry run stands for it')
  return { keys: path, clanKey: join(path, 'id_ed25519') }
}

async function explicitProbe({ settings }: ReadyHome, paths: KeyPaths): Promise<EnrolDeps['probe']> {
  const [{ probePeer }, { readClanKey }, { jitterMs, newNonce }] = await Promise.all([
    import('../adapters/peer-probe.ts'),
    import('../adapters/ssh-keys.ts'),
    import('../adapters/ids.ts'),
  ])
  const timeoutMs = settings.pingTimeoutSeconds * 1000
  return (peer, hostKey) =>
    probePeer(peer, {
      key: readClanKey(paths),
      pins: [pinnedKeyOf(hostKey)],
      timeoutMs,
      nonce: newNonce(),
      retryAfterMs: jitterMs(1000, 3000),
    })
}

/** The key our own sshd shows; it may listen on loopback, or on our address only. */
async function ownHostKey(
  offered: (host: string, port: number) => Promise<PublicKey>,
  [port, ...hosts]: readonly [number, ...string[]],
): Promise<PublicKey | undefined> {
  for (const host of hosts) {
    try {
      return await offered(host, port)
    } catch (error) {
      if (!(error instanceof ClawError)) throw error
    }
  }
  return undefined
}

const publicKeyOf = ({ type, blob }: PinnedKey): PublicKey => ({ type, base64: blob.toString('base64') })
const pinnedKeyOf = ({ type, base64 }: PublicKey): PinnedKey => ({
  type,
  blob: Buffer.from(base64, 'base64'),
})
const isHostKey = ({ type }: PublicKey): boolean => HOST_KEY_TYPES.some(known => known === type)
