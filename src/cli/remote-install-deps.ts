import type { Offered, RemoteDeps } from '../actions/remote-installation.ts'
import type { OperatorLogin } from '../adapters/operator-ssh.ts'
import type { OwnVersion } from '../adapters/own-version.ts'
import { parseRun, runScript } from '../fleet/install-step.ts'
import { parseSurvey, surveyScript } from '../fleet/install-survey.ts'
import { OPERATOR_COMMAND } from '../fleet/operator-step.ts'
import { packFiles, parseReceived, RECEIVE_COMMAND, streamHead } from '../fleet/version-stream.ts'
import type { ReadyHome } from './home.ts'
import { type SshDeps, sshDeps } from './ssh-deps.ts'
import type { Terminal } from './terminal.ts'

/** Bound on a program there: registering waits until it is heard, and a first start compiles. */
const RUN_TIMEOUT_MS = 120_000
/** Bound on the look: every node that is tried may take its ten seconds. */
const SURVEY_TIMEOUT_MS = 90_000
/** Bound on sending 2 MB over the slowest line that is of use. */
const SEND_TIMEOUT_MS = 600_000
const CHUNK_BYTES = 16 * 1024

type Remote = RemoteDeps & Pick<SshDeps, 'resolve' | 'needDirectWay'>

/**
 * Everything `claw-remote-install` needs: what `claw-setup-ssh` has, the version to send, and what is done with it over
 * the owner's login.
 *
 * @param dryRun  every look is real, and nothing is written here or there
 */
export async function remoteDeps(home: ReadyHome, terminal: Terminal, dryRun: boolean): Promise<Remote> {
  const [{ readOwnVersion }, { newNonce }] = await Promise.all([
    import('../adapters/own-version.ts'),
    import('../adapters/ids.ts'),
  ])
  const parcel = await packed(readOwnVersion())
  const owner = await sshDeps(home, terminal, dryRun)
  const sh = (login: OperatorLogin, stdin: string, timeoutMs: number) =>
    owner.runAsOwner(login, OPERATOR_COMMAND, { stdin, timeoutMs })
  return {
    ...owner,
    store: { ...owner.store, candidates: () => home.store.candidates() },
    offered: parcel.offered,
    pingIntervalMinutes: home.settings.pingIntervalMinutes,
    survey: async (login, node) => {
      const nonce = newNonce()
      const { stdout } = await sh(login, surveyScript(nonce, node), SURVEY_TIMEOUT_MS)
      return parseSurvey(stdout, nonce)
    },
    run: async (login, words) => {
      const nonce = newNonce()
      const { stdout, stderr } = await sh(login, runScript(words, nonce), RUN_TIMEOUT_MS)
      return parseRun(stdout, stderr, nonce)
    },
    send: (login, to) =>
      send({ run: owner.runAsOwner, login, parcel, terminal }, { ...to, nonce: newNonce() }),
  }
}

type Parcel = {
  readonly offered: Offered
  readonly body: Buffer
  readonly sha256: string
  /** The program that receives it. */
  readonly receiver: Uint8Array
}

async function packed({ name, version, files }: OwnVersion): Promise<Parcel> {
  const [{ gzipSync }, { sha256 }] = await Promise.all([
    import('node:zlib'),
    import('../adapters/version-content.ts'),
  ])
  const receiver = files.find(({ path }) => path === 'dist/receiver.js')?.content
  if (receiver === undefined) throw new TypeError('every built version has a receiver')
  const all = packFiles(files)
  const body = gzipSync(all)
  const offered = { name, version, sentBytes: body.length, bytes: all.length }
  return { offered, body, sha256: sha256(body), receiver }
}

type Sending = {
  readonly run: SshDeps['runAsOwner']
  readonly login: OperatorLogin
  readonly parcel: Parcel
  readonly terminal: Terminal
}

async function send(
  { run, login, parcel, terminal }: Sending,
  { node, home, nonce }: { readonly node: string; readonly home: string; readonly nonce: string },
) {
  const { offered, body, sha256, receiver } = parcel
  const header = { home, name: offered.name, nonce, bytes: body.length, sha256 }
  const head = Buffer.from(streamHead(node, receiver, header))
  const total = head.length + body.length
  const { stdout } = await run(login, RECEIVE_COMMAND, {
    stdin: chunks([head, body]),
    timeoutMs: SEND_TIMEOUT_MS,
    onProgress: sent =>
      terminal.progress(
        `sending ${offered.name} to ${login.host}: ${Math.ceil(sent / 1024)} of ${Math.ceil(total / 1024)} kB`,
      ),
  })
  return parseReceived(stdout, nonce)
}

async function* chunks(parts: readonly Buffer[]): AsyncIterable<Uint8Array> {
  for (const part of parts) {
    for (let at = 0; at < part.length; at += CHUNK_BYTES) yield part.subarray(at, at + CHUNK_BYTES)
  }
}
