// Stands in for macOS's launchctl: `launchctl.ts STATE_FOLDER ARGUMENTS`. It keeps jobs as launchd does, starts their
// programs, and prints what launchctl prints. No Mac has seen it.
import { spawn } from 'node:child_process'
import { appendFileSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

type Job = { readonly Label: string; readonly ProgramArguments: readonly string[] } & Readonly<
  Record<'StandardOutPath' | 'StandardErrorPath', string>
>
type Loaded = { readonly domain: string; readonly pid: number; readonly file: string; readonly looks: number }

const [folder = '', verb = '', ...words] = process.argv.slice(2)
const record = (label: string) => join(folder, `${label}.json`)
const has = (mode: string) => existsSync(join(folder, mode))
const loaded = (label: string): Loaded | undefined =>
  existsSync(record(label)) ? JSON.parse(readFileSync(record(label), 'utf8')) : undefined
const end = (code: number, stderr = ''): never => {
  process.stderr.write(stderr)
  process.exit(code)
}

appendFileSync(join(folder, 'calls'), `${[verb, ...words].join(' ')}\n`)

const split = (target: string): readonly [string, string] => {
  const at = target.lastIndexOf('/')
  return [target.slice(0, at), target.slice(at + 1)]
}
const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

async function startJob(file: string, domain: string): Promise<void> {
  const { parse } = await import('plist')
  const job = parse(readFileSync(file, 'utf8')) as unknown as Job
  if (loaded(job.Label) !== undefined) end(5, 'Bootstrap failed: 5: Input/output error\n')
  const [program = '', ...args] = job.ProgramArguments
  const child = spawn(program, args, {
    detached: true,
    cwd: '/',
    env: { PATH: '/usr/bin:/bin:/usr/sbin:/sbin' },
    stdio: ['ignore', openSync(job.StandardOutPath, 'a'), openSync(job.StandardErrorPath, 'a')],
  })
  child.on('error', () => {})
  child.unref()
  writeFileSync(record(job.Label), JSON.stringify({ domain, pid: child.pid ?? 0, file, looks: 0 }))
}

function endJob(label: string): void {
  const job = loaded(label)
  if (job !== undefined && isAlive(job.pid)) process.kill(job.pid, 'SIGTERM')
}

function print(domain: string, label: string): void {
  const job = loaded(label)
  if (job === undefined || job.domain !== domain)
    end(113, `Could not find service "${label}" in domain for ${domain}\n`)
  else if (job.looks > 0 && job.looks < 3)
    writeFileSync(record(label), JSON.stringify({ ...job, looks: job.looks + 1 }))
  else if (job.looks >= 3) {
    rmSync(record(label))
    end(113)
  }
  const runs = job !== undefined && isAlive(job.pid)
  const state = runs ? `\tstate = running\n` : '\tstate = not running\n'
  const words = `\targuments = {\n\t\tpid = 7\n\t\tlast exit code = 99\n\t}\n`
  const last = runs ? '\tlast exit code = (never exited)\n' : '\tlast exit code = 78: EX_CONFIG\n'
  process.stdout.write(
    `${domain}/${label} = {\n\ttype = LaunchAgent\n${state}${words}${runs ? `\tpid = ${job.pid}\n` : ''}${last}}\n`,
  )
}

switch (verb) {
  case 'bootstrap': {
    if (has('no-gui')) end(125, 'Bootstrap failed: 125: Domain does not support specified action\n')
    await startJob(words[1] ?? '', words[0] ?? '')
    break
  }
  case 'load': {
    if (has('no-load')) end(0, 'Load failed: 5: Input/output error\n')
    await startJob(words[1] ?? '', `user/${process.getuid?.()}`)
    break
  }
  case 'bootout': {
    const [domain, label] = split(words[0] ?? '')
    const job = loaded(label)
    if (job?.domain !== domain) end(3, 'Boot-out failed: 3: No such process\n')
    endJob(label)
    // launchd returns before the job is gone.
    if (job !== undefined) writeFileSync(record(label), JSON.stringify({ ...job, looks: 1 }))
    end(36, 'Boot-out failed: 36: Operation now in progress\n')
    break
  }
  case 'kickstart': {
    const [domain, label] = split(words[1] ?? '')
    const job = loaded(label)
    if (job?.domain !== domain) end(113, `Could not find service "${label}"\n`)
    endJob(label)
    rmSync(record(label))
    await startJob(job?.file ?? '', domain)
    break
  }
  case 'print':
    print(...split(words[0] ?? ''))
    break
  case 'list':
    end(113, `Could not find service "${words[0]}" in domain for port\n`)
    break
  case 'enable':
    break
  default:
    end(64, `Unrecognized subcommand: ${verb}\n`)
}
