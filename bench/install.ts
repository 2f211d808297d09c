// (g) From an empty machine to the first ack of both directions, by claw-remote-install to a real sshd.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { openLab } from '../test/support/lab/lab.ts'
import { giveNode } from '../test/support/remote-install.ts'
import { median } from './measure.ts'
import type { Bed, Part } from './part.ts'
import { ms, type Row } from './report.ts'

const BOUND_MS = 10_000

export const installPart: Part = { letter: 'g', name: 'install', lacks, measure }

function lacks(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs root on Linux, for namespaces'
  return existsSync('/usr/sbin/sshd') ? undefined : 'needs /usr/sbin/sshd'
}

async function measure(bed: Bed): Promise<readonly Row[]> {
  const installs: number[] = []
  const copies: number[] = []
  const rounds = bed.isQuick ? 2 : 7
  for (let round = 0; round <= rounds; round++) {
    bed.say(`round ${round} of ${rounds}`)
    const { installMs, copyMs } = await oneRound(bed)
    if (round === 0) continue // fills the caches of the disk
    installs.push(installMs)
    copies.push(copyMs)
  }
  const base = { part: 'g', what: 'empty machine to acks both ways', ours: ms(median(installs)) }
  const ratio = median(installs.map((value, at) => value / (copies[at] ?? Number.NaN)))
  return [
    { ...base, against: `the bound of ${ms(BOUND_MS)}`, ratio: median(installs) / BOUND_MS, goal: 1 },
    { ...base, against: `scp -r of the programs alone ${ms(median(copies))}`, ratio },
  ]
}

/** Two fresh machines. The run ends after each has answered the other's clan key, or it throws. */
async function oneRound({
  dist,
  node,
}: Bed): Promise<{ readonly installMs: number; readonly copyMs: number }> {
  await using lab = await openLab({ machines: ['alpha', 'beta'] })
  const [alpha, beta] = [lab.machine('alpha'), lab.machine('beta')]
  await giveNode(beta)
  const run = (...words: string[]) => {
    const [program = '', ...args] = words
    const env = { HOME: alpha.home, PATH: '/usr/bin:/bin' }
    return alpha.must([node, join(dist, `${program}.js`), ...args], { env, timeoutMs: 120_000 })
  }
  await run('setup', '--yes', '--lead', '1')
  const startedAt = performance.now()
  const said = await run('remote-install', 'root', beta.ip, '--no-register', '--no-schedule', '--json')
  const installMs = performance.now() - startedAt
  const { steps } = JSON.parse(said)
  for (const wanted of ['clan key', 'way back']) {
    if (!steps.some(({ step, result }: Step) => step === wanted && result === 'ok'))
      throw new Error(`An install ended without its step "${wanted}": ${said}`)
  }
  const copyAt = performance.now()
  await alpha.must(['scp', '-q', '-r', dist, `root@${beta.ip}:copy`])
  return { installMs, copyMs: performance.now() - copyAt }
}

type Step = { readonly step: string; readonly result: string }
