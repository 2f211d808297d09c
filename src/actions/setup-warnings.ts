import type { Identity } from '../fleet/identity.ts'
import { type GatewayId, idKey } from '../fleet/parse.ts'
import type { Former, FormerDeps } from './setup-former.ts'

/** What the owner should know of the identity that is about to be written; one sentence each. */
export const setupWarnings = (
  self: Identity,
  former: Former,
  settings: FormerDeps['settings'],
): readonly string[] => [
  ...renameWarnings(self, former),
  ...damageWarnings(former),
  ...leadWarnings(self, former),
  ...repoWarnings(self, settings),
]

/** The gateway id of before, where this is another; null otherwise. */
export function formerIdOf({ gatewayId }: Identity, { known }: Former): GatewayId | null {
  const former = known?.gatewayId
  return former === undefined || former === gatewayId ? null : former
}

function renameWarnings(self: Identity, former: Former): readonly string[] {
  const id = formerIdOf(self, former)
  if (id === null) return []
  return [`Other machines know this one as "${id}": have each forget it and add "${self.gatewayId}"`]
}

function damageWarnings({ lost }: Former): readonly string[] {
  if (lost === undefined) return []
  const from =
    lost.sources.length === 0 ? 'the answers given' : `${lost.sources.join(' and ')} and the answers given`
  return [
    `${lost.error.message}: it is set aside beside it as ".corrupt-<time>" and written anew from ${from}`,
  ]
}

function leadWarnings(self: Identity, { taken }: Former): readonly string[] {
  const holder = taken.leads.get(self.leadNumber)
  if (holder === undefined || idKey(holder) === idKey(self.gatewayId)) return []
  return [leadWarning(self.leadNumber, holder)]
}

/** What follows from two machines with one lead number. */
export const leadWarning = (lead: number, holder: string): string =>
  `Lead number ${lead} is already used by ${holder}: the first of the two by id ranks higher`

function repoWarnings(
  { githubRepo }: Identity,
  { fixed, values }: FormerDeps['settings'],
): readonly string[] {
  const named = values['skills.repo']
  if (fixed === undefined || named === null || named === githubRepo) return []
  return [`The skills repository of the settings stays in force: ${fixed.message}`]
}
