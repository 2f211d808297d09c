import {
  access,
  chmod,
  chown,
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runOrThrow } from './run.ts'

const PREFIX = 'claw-lab-'

/** When a process started, in clock ticks since boot: with its id it names a process for good; undefined once it is gone. */
async function startOf(pid: number): Promise<string | undefined> {
  try {
    const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /s, '').split(' ')
    return fields[0] === 'Z' ? undefined : fields[19]
  } catch {
    return undefined
  }
}

/** A fresh folder that says whose it is. */
export async function openLabFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), `${PREFIX}${process.pid}-${await startOf(process.pid)}-`))
}

/** Remove the folders of labs whose process is gone. All else they had ended with that process. */
export async function sweepLeftovers(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const owner = /^claw-lab-(\d+)-(\d+)-/.exec(name)
    if (owner === null || (await startOf(Number(owner[1]))) === owner[2]) continue
    await rm(join(tmpdir(), name), { recursive: true, force: true })
  }
}

export type MachineFolder = {
  readonly dir: string
  readonly home: string
  readonly hostName: string
  /** Folder with the key pair that every machine's owner has. */
  readonly operatorKey: string
  /** Host name by address, for /etc/hosts. */
  readonly hosts: ReadonlyMap<string, string>
}

/** Lay out what a machine mounts over the host's own files. */
export async function layOutMachine({
  dir,
  home,
  hostName,
  operatorKey,
  hosts,
}: MachineFolder): Promise<void> {
  for (const folder of ['etc/cron.d', 'spool/crontabs', 'log', 'ssh'])
    await mkdir(join(dir, folder), { recursive: true })
  await mkdir(join(home, '.ssh'), { recursive: true, mode: 0o700 })
  await chmod(home, 0o700)
  await layOutEtc(join(dir, 'etc'), { home, hostName, hosts })
  await layOutSpool(join(dir, 'spool', 'crontabs'))
  for (const name of ['id_ed25519', 'id_ed25519.pub'])
    await copyFile(join(operatorKey, name), join(home, '.ssh', name))
  await copyFile(join(operatorKey, 'id_ed25519.pub'), join(home, '.ssh', 'authorized_keys'))
  await chmod(join(home, '.ssh', 'authorized_keys'), 0o600)
  await writeFile(join(dir, 'ssh', 'sshd_config'), sshdConfig(join(dir, 'ssh')))
}

async function layOutEtc(
  etc: string,
  { home, hostName, hosts }: Pick<MachineFolder, 'home' | 'hostName' | 'hosts'>,
): Promise<void> {
  await writeFile(join(etc, 'hostname'), `${hostName}\n`)
  await writeFile(
    join(etc, 'hosts'),
    ['127.0.0.1 localhost', ...[...hosts].map(([ip, name]) => `${ip} ${name}`), ''].join('\n'),
  )
  await writeFile(join(etc, 'crontab'), '')
  const users = (await readFile('/etc/passwd', 'utf8')).split('\n')
  await writeFile(join(etc, 'passwd'), users.map(line => passwdLine(line, home)).join('\n'))
  const names = users.filter(Boolean).map(line => line.slice(0, line.indexOf(':')))
  await writeFile(join(etc, 'shadow'), names.map(name => `${name}:*:19000:0:99999:7:::\n`).join(''), {
    mode: 0o600,
  })
}

/** Everybody as on the host, except that root lives in the machine's own home and has a shell. */
function passwdLine(line: string, home: string): string {
  const fields = line.split(':')
  if (fields[0] !== 'root') return line
  const shell = fields[6]?.endsWith('sh') ? fields[6] : '/bin/sh'
  return ['root', 'x', '0', '0', 'root', home, shell].join(':')
}

/** As Debian's cron package makes it: only the setgid program `crontab` may write there. */
async function layOutSpool(crontabs: string): Promise<void> {
  const real = await stat('/var/spool/cron/crontabs').catch(() => undefined)
  if (real !== undefined) await chown(crontabs, 0, real.gid)
  await chmod(crontabs, 0o1730)
}

/** Debian's defaults, without PAM, whose modules want a login manager and an audit system. */
const sshdConfig = (keys: string): string => `HostKey ${keys}/ssh_host_ecdsa_key
HostKey ${keys}/ssh_host_ed25519_key
PidFile /run/sshd.pid
KbdInteractiveAuthentication no
UsePAM no
X11Forwarding yes
PrintMotd no
AcceptEnv LANG LC_*
Subsystem sftp internal-sftp
`

/** The key pair of the one person who owns all machines. */
export async function makeOperatorKey(dir: string): Promise<void> {
  await mkdir(dir, { mode: 0o700 })
  await runOrThrow([
    'ssh-keygen',
    '-q',
    '-t',
    'ed25519',
    '-N',
    '',
    '-C',
    'operator',
    '-f',
    join(dir, 'id_ed25519'),
  ])
}

const NEEDED: Readonly<Record<string, string>> = {
  '/usr/sbin/sshd': 'openssh-server',
  '/usr/bin/ssh-keygen': 'openssh-client',
  '/usr/bin/nsenter': 'util-linux',
  '/usr/bin/setpriv': 'util-linux',
  '/usr/sbin/ip': 'iproute2',
  '/usr/sbin/nft': 'nftables',
}

/** Throws with everything this host lacks. */
export async function checkHost(): Promise<void> {
  const lacking = process.platform === 'linux' ? [] : ['Linux']
  if (process.getuid?.() !== 0) lacking.push('root')
  for (const [file, name] of Object.entries(NEEDED)) {
    if (
      !(await access(file).then(
        () => true,
        () => false,
      ))
    )
      lacking.push(`${file} (package ${name})`)
  }
  if (lacking.length > 0) throw new Error(`The lab needs ${lacking.join(', ')}`)
  await mkdir('/run/sshd', { recursive: true, mode: 0o755 })
}
