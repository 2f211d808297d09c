import { lstatSync, readFileSync, statSync } from 'node:fs'
import { homedir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import type { Check } from '../actions/doctor.ts'
import { authorizedKeysFile } from '../adapters/authorized-keys.ts'
import { canRun } from '../adapters/launcher-files.ts'
import { ClawError } from '../fleet/error.ts'
import { judgeGrants, judgeKeyPaths, judgeSshd, type KeyPath } from '../fleet/finding-access.ts'
import {
  type ClanKeyFacts,
  type IdentityFacts,
  judgeClanKey,
  judgeIdentity,
  judgePins,
} from '../fleet/finding-keys.ts'
import { grantsIn } from '../fleet/grants.ts'
import { publicPart } from '../fleet/identity.ts'
import { readJson } from '../store/json-file.ts'
import { check, type Patient } from './doctor-patient.ts'

const LOOK_MS = 10_000
/** Our own sshd is no hop away. */
const SSHD_MS = 5_000
const MAX_KEYS_BYTES = 16 * 1024 * 1024

/** Who this machine is, whom it trusts, and who may come in. */
export function keyChecks(patient: Patient): readonly Check[] {
  return [
    check('identity', 'the identity', LOOK_MS, async () => judgeIdentity(identityFacts(patient))),
    check('clan-key', 'the clan key', LOOK_MS, async () => judgeClanKey(await clanKeyFacts(patient))),
    check('host-keys', 'the pinned host keys', LOOK_MS, async () => {
      const { fingerprint, readPins, unreadLines } = await import('../adapters/known-hosts.ts')
      const file = patient.home.paths.knownHosts
      const pins = [...readPins(file)].map(
        ([id, keys]) => [id, keys.map(({ blob }) => fingerprint(blob))] as const,
      )
      return judgePins({ file, peers: patient.peers, pins: new Map(pins), oddLines: unreadLines(file) })
    }),
    check('sshd', 'the sshd of this machine', 2 * SSHD_MS + 1000, () => sshdFindings(patient)),
    check('authorized-keys', 'who may log in', LOOK_MS, () => grantFindings(patient)),
    check('strict-modes', 'the way to authorized_keys', LOOK_MS, async () =>
      judgeKeyPaths(keyPaths(authorizedKeysFile()), userInfo().uid),
    ),
  ]
}

function identityFacts({ home, self, trouble }: Patient): IdentityFacts {
  const { identity: path } = home.paths
  const told = trouble === undefined ? undefined : { message: trouble.message, hint: trouble.hint }
  return { self, trouble: told, publicFile: { path, state: stateOf(path, self) } }
}

function stateOf(path: string, self: Patient['self']): IdentityFacts['publicFile']['state'] {
  try {
    const shown = readJson(path)
    if (shown === undefined) return 'missing'
    const wanted = Object.entries(self === undefined ? {} : publicPart(self))
    // Which clan key is the right one is not for a copy to say: the check of the key itself does.
    const isSame = wanted.every(([key, value]) => key === 'clanKey' || shown[key] === value)
    return isSame ? 'same' : 'different'
  } catch (error) {
    if (error instanceof ClawError) return 'different'
    throw error
  }
}

async function clanKeyFacts({ home, self, peers }: Patient): Promise<ClanKeyFacts> {
  const { clanKey: file } = home.paths
  const [{ publicHalf }, { fingerprint }] = await Promise.all([
    import('../adapters/ssh-keys.ts'),
    import('../adapters/known-hosts.ts'),
  ])
  const printOf = (text: string) => fingerprint(Buffer.from(text.trim().split(' ')[1] ?? '', 'base64'))
  const key = await publicHalf(file).then(
    text => ({ kind: 'usable', fingerprint: printOf(text) }) as const,
    (error: unknown) => {
      if (!(error instanceof ClawError) || error.code === 'timeout') throw error
      const isMissing = lstatSync(file, { throwIfNoEntry: false }) === undefined
      return isMissing
        ? ({ kind: 'missing' } as const)
        : ({ kind: 'unusable', message: error.message, hint: error.hint } as const)
    },
  )
  const publicText = textOf(`${file}.pub`)
  const publicFile = publicText === undefined ? undefined : printOf(publicText)
  return { file, private: key, publicFile, recorded: self?.clanKey, peers: peers.length }
}

async function sshdFindings({ self, peers }: Patient) {
  const [{ offeredHostKey }, { fingerprint }] = await Promise.all([
    import('../adapters/ssh.ts'),
    import('../adapters/known-hosts.ts'),
  ])
  const port = self?.sshPort ?? 22
  const isNeeded = peers.some(({ oneWay }) => oneWay !== true)
  const common = { port, isNeeded, platform: process.platform }
  let why = ''
  // It may listen on loopback, or on this machine's address only.
  for (const host of ['127.0.0.1', ...(self === undefined ? [] : [self.ip])]) {
    try {
      const { blob } = await offeredHostKey(host, port, { timeoutMs: SSHD_MS })
      return judgeSshd({ ...common, answer: { kind: 'answered', fingerprint: fingerprint(blob) } })
    } catch (error) {
      if (!(error instanceof ClawError)) throw error
      why ||= error.message
    }
  }
  return judgeSshd({ ...common, answer: { kind: 'failed', message: why } })
}

async function grantFindings({ home, peers, damaged }: Patient) {
  const { fingerprint } = await import('../adapters/known-hosts.ts')
  const file = authorizedKeysFile()
  const grants = grantsIn(textOf(file, 'latin1') ?? '').map(grant => ({
    ...grant,
    fingerprint: fingerprint(Buffer.from(grant.key.base64, 'base64')),
  }))
  const gate = join(home.paths.bin, 'claw-peer')
  const unread = damaged.flatMap(({ gatewayId }) => gatewayId ?? [])
  return judgeGrants({ file, gate: { path: gate, isRunnable: canRun(gate) }, grants, peers, unread })
}

/** The file and the folders above it up to the owner's home, which are what sshd looks at. */
function keyPaths(file: string): readonly KeyPath[] {
  const top = homedir()
  const paths = [file]
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    paths.push(folder)
    if (!folder.startsWith(`${top}/`)) break
  }
  return paths.flatMap(path => {
    const stat = statSync(path, { throwIfNoEntry: false })
    return stat === undefined ? [] : [{ path, mode: stat.mode & 0o7777, uid: stat.uid }]
  })
}

function textOf(file: string, encoding: 'utf8' | 'latin1' = 'utf8'): string | undefined {
  const stat = statSync(file, { throwIfNoEntry: false })
  if (stat === undefined || !stat.isFile() || stat.size > MAX_KEYS_BYTES) return undefined
  return readFileSync(file, encoding)
}
