import type { GatewayId } from '../fleet/parse.ts'
import type { Asker } from './asker.ts'
import type { CheckedPeer } from './check-ssh.ts'
import type { FoundMachine } from './discover.ts'

/** The steps setup offers after the questions, in this order. */
export const STEPS = ['bash-version', 'announce', 'discover', 'enrol', 'check', 'schedule'] as const
export type Step = (typeof STEPS)[number]

/** What became of one step; the keys are a public interface. */
export type StepReport = {
  readonly step: Step
  /** `already` was so before, `declined` was answered no, `open` was not asked or could not be done yet. */
  readonly outcome: 'done' | 'already' | 'declined' | 'failed' | 'open'
  /** One sentence, or a few words: what was done, or why not. */
  readonly note: string
  /** The command that does it later; null where there is nothing to do. */
  readonly next: string | null
}

/** Something that runs by itself from now on. */
export type Offered = {
  /** What is there already, in a few words; undefined when it is not. */
  readonly present: () => Promise<string | undefined>
  /** @returns what was done, in a few words. @throws {ClawError} what stood in the way */
  readonly start: () => Promise<string>
}

/** The bash version, at work here. */
export type BashOffer = Pick<Offered, 'start'> & {
  /** What of it there is, for a person to read. */
  readonly shown: string
  /** What it does itself, so that ours must not come beside it unasked. */
  readonly does: readonly ('announce' | 'schedule')[]
}

export type OfferDeps = {
  /** Nobody to ask when undefined: then only what a flag asks for is done. */
  readonly asker: Asker | undefined
  /** By flag; what is absent is asked, or left open where nobody can be asked. */
  readonly wanted: Readonly<Partial<Record<Step, boolean | undefined>>>
  readonly sshUser: string
  /** The bash version's remains in this home; undefined when there are none. */
  readonly bashVersion: BashOffer | undefined
  readonly announce: Offered
  readonly discover: () => Promise<readonly FoundMachine[]>
  /** Enrol one machine as `claw-setup-ssh add` does. A host key is never believed without a person or a flag. */
  readonly enrol: (machine: FoundMachine, user: string) => Promise<{ readonly gatewayId: GatewayId }>
  readonly peers: () => Promise<number>
  readonly check: () => Promise<readonly CheckedPeer[]>
  readonly schedule: Offered
}

/** The question for each step, and the command that does it later. */
export const OFFERS = {
  'bash-version': {
    question: 'Replace these by our schedule, announcement and programs?',
    next: 'claw-setup --replace-bash',
  },
  announce: {
    question: 'Announce this machine on the network, now and after every start?',
    next: 'claw-register start',
  },
  discover: { question: 'Look for other machines on the network? It takes 5 s', next: 'claw-discover' },
  enrol: {
    question: 'Enrol which of these? None is trusted before you have seen its host key',
    next: 'claw-setup-ssh add USER HOST',
  },
  check: { question: 'Ask every enrolled machine over SSH?', next: 'claw-setup-ssh check' },
  schedule: {
    question: 'Ping the fleet by schedule? It waits for a first run: a minute with cron',
    next: 'claw-setup schedule',
  },
} as const satisfies Readonly<Record<Step, { readonly question: string; readonly next: string }>>
