import { ClawError } from '../fleet/error.ts'
import type { IntroducedResult } from '../fleet/introduction-answer.ts'
import { type GatewayId, idKey } from '../fleet/parse.ts'
import type { Peer } from '../fleet/peer.ts'
import { PENDING_KINDS, type PendingItem, pendingId } from '../fleet/pending.ts'
import type { AdmitDeps } from './admit.ts'
import { isAbsence, type OwnerFiles } from './contact.ts'

type WorkDeps = Pick<AdmitDeps, 'store' | 'clock'>

/** One piece of work and the machine it is to be done with. */
export type Work = { readonly item: PendingItem; readonly peer: Peer }

/** What became of a piece of work. */
export type Attempt = {
  readonly work: Work
  readonly state: 'done' | 'pending' | 'refused'
  /** Why it is not done, fit to be shown; null when it is. */
  readonly reason: string | null
  /** The machine was not there. */
  readonly isAway: boolean
}

/** The same work with each of several machines, not yet tried. */
export function workWith(
  peers: readonly Peer[],
  order: {
    readonly kind: PendingItem['kind']
    readonly about: GatewayId
    readonly at: Date
    readonly files: OwnerFiles
  },
): readonly Work[] {
  const { kind, about, at, files } = order
  return peers.map(peer => ({
    peer,
    item: {
      ...{ id: pendingId(peer.gatewayId, about), kind, gatewayId: peer.gatewayId, about },
      ...{ createdAt: at.toISOString(), tries: 0, lastTriedAt: null, lastError: null, data: { ...files } },
    },
  }))
}

/** An introduction that remembers the order whose place it takes on the list, if there is one. */
export function insteadOf(item: PendingItem, pending: readonly PendingItem[]): PendingItem {
  const replaced = pending.find(({ id }) => id === item.id)
  const instead = replaced?.kind === 'introduce' ? replaced.data.instead : replaced?.kind
  return instead === undefined ? item : { ...item, data: { ...item.data, instead } }
}

/** The order that an introduction has replaced; undefined when there was none. */
export function replacedBy(item: PendingItem): PendingItem | undefined {
  const kind = PENDING_KINDS.find(known => known === item.data.instead)
  return kind === undefined || kind === 'introduce' ? undefined : { ...item, kind }
}

/** The files the owner named when a piece of work was ordered. */
export function filesOf({ data }: PendingItem): OwnerFiles {
  const { identityFile, configFile } = data
  return {
    ...(identityFile === undefined ? {} : { identityFile }),
    ...(configFile === undefined ? {} : { configFile }),
  }
}

/** What a machine's answer says of the work, by what it did with the machine it was told of. */
export function attemptOf(work: Work, results: readonly IntroducedResult[], about: GatewayId): Attempt {
  // It may have been told to revoke a machine first and then to let it in: the last word counts.
  const result = results.findLast(({ gatewayId }) => idKey(gatewayId) === idKey(about))
  if (result !== undefined && result.result !== 'refused') {
    return { work, state: 'done', reason: null, isAway: false }
  }
  const reason =
    result === undefined
      ? 'its version of claw-clan does not know what it was told'
      : (result.reason ?? 'it gave no reason')
  return { work, state: 'refused', reason, isAway: false }
}

/** @throws what is no `ClawError`: our own bug */
export function failed(work: Work, error: unknown): Attempt {
  if (!(error instanceof ClawError)) throw error
  return { work, state: 'pending', reason: error.message, isAway: isAbsence(error) }
}

/** Take what is done off the list, and note of the rest why it is not. Being away is no attempt. */
export async function settle({ store, clock }: WorkDeps, attempts: readonly Attempt[]): Promise<void> {
  const at = clock.now().toISOString()
  const left = attempts.filter(({ state }) => state !== 'done')
  await store.removePending(attempts.filter(({ state }) => state === 'done').map(({ work }) => work.item.id))
  await store.addPending(
    left.map(({ work: { item }, reason, isAway }) => ({
      ...item,
      tries: item.tries + (isAway ? 0 : 1),
      lastTriedAt: at,
      lastError: reason,
    })),
  )
}
