import { isClaimOf } from './discovery.ts'
import type { Identity } from './identity.ts'
import type { Sighting } from './service.ts'

/** Everything that was looked at to tell whether a machine is announced. */
export type AnnouncementFacts = {
  readonly self: Identity
  /** What a browse from here heard; undefined when no network could be listened on. */
  readonly sightings: readonly Sighting[] | undefined
  /** Interfaces on which that browse could not ask, as sentences. */
  readonly troubles: readonly string[]
  /** Every IPv4 address of this machine. */
  readonly ownAddresses: readonly string[]
  /** Who holds the place of the announcer; process id 0 when it is there and does not answer. */
  readonly announcer: { readonly pid: number; readonly since: string } | undefined
  readonly manager: 'launchd' | 'systemd' | 'none'
  /** Undefined without a manager. */
  readonly job: JobFacts | undefined
}

export type JobFacts = {
  readonly file: string
  readonly isInstalled: boolean
  readonly isCurrent: boolean
  readonly pid: number | undefined
  readonly lastExitCode: number | undefined
  readonly startsAt: 'boot' | 'login'
}

/** A machine's announcement as it is: the keys are a public interface. */
export type AnnouncementState = {
  readonly gatewayId: string
  /** Heard on the network just now, from this machine. */
  readonly announced: boolean
  /** The addresses it was heard with. */
  readonly heardAt: readonly string[]
  readonly process: { readonly pid: number | null; readonly since: string | null } | null
  readonly manager: 'launchd' | 'systemd' | 'none'
  readonly job: {
    readonly file: string
    readonly installed: boolean
    readonly current: boolean
    readonly pid: number | null
    readonly lastExitCode: number | null
  } | null
  readonly startsAt: 'boot' | 'login' | 'never'
  /** What is wrong or will be, worst first. */
  readonly warnings: readonly string[]
  /** What to do about the first of them. */
  readonly next: string | null
}

/** One thing that is not as it should be, and what to do about it. */
type Finding = { readonly warning: string; readonly next: string }

/** Weigh what was looked at: the network has the last word, not the service manager. */
export function announcementState(facts: AnnouncementFacts): AnnouncementState {
  const { self, announcer, manager, job } = facts
  const heard = ownSightings(facts)
  const announced = heard.length > 0
  const findings = [
    ...(announced ? [] : silence(facts)),
    ...(announced ? doubts(facts, heard) : []),
    ...later(facts),
  ]
  return {
    gatewayId: self.gatewayId,
    announced,
    heardAt: [...new Set(heard.map(({ ip }) => ip))],
    process: announcer === undefined ? null : { pid: announcer.pid || null, since: announcer.since || null },
    manager,
    job:
      job === undefined
        ? null
        : {
            file: job.file,
            installed: job.isInstalled,
            current: job.isCurrent,
            pid: job.pid ?? null,
            lastExitCode: job.lastExitCode ?? null,
          },
    startsAt: job?.isInstalled === true ? job.startsAt : 'never',
    warnings: findings.map(({ warning }) => warning),
    next: findings[0]?.next ?? null,
  }
}

/** Anybody can say our id; ours is what names one of our addresses and comes from one. */
export function ownSightings({
  self,
  sightings = [],
  ownAddresses,
}: Pick<AnnouncementFacts, 'self' | 'sightings' | 'ownAddresses'>): readonly Sighting[] {
  return sightings.filter(
    sighting =>
      isClaimOf(self, sighting) &&
      sighting.port === self.sshPort &&
      ownAddresses.includes(sighting.ip) &&
      ownAddresses.includes(sighting.sourceIp) &&
      (sighting.clanKey === undefined || self.clanKey === undefined || sighting.clanKey === self.clanKey),
  )
}

const RESTART = 'claw-register restart'
const LOCAL_NETWORK =
  'allow "node" under System Settings > Privacy & Security > Local Network (a program started in Terminal needs no such permission)'

/** Why it is not heard. */
function silence({ sightings, troubles, announcer, manager, job }: AnnouncementFacts): readonly Finding[] {
  if (sightings === undefined) {
    return [
      {
        warning: 'No network interface can be used for mDNS',
        next: 'connect to a network, then claw-register status',
      },
    ]
  }
  if (announcer !== undefined && announcer.pid === 0) {
    return [{ warning: 'Its process is there and does not answer: it is frozen or stuck', next: RESTART }]
  }
  if (announcer !== undefined) {
    const warning =
      troubles[0] === undefined
        ? `Process ${announcer.pid} announces it, and nothing of it is heard here`
        : `Process ${announcer.pid} announces it, and whether it is heard cannot be told: ${troubles[0]}`
    if (manager === 'launchd' && job?.pid === announcer.pid) return [{ warning, next: LOCAL_NETWORK }]
    return [{ warning, next: 'let UDP port 5353 pass the firewall in both directions, and read its log' }]
  }
  if (job?.isInstalled !== true) return [{ warning: 'Nothing announces it', next: startHint(manager) }]
  if (job.pid !== undefined)
    return [{ warning: `Process ${job.pid} has only just started, or is stuck`, next: RESTART }]
  const code = job.lastExitCode === undefined ? '' : `; its last process ended with ${job.lastExitCode}`
  return [
    {
      warning: `${manager} has it and does not run it${code}`,
      next: `read logs/mdns-register-err.log, then ${RESTART}`,
    },
  ]
}

const startHint = (manager: AnnouncementFacts['manager']): string =>
  manager === 'none' ? 'keep "claw-register run" running' : 'claw-register start'

/** It is heard, but is it what we think? */
function doubts({ self, announcer }: AnnouncementFacts, heard: readonly Sighting[]): readonly Finding[] {
  const old = heard.find(({ name, leadNumber }) => name !== self.name || leadNumber !== self.leadNumber)
  return [
    ...(announcer === undefined
      ? [
          {
            warning: 'Something else than claw-register announces it',
            next: 'end that, then claw-register start',
          },
        ]
      : []),
    ...(old === undefined
      ? []
      : [{ warning: 'It is announced with an older name or lead number', next: RESTART }]),
  ]
}

/** What will be wrong at the next end, logout or boot. */
function later({ announcer, manager, job }: AnnouncementFacts): readonly Finding[] {
  if (job === undefined || !job.isInstalled) {
    return announcer === undefined
      ? []
      : [
          {
            warning: 'It ends with its process and does not come back at boot',
            next:
              manager === 'none'
                ? 'have your supervisor run "claw-register run"'
                : 'end it, then claw-register start',
          },
        ]
  }
  return [
    ...(job.isCurrent
      ? []
      : [{ warning: 'Its job is another one than claw-register would write', next: RESTART }]),
    ...(announcer !== undefined && announcer.pid !== 0 && job.pid !== undefined && announcer.pid !== job.pid
      ? [
          {
            warning: `Process ${announcer.pid} keeps the place of the one from ${manager}`,
            next: `end process ${announcer.pid}`,
          },
        ]
      : []),
    ...(manager === 'systemd' && job.startsAt === 'login'
      ? [
          {
            warning: 'It ends when you log out, and starts only when you log in',
            next: 'loginctl enable-linger',
          },
        ]
      : []),
  ]
}
