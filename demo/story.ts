import { type Call, prepare, show, succeed } from './command.ts'
import { type ExpectedFleet, expectFleet, expectFound } from './expectations.ts'
import { goDown, type Machine, USER } from './machine.ts'
import { demand } from './problem.ts'
import { heading, remark } from './screen.ts'
import { setUpMachines } from './setting-up.ts'
import type { Stage } from './stage.ts'

/**
 * Act it out: three machines meet, watch each other, lose their leader, and get it back. What is shown is seen from
 * one of them; the others are asked at the same time, unseen.
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
  await heading('2  They find each other', 'Each announces itself by mDNS. Nobody is trusted yet.')
  await Promise.all(machines.map(({ announcer }) => announcer.start()))
  const heard = { studio: 'candidate', mini: 'self', laptop: 'candidate' }
  await Promise.all([succeed(laptop, ['discover', '2']), expectFound(mini, ['discover', '2'], heard)])
}

async function enrolEachOther({ studio, mini, laptop }: Stage): Promise<void> {
  await heading(
    '3  They are enrolled',
    "One login each with the owner's key; after that, keys that can only answer.",
  )
  await succeed(laptop, enrol(studio))
  const [, showLast] = await Promise.all([succeed(laptop, enrol(mini)), prepare(mini, enrol(studio))])
  await showLast()
}

/** The fingerprint is what an owner reads on the other machine's own screen. */
const enrol = ({ ssh, hostKey }: Machine): Call => [
  ...(['setup-ssh', 'add', USER, '127.0.0.1', '--port', String(ssh.port())] as const),
  ...['--identity', '../owner_key', '--ssh-config', '/dev/null', '--host-key', hostKey],
]

async function beWell(stage: Stage): Promise<void> {
  const { studio, mini, laptop } = stage
  await heading('4  All is well', 'Each asks the others over SSH. The lowest lead number leads.')
  await Promise.all([
    succeed(laptop, ['ping']),
    expectFleet(mini, ['ping'], wellSeenFrom(mini)),
    expectFleet(studio, ['ping'], wellSeenFrom(studio)),
  ])
  await succeed(laptop, ['status'])
  await expectFleet(laptop, ['status'], wellSeenFrom(laptop))
}

async function loseTheLeader(stage: Stage): Promise<void> {
  const { studio, mini } = stage
  await heading('5  The leader goes down', 'Studio says goodbye, and nothing answers on its port.')
  await goDown(studio)
  const heard = { mini: 'self', laptop: 'enrolled' }
  await Promise.all([missTwice(stage), expectFound(mini, ['discover', '1'], heard, 'studio')])
  await remark('\nEvery machine works out for itself who leads now, so Mac mini knows:')
  const code = await show(mini, ['status', '--check'])
  await remark(`(exit code ${code}: a script sees that something needs attention)`)
  demand(code === 1, `"claw-status --check" to exit 1 while a machine is offline, not ${code}`)
}

async function missTwice({ mini, laptop }: Stage): Promise<void> {
  const seen = (other: string, studio: string) => ({ leader: 'mini', peers: { studio, [other]: 'online' } })
  await remark('\nOne missed ping is only a suspicion:')
  const suspected = expectFleet(mini, ['ping'], seen('laptop', 'unresponsive'))
  await Promise.all([succeed(laptop, ['ping']), suspected])
  await expectFleet(laptop, ['status'], seen('mini', 'unresponsive'))
  await remark('\nTwo in a row are a finding:')
  const found = expectFleet(mini, ['ping'], seen('laptop', 'offline'))
  await Promise.all([succeed(laptop, ['ping']), found])
  await expectFleet(laptop, ['status'], seen('mini', 'offline'))
}

async function getItBack(stage: Stage): Promise<void> {
  const { studio, mini, laptop } = stage
  await heading('6  It comes back', 'One right answer clears all suspicion, and Studio leads again.')
  await studio.ssh.start()
  const seen = expectFleet(mini, ['ping'], wellSeenFrom(mini))
  await Promise.all([studio.announcer.start(), succeed(laptop, ['ping']), seen])
  await Promise.all([succeed(laptop, ['discover']), expectFleet(studio, ['ping'], wellSeenFrom(studio))])
  await succeed(laptop, ['status', '--check'])
  await expectFleet(laptop, ['status'], wellSeenFrom(laptop))
}

/** Everybody else online, and the lowest lead number leads. */
function wellSeenFrom({ id }: Machine): ExpectedFleet {
  const others = ['studio', 'mini', 'laptop'].filter(other => other !== id)
  return { leader: 'studio', peers: Object.fromEntries(others.map(other => [other, 'online'])) }
}
