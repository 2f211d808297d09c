// (c) From exec to exit of each program of the bundle, against a node that runs an empty file.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { basename, join } from 'node:path'
import { makeHome } from './clan-home.ts'
import { type Contender, takeTurns, timeProgram } from './measure.ts'
import { type Bed, lacksNothing, type Part } from './part.ts'
import { ms, type Row } from './report.ts'

const EMPTY = 'node empty.mjs'

type Start = { readonly name: string; readonly argv: readonly string[]; readonly goal?: number }

export const startUpPart: Part = { letter: 'c', name: 'start-up', lacks: lacksNothing, measure }

async function measure(bed: Bed): Promise<readonly Row[]> {
  const starts = [...fleetStarts(bed), ...helpStarts(bed)]
  const empty = join(bed.scratch.folder('empty'), 'empty.mjs')
  writeFileSync(empty, '')
  const contenders = [{ name: EMPTY, argv: [empty] }, ...starts].map(start => contender(start, bed.node))
  const results = await takeTurns(contenders, bed.isQuick ? 7 : 31, bed.say)
  return starts.map(({ name, goal }) => ({
    part: 'c',
    what: `start-up, ${name}`,
    ours: ms(results.median(name)),
    against: `${EMPTY} ${ms(results.median(EMPTY))}`,
    ratio: results.ratio(name, EMPTY),
    goal,
  }))
}

const contender = ({ name, argv }: Start, node: string): Contender => ({
  name,
  run: async () => timeProgram([node, ...argv]),
})

function fleetStarts({ scratch, dist }: Bed): readonly Start[] {
  const { username: user } = userInfo()
  const peers = Array.from({ length: 10 }, (_, at) => ({ gatewayId: `m${at}`, port: 2200 + at }))
  const ten = scratch.folder('ten-peers')
  const none = scratch.folder('no-peers')
  makeHome(ten, { user, peers })
  makeHome(none, { user, peers: [] })
  return [
    { name: 'claw-status with 10 peers', argv: [join(dist, 'status.js'), '--home', ten], goal: 1.4 },
    { name: 'claw-ping with no peers', argv: [join(dist, 'ping.js'), '--home', none], goal: 1.8 },
  ]
}

/** Every program that package.json installs. */
function helpStarts({ dist }: Bed): readonly Start[] {
  const manifest: unknown = JSON.parse(readFileSync(join(import.meta.dirname, '..', 'package.json'), 'utf8'))
  const bin = typeof manifest === 'object' && manifest !== null && 'bin' in manifest ? manifest.bin : {}
  return Object.entries(bin ?? {})
    .map(([name, path]) => ({ name: `${name} --help`, file: join(dist, basename(String(path))) }))
    .filter(({ file }) => existsSync(file))
    .map(({ name, file }) => ({ name, argv: [file, '--help'] }))
}
