import { programPath, ROOT } from './build.ts'
import { type Machine, USER } from './machine.ts'
import { demand } from './problem.ts'
import { commandLine, heading, print } from './screen.ts'
import type { Stage } from './stage.ts'

/** Chapter one: identity, keys, settings and launchers of each machine, made at the same time. */
export async function setUpMachines({ laptop, studio, mini, programs }: Stage): Promise<void> {
  await heading('1  Three machines are set up', 'Each gets a home, a key of its own and its programs.')
  await commandLine(laptop.id, ['node', ...setupWords(laptop)])
  const [code, ...others] = await Promise.all([
    programs.show(setupJob(laptop)),
    programs.capture(setupJob(mini)),
    programs.capture(setupJob(studio)),
  ])
  demand(code === 0, `claw-setup on ${laptop.id} to exit 0, not ${code}`)
  for (const [at, machine] of [mini, studio].entries()) {
    const { code = -1, stdout = '', stderr = '' } = others[at] ?? {}
    demand(code === 0, `claw-setup on ${machine.id} to exit 0, not ${code}`, stdout + stderr)
    await commandLine(machine.id, ['node', ...setupWords(machine)])
    await print(`${stdout.split('\n')[0] ?? ''}\n`)
  }
}

const setupWords = ({ id, name, lead, ssh }: Machine): readonly string[] => [
  programPath('setup'),
  '--yes',
  ...['--gateway-id', id, '--name', name, '--lead', String(lead)],
  ...['--ssh-user', USER, '--port', String(ssh.port())],
]

/** Before it has run there is no launcher: it is started as the README says, in the repository. */
const setupJob = (machine: Machine) => ({
  ...machine.job('setup', []),
  file: process.execPath,
  args: setupWords(machine),
  cwd: ROOT,
})
