import { expectFleet, expectFound, expectRound, pingFrom } from './expectations.ts'
import { type Machine, USER } from './machine.ts'
import { demand } from './problem.ts'
import { heading, remark } from './screen.ts'
import { setUpMachines } from './setting-up.ts'
import type { Stage } from './stage.ts'

/**
 * Act it out: three machines meet, watch each other, lose their leader, and get it back.
 *
 * @throws {DemoProblem} at the first thing that is not as it should be
 */
export async function tellStory(stage: Stage): Promise<void> {
  await setUpMachines(stage)
  await meet(stage)
  await enrolEachOther(stage)
  await beWell(stage)
  await loseTheLeader(stage)
  await getItBack(stage)
}

async function meet({ laptop, mini, machines }: Stage): Promise<void> {
  await heading('2  They find each other', 'Each announces itself by mDNS; nobody is trusted yet.')
  for (const machine of machines) machine.announce()
  const onMini = expectFound(mini, '3', { studio: 'candidate', mini: 'self', laptop: 'candidate' })
  await Promise.all([onMini, succeed(laptop, 'discover', '3')])
}

async function enrolEachOther({ studio, mini, laptop }: Stage): Promise<void> {
  await heading(
    '3  They are enrolled',
    "One login with the owner's key; from then on they use keys that can only answer.",
  )
  await enrol(laptop, studio)
  await enrol(laptop, mini)
  await enrol(mini, studio)
}

/** The fingerprint is one that the owner read on the other machine's own screen. */
async function enrol(from: Machine, to: Machine): Promise<void> {
  const login = ['--port', String(to.ssh.port()), '--identity', '../owner_key', '--ssh-config', '/dev/null']
  await succeed(from, 'setup-ssh', 'add', USER, '127.0.0.1', ...login, '--host-key', to.hostKey)
}

async function beWell({ studio, mini, laptop }: Stage): Promise<void> {
  await heading('4  All is well', 'Each asks the others over SSH. The lowest lead number leads.')
  await Promise.all([succeed(laptop, 'ping'), pingFrom(studio), pingFrom(mini)])
  await succeed(laptop, 'status')
  await Promise.all([
    expectFleet(laptop, { leader: 'studio', peers: { studio: 'online', mini: 'online' } }),
    expectFleet(mini, { leader: 'studio', peers: { studio: 'online', laptop: 'online' } }),
    expectFleet(studio, { leader: 'studio', peers: { mini: 'online', laptop: 'online' } }),
  ])
}

async function loseTheLeader({ studio, mini, laptop }: Stage): Promise<void> {
  await heading('5  The leader goes down', 'Studio says goodbye; nothing answers on its port any more.')
  await studio.goDown()
  const gone = expectFound(mini, '1', { mini: 'self', laptop: 'enrolled' })
  await remark('One missed ping is only a suspicion:')
  await Promise.all([succeed(laptop, 'ping'), expectRound(mini, { studio: 'suspected', laptop: 'none' })])
  await expectFleet(laptop, { peers: { studio: 'unresponsive', mini: 'online' } })
  await remark('\nTwo in a row are a finding:')
  await Promise.all([succeed(laptop, 'ping'), expectRound(mini, { studio: 'went-offline', laptop: 'none' })])
  await expectFleet(laptop, { leader: 'mini', peers: { studio: 'offline', mini: 'online' } })
  await remark('\nEvery machine works out for itself who leads now; Mac mini finds that it does:')
  const code = await mini.show('status', '--check')
  await remark(`(exit code ${code}: something needs attention)`)
  demand(code === 1, `"claw-status --check" to exit 1 while a machine is offline, not ${code}`)
  await expectFleet(mini, { leader: 'mini', peers: { studio: 'offline', laptop: 'online' } })
  await gone
}

async function getItBack({ studio, mini, laptop }: Stage): Promise<void> {
  await heading('6  It comes back', 'One right answer clears all suspicion, and Studio leads again.')
  await studio.comeBack()
  await Promise.all([succeed(laptop, 'ping'), expectRound(mini, { studio: 'recovered', laptop: 'none' })])
  await Promise.all([pingFrom(studio), succeed(laptop, 'status', '--check')])
  await Promise.all([
    expectFleet(laptop, { leader: 'studio', peers: { studio: 'online', mini: 'online' } }),
    expectFleet(mini, { leader: 'studio', peers: { studio: 'online', laptop: 'online' } }),
    expectFleet(studio, { leader: 'studio', peers: { mini: 'online', laptop: 'online' } }),
  ])
}

/** Show a command that must do its work. */
async function succeed(machine: Machine, program: string, ...args: string[]): Promise<void> {
  const code = await machine.show(program, ...args)
  demand(code === 0, `claw-${program} on ${machine.id} to exit 0, not ${code}`)
}
