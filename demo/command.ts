import { z } from '../src/fleet/parse.ts'
import type { Machine } from './machine.ts'
import { DemoProblem, demand } from './problem.ts'
import { commandLine, print } from './screen.ts'

/** One program as its owner calls it: `['ping', '--only', 'mini']`. */
export type Call = readonly [program: string, ...args: string[]]

/** Show a command and what it prints while it runs. @returns its exit code */
export async function show(machine: Machine, [program, ...args]: Call): Promise<number> {
  await commandLine(machine.id, [`claw-${program}`, ...args])
  return machine.programs.show(machine.job(program, args))
}

/** Show a command that must do its work. @throws {DemoProblem} when its exit code is not 0 */
export async function succeed(machine: Machine, call: Call): Promise<void> {
  demandSuccess(machine, call, await show(machine, call))
}

/** Run a command unseen. @returns what shows it afterwards; it throws as `succeed` does */
export async function prepare(machine: Machine, call: Call): Promise<() => Promise<void>> {
  const [program, ...args] = call
  const { code, stdout, stderr } = await machine.programs.capture(machine.job(program, args))
  return async () => {
    await commandLine(machine.id, [`claw-${program}`, ...args])
    await print(stdout + stderr)
    demandSuccess(machine, call, code)
  }
}

/** Run a command unseen, as programs do. @throws {DemoProblem} when its document has not this shape */
export async function ask<T extends z.core.$ZodType>(
  machine: Machine,
  [program, ...args]: Call,
  shape: T,
): Promise<z.core.output<T>> {
  const { code, stdout, stderr } = await machine.programs.capture(machine.job(program, [...args, '--json']))
  const read = z.safeParse(shape, parsed(stdout))
  if (read.success) return read.data
  const called = [`claw-${program}`, ...args].join(' ')
  throw new DemoProblem(
    `No proper answer from "${called}" on ${machine.id}, exit code ${code}`,
    stdout + stderr,
  )
}

function demandSuccess({ id }: Machine, [program]: Call, code: number): void {
  demand(code === 0, `claw-${program} on ${id} to exit 0, not ${code}`)
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
