import { ClawError } from '../fleet/error.ts'

/** Something of ours that lies outside the home. */
export type OutsideStep = {
  /** As the owner knows it: `the schedule`. */
  readonly what: string
  /** Takes it away, or only looks. @returns what was, or would be, removed, one line each */
  readonly run: (dryRun: boolean) => Promise<readonly string[]>
}

export type UninstallDeps = {
  readonly home: string
  /** This machine's id; undefined where the home is too damaged to say. */
  readonly gatewayId: string | undefined
  /** Enrolled peers: they have this machine enrolled too. */
  readonly peers: readonly string[]
  /** In this order: what could start a program of ours before what it starts. */
  readonly outside: readonly OutsideStep[]
  readonly programs: () => readonly string[]
  readonly data: () => readonly string[]
  /** Removes paths below the home, and the home when nothing else is in it. */
  readonly remove: (paths: readonly string[]) => void
  /** What is left of the home; undefined when it is gone. */
  readonly left: () => readonly string[] | undefined
  readonly onProgress: (text: string) => void
}

/** The keys are a public interface. */
export type Uninstallation = {
  readonly home: string
  readonly gatewayId: string | null
  /** What was removed outside the home, or would be. */
  readonly outside: readonly { readonly what: string; readonly removed: readonly string[] }[]
  /** Paths below the home. */
  readonly programs: readonly string[]
  readonly data: readonly string[]
  readonly keptData: boolean
  /** What is left in the home: the owner's, or kept; null when the home is gone. */
  readonly left: readonly string[] | null
  /** Machines that still have this one enrolled. */
  readonly enrolledAt: readonly string[]
  readonly dryRun: boolean
}

export type UninstallWishes = { readonly keepData: boolean; readonly dryRun: boolean }

/**
 * Remove every trace of claw-clan from this machine: first what lies outside, then the programs, then, unless kept,
 * the data.
 *
 * Where something outside cannot be removed, programs and data stay: a crontab line that starts nothing would mail its
 * owner for ever. It can be run again until all is gone, also in a damaged home.
 *
 * @throws {ClawError} `not-removed` naming what stays outside and why
 */
export async function uninstall(
  deps: UninstallDeps,
  { keepData, dryRun }: UninstallWishes,
): Promise<Uninstallation> {
  const { home, gatewayId, peers, onProgress } = deps
  const outside: Uninstallation['outside'][number][] = []
  const problems: string[] = []
  for (const { what, run } of deps.outside) {
    onProgress(`${dryRun ? 'looking at' : 'removing'} ${what}`)
    try {
      outside.push({ what, removed: await run(dryRun) })
    } catch (error) {
      if (!(error instanceof ClawError)) throw error
      problems.push(`${what}: ${error.message}`)
    }
  }
  if (problems.length > 0) {
    throw new ClawError('not-removed', `Cannot remove all outside "${home}": ${problems.join('; ')}`, {
      hint: 'Programs and data are still there; correct this and run it again',
    })
  }
  const programs = deps.programs()
  const data = keepData ? [] : deps.data()
  if (!dryRun) {
    onProgress('removing programs')
    deps.remove([...programs, ...data])
  }
  const left = dryRun ? [] : (deps.left() ?? null)
  const facts = { home, gatewayId: gatewayId ?? null, outside, programs, data, left }
  return { ...facts, keptData: keepData, enrolledAt: peers, dryRun }
}
