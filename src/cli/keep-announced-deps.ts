import { existsSync, realpathSync } from 'node:fs'
import { dirname, extname, join } from 'node:path'
import type { KeepAnnouncedDeps } from '../actions/keep-announced.ts'
import type { HomePaths } from '../adapters/home-paths.ts'
import type { KeepAlive, NoKeepAlive, ResidentJob } from '../adapters/keep-alive.ts'
import { askPresence } from '../adapters/presence.ts'
import { shellQuote } from '../fleet/remote.ts'
import { PROGRAM } from './announcer-order.ts'
import type { Home, ReadyHome } from './home.ts'
import type { Terminal } from './terminal.ts'

type StopDeps = Pick<KeepAnnouncedDeps, 'keepAlive' | 'announcer' | 'clock'>

/** What it takes to end the announcement, also in a home that is not set up. */
export async function stopAnnouncingDeps({ paths, clock }: Pick<Home, 'paths' | 'clock'>): Promise<StopDeps> {
  return {
    keepAlive: await openKeepAlive(paths),
    announcer: () => askPresence(paths.locks, PROGRAM),
    clock,
  }
}

/** Everything `claw-register start`, `restart` and `status` need. */
export async function keepAnnouncedDeps(
  home: ReadyHome,
  { progress }: Pick<Terminal, 'progress'>,
): Promise<KeepAnnouncedDeps> {
  const [{ browse }, { ownAddresses }, stopping] = await Promise.all([
    import('../adapters/mdns-browse.ts'),
    import('../adapters/interfaces.ts'),
    stopAnnouncingDeps(home),
  ])
  return {
    ...stopping,
    self: home.self,
    browse,
    ownAddresses,
    interfaces: home.settings['mdns.interfaces'],
    onProgress: progress,
  }
}

/** The service manager of this machine with the job of this home. */
async function openKeepAlive(paths: HomePaths): Promise<KeepAlive | NoKeepAlive> {
  const [{ chooseKeepAlive }, { jobName }] = await Promise.all([
    import('../adapters/keep-alive.ts'),
    import('../adapters/job-name.ts'),
  ])
  const argv = [...programOf(paths), 'run', '--home', paths.home]
  const job: ResidentJob = {
    label: jobName('com.openclaw.claw-clan-mdns', paths.home),
    unit: jobName('claw-clan-mdns', paths.home),
    description: 'claw-clan: keep this machine announced on the network',
    argv,
    stdoutLog: join(paths.logs, 'mdns-register.log'),
    stderrLog: paths.announcerLog,
  }
  const chosen = await chooseKeepAlive(job)
  if (chosen.manager !== 'none') return chosen
  const command = argv.map(word => (/^[\w@%+=:,./-]+$/.test(word) ? word : shellQuote(word))).join(' ')
  return {
    ...chosen,
    hint: `${chosen.hint}. Else keep this running, by a supervisor or "@reboot" in your crontab: ${command}`,
  }
}

/** The launcher finds the current version, and another node when its own is gone. Without one: this very program. */
function programOf({ bin }: HomePaths): readonly string[] {
  const launcher = join(bin, PROGRAM)
  if (existsSync(launcher)) return [launcher]
  const running = realpathSync(process.argv[1] ?? '.')
  return [process.execPath, join(dirname(running), `register${extname(running)}`)]
}
