import { join } from 'node:path'
import type { Machine } from './lab/lab.ts'
import type { Finished } from './lab/run.ts'

/** `claw-register status --json`. */
export type State = {
  readonly announced: boolean
  readonly heardAt: readonly string[]
  readonly process: { readonly pid: number | null } | null
  readonly manager: string
  readonly job: { readonly file: string; readonly current: boolean; readonly pid: number | null } | null
  readonly startsAt: string
  readonly warnings: readonly string[]
  readonly next: string | null
}

export const register = (machine: Machine, ...args: string[]): Promise<Finished> =>
  machine.claw('register', args, { timeoutMs: 90_000 })

export const statusOf = async (machine: Machine): Promise<State> => {
  const { code, stdout, stderr } = await register(machine, 'status', '--json')
  if (code !== 0) throw new Error(`claw-register status: ${stderr}${stdout}`)
  return JSON.parse(stdout)
}

/** Where systemd has the units of a machine's owner. */
export const unitFolder = (machine: Machine): string => join(machine.home, '.config', 'systemd', 'user')
