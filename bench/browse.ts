// (e) How soon 50 machines are found: our browser against avahi-browse, both cold, avahi as the responder of all.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Lab, type Machine, openLab } from '../test/support/lab/lab.ts'
import { type Contender, median, type Sample, takeTurns } from './measure.ts'
import type { Bed, Part } from './part.ts'
import { ms, type Row } from './report.ts'

const RESPONDERS = 50
const TYPE = '_openclaw._tcp'
const OURS = 'our browser'
const AVAHI = 'avahi-browse'

export const browsePart: Part = { letter: 'e', name: 'browse', lacks, measure }

function lacks(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs root on Linux, for namespaces'
  const needed = ['/usr/sbin/avahi-daemon', '/usr/bin/avahi-browse', '/usr/bin/dbus-daemon', '/usr/sbin/sshd']
  const missing = needed.filter(file => !existsSync(file))
  return missing.length === 0 ? undefined : `needs ${missing.join(', ')}`
}

async function measure(bed: Bed): Promise<readonly Row[]> {
  bed.say(`opening ${RESPONDERS + 2} machines`)
  await using lab = await openLab({ machines: RESPONDERS + 2, knowsHosts: false })
  await announceAll(lab, bed)
  const ours: Tally = { runs: [], exits: [] }
  const avahi: Tally = { runs: [], exits: [] }
  const contenders = [
    ourBrowser(lab.machine(RESPONDERS + 1), bed.node, ours),
    avahiBrowser(lab.machine(RESPONDERS + 2), bed.node, avahi),
  ]
  const results = await takeTurns(contenders, bed.isQuick ? 3 : 10, bed.say)
  const base = { part: 'e', what: `last of ${RESPONDERS} found`, ours: ms(results.median(OURS)) }
  const exit = median(avahi.exits)
  const theirs = `avahi-browse, last line ${ms(results.median(AVAHI))}`
  return [
    { ...base, against: theirs, ratio: results.ratio(OURS, AVAHI), goal: 1.25 },
    { ...base, against: `avahi-browse, exit ${ms(exit)}`, ratio: results.median(OURS) / exit },
    { part: 'e', what: 'machines missed in a run', ...missed(ours, avahi), goal: 0 },
  ]
}

/** What one browser found in each run, and when it ended. */
type Tally = { readonly runs: number[]; readonly exits: number[] }

function missed(ours: Tally, avahi: Tally): Pick<Row, 'ours' | 'against' | 'ratio'> {
  const share = ({ runs }: Tally) => runs.filter(found => found !== RESPONDERS).length / runs.length
  const text = ({ runs }: Tally) =>
    `${runs.filter(found => found === RESPONDERS).length} of ${runs.length} full`
  return { ours: text(ours), against: `avahi-browse ${text(avahi)}`, ratio: share(ours) }
}

/** Some at a time: each starts a message bus, a daemon and a publisher. */
async function announceAll({ machines }: Lab, bed: Bed): Promise<void> {
  const waiting = machines.slice(0, RESPONDERS).entries()
  const worker = async () => {
    for (const [at, machine] of waiting) {
      await machine.startAvahi()
      const facts = [
        `gateway=${machine.hostName}`,
        `name=Machine ${at + 1}`,
        `lead=${at + 1}`,
        'version=2.0.0',
      ]
      await machine.publishWithAvahi({ name: `bench-${at + 1}`, type: TYPE, port: 22, txt: facts })
      bed.say(`${at + 1} of ${RESPONDERS} announced`)
    }
  }
  await Promise.all(Array.from({ length: 4 }, worker))
}

function ourBrowser(machine: Machine, node: string, tally: Tally): Contender {
  const argv = [node, join(import.meta.dirname, 'browse-once.ts'), `${RESPONDERS}`]
  return { name: OURS, prepare: quiet, run: () => browseOnce(machine, argv, tally) }
}

/** Its daemon is started anew for every run: a warm one would answer from its memory. */
function avahiBrowser(machine: Machine, node: string, tally: Tally): Contender {
  const argv = [node, join(import.meta.dirname, 'avahi-once.ts'), TYPE]
  return {
    name: AVAHI,
    prepare: quiet,
    run: async () => {
      // What the last bus left behind would pass for the new one before that listens.
      await machine.must(['rm', '-f', '/run/dbus/system_bus_socket'])
      const avahi = await machine.startAvahi()
      const sample = await browseOnce(machine, argv, tally)
      await avahi.stop()
      return sample
    },
  }
}

/** A responder sends no record twice within a second (RFC 6762 section 6), so no run may follow on the heels of another. */
const quiet = (): Promise<void> => new Promise(resolve => setTimeout(resolve, 2000))

async function browseOnce(
  machine: Machine,
  argv: readonly string[],
  { runs, exits }: Tally,
): Promise<Sample> {
  const { found, lastMs, exitMs } = JSON.parse(await machine.must(argv))
  runs.push(Number(found))
  exits.push(Number(exitMs))
  return { wallMs: Number(lastMs), cpuMs: Number.NaN }
}
