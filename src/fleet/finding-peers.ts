import type { AnnouncementState } from './announcement-state.ts'
import { counted, type Finding, fine, listed, note, problem, warning } from './finding.ts'
import type { GatewayId } from './parse.ts'
import type { Peer } from './peer.ts'

/** What one peer answered to one probe. */
export type AskedPeer = {
  readonly peer: Peer
  readonly answer:
    | {
        readonly kind: 'ack'
        /** Its clock minus ours, in milliseconds, when it answered. */
        readonly skewMs: number
        readonly version: string
        /** Undefined when it was not asked, or did not say in time. */
        readonly inspection: { readonly node: string; readonly lastPing: string | null } | undefined
      }
    | { readonly kind: 'failed'; readonly reason: string; readonly next: string }
    /** This machine has no key to ask with, or no host key to believe: its own checks say so. */
    | { readonly kind: 'not-asked' }
}

/** Every peer answers; a machine that may be away is no trouble. */
export function judgeReach(asked: readonly AskedPeer[]): readonly Finding[] {
  const silent = asked.flatMap(({ peer, answer }): Finding[] => {
    if (answer.kind !== 'failed') return []
    const say = peer.mayBeAway === true ? note : warning
    return [say('peers', `${peer.gatewayId} does not answer: ${answer.reason}`, { next: answer.next })]
  })
  const answered = asked.filter(({ answer }) => answer.kind === 'ack').length
  return silent.length > 0 || answered === 0
    ? silent
    : [fine('peers', `${counted(answered, 'peer')} answered`)]
}

/** Certificates, logs and leader history tolerate seconds; half a minute is a clock that nobody sets. */
const SKEW_MS = 30_000

/** Compares clocks. When most peers say the same of us, it is our clock that is off. */
export function judgeClock(asked: readonly AskedPeer[], platform: string): readonly Finding[] {
  const skews = asked.flatMap(({ peer, answer }) =>
    answer.kind === 'ack' ? [{ id: peer.gatewayId, skewMs: answer.skewMs }] : [],
  )
  const ahead = skews.filter(({ skewMs }) => skewMs > SKEW_MS)
  const behind = skews.filter(({ skewMs }) => skewMs < -SKEW_MS)
  const next = SET_CLOCK[platform] ?? 'sudo timedatectl set-ntp true'
  if (skews.length === 0) return [note('clock', 'No peer answered, so the clock was compared with nobody')]
  const ours = [ahead, behind].find(some => some.length >= 2 && some.length * 2 > skews.length)
  if (ours !== undefined) {
    const worst = ours.map(({ skewMs }) => skewMs).toSorted((a, b) => a - b)[Math.floor(ours.length / 2)] ?? 0
    return [
      warning(
        'clock',
        `This machine's clock is ${spanOf(worst)} ${worst > 0 ? 'behind' : 'ahead of'} most others`,
        { next },
      ),
    ]
  }
  const off = [...ahead, ...behind]
  if (off.length === 0) return [fine('clock', `The clock agrees with ${counted(skews.length, 'peer')}`)]
  return off.map(({ id, skewMs }) =>
    warning(
      'clock',
      `The clock of ${id} is ${spanOf(skewMs)} ${skewMs > 0 ? 'ahead of' : 'behind'} this one's`,
      {
        next: `compare both with a watch, then on the wrong one: ${next}`,
      },
    ),
  )
}

const SET_CLOCK: Readonly<Record<string, string>> = { darwin: 'sudo sntp -sS time.apple.com' }

function spanOf(skewMs: number): string {
  const seconds = Math.round(Math.abs(skewMs) / 1000)
  if (seconds < 120) return `${seconds} s`
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`
}

/** One version everywhere; what a silent peer runs is what its record says. */
export function judgeVersions(own: string, asked: readonly AskedPeer[]): readonly Finding[] {
  const found = asked.flatMap(({ peer, answer }): Finding[] => {
    const version = answer.kind === 'ack' ? answer.version : peer.version
    if (version === undefined || version === '' || version === own || peer.legacyKey !== undefined) return []
    const message = `${peer.gatewayId} runs claw-clan ${version}, this machine ${own}`
    const port = peer.sshPort === 22 ? '' : ` --port ${peer.sshPort}`
    const isNewer = compareVersions(version, own) > 0
    const next = isNewer
      ? `update this machine: run claw-remote-install on ${peer.gatewayId}`
      : `claw-remote-install ${peer.sshUser} ${peer.ip}${port}`
    return [note('versions', message, { next })]
  })
  return found.length > 0 ? found : [fine('versions', `claw-clan ${own} everywhere`)]
}

/** The other machines ping, too: a fleet in which only one looks has nobody to look at that one. */
export function judgePeerRounds(
  asked: readonly AskedPeer[],
  now: Date,
  staleAfterMs: number,
): readonly Finding[] {
  const told = asked.flatMap(({ peer, answer }) =>
    answer.kind === 'ack' && answer.inspection !== undefined && peer.oneWay !== true
      ? [{ peer, lastPing: answer.inspection.lastPing }]
      : [],
  )
  const idle = told.filter(
    ({ lastPing }) => lastPing === null || now.getTime() - Date.parse(lastPing) > staleAfterMs,
  )
  if (idle.length === 0)
    return [fine('peer-rounds', `${counted(told.length, 'peer')} said when they pinged last`)]
  return idle.map(({ peer: { gatewayId }, lastPing }) =>
    note('peer-rounds', `${gatewayId} ${lastPing === null ? 'never pinged' : `pinged last at ${lastPing}`}`, {
      next: `claw-doctor on ${gatewayId}: its schedule is not running`,
    }),
  )
}

/** By the numbers of `1.2.3`; what follows them is not compared. */
export function compareVersions(a: string, b: string): number {
  const numbers = (text: string) => (/^\d+(\.\d+)*/.exec(text)?.[0] ?? '').split('.').map(Number)
  const [left, right] = [numbers(a), numbers(b)]
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

/** Who was heard under names that are not his. */
export type Impostor = { readonly gatewayId: GatewayId; readonly ip: string }

/**
 * Other machines can find this one, and nobody passes for another.
 *
 * @param state  its warnings come worst first, and its next step is for the first
 */
export function judgeAnnouncement(
  { gatewayId, announced, process, warnings, next }: AnnouncementState,
  impostors: readonly Impostor[],
): readonly Finding[] {
  // Whoever never started it may not want it; once it was started, silence is a fault.
  const say = announced || process === null ? warning : problem
  const found = warnings.map((text, at) =>
    (at === 0 ? say : note)('announcement', text, at === 0 && next !== null ? { next } : {}),
  )
  return [
    ...(found.length > 0 ? found : [fine('announcement', `${gatewayId} is announced and can be heard`)]),
    ...impostors.map(({ gatewayId: claimed, ip }) =>
      warning('impostor', `${ip} announces itself as ${claimed} and is not that machine`, {
        next: `find what stands at ${ip}; two machines must not share an id`,
      }),
    ),
  ]
}

/** Machines that share a lead number, and what waits for the owner. */
export function judgeLeadNumbers(
  machines: readonly Pick<Peer, 'gatewayId' | 'leadNumber'>[],
): readonly Finding[] {
  const shared = [
    ...Map.groupBy(
      machines.filter(({ leadNumber }) => leadNumber > 0),
      ({ leadNumber }) => leadNumber,
    ),
  ]
    .filter(([, same]) => same.length > 1)
    .map(([number, same]) =>
      note(
        'lead-numbers',
        `Lead number ${number} is used by ${same.map(({ gatewayId }) => gatewayId).join(', ')}`,
        {
          next: 'claw-setup --lead N on one of them',
        },
      ),
    )
  return shared.length > 0 ? shared : [fine('lead-numbers', 'Every machine has a lead number of its own')]
}

/** Work that waits for a machine to come back, one line each. */
export function judgePending(items: readonly string[]): readonly Finding[] {
  if (items.length === 0) return [fine('pending', 'Nothing waits for the owner')]
  return [
    note('pending', `${counted(items.length, 'thing')} still to be done: ${listed(items)}`, {
      next: 'claw-status',
    }),
  ]
}
