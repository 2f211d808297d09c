import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ExecOptions, Finished } from './run.ts'

export type HostKey = {
  /** `ssh-ed25519` or `ecdsa-sha2-nistp256`. */
  readonly type: string
  /** The public key as known_hosts writes it. */
  readonly key: string
  /** `SHA256:...` as ssh prints it. */
  readonly fingerprint: string
}

/** The machine's real sshd on port 22. */
export type Sshd = {
  /** End the listener: new connections are refused, sessions under way live on, as after `systemctl stop ssh`. */
  readonly stop: () => Promise<void>
  readonly start: () => Promise<void>
  /** SIGSTOP the listener and every session: the kernel still accepts connections, nobody answers. */
  readonly freeze: () => Promise<void>
  readonly thaw: () => Promise<void>
  /** Start again with new host keys, as after a reinstall. */
  readonly swapHostKey: () => Promise<HostKey>
  /** The ed25519 key, which clients ask for first. */
  readonly hostKey: () => Promise<HostKey>
  readonly hostKeys: () => Promise<readonly HostKey[]>
  /** What sshd has logged since the machine was made. */
  readonly log: () => Promise<string>
}

const TYPES = ['ed25519', 'ecdsa']

const STOP = `
[ -s /run/sshd.pid ] || exit 0
read -r pid < /run/sshd.pid; kill "$pid"
while [ -e "/proc/$pid" ]; do sleep 0.01; done
rm -f /run/sshd.pid
`
const START = `
/usr/sbin/sshd -f "$SSH/sshd_config" -E "$SSH/../log/sshd.log"
until [ -s /run/sshd.pid ]; do sleep 0.01; done
`
const NEW_KEYS = `
for type in ${TYPES.join(' ')}; do
  rm -f "$SSH/ssh_host_\${type}_key" "$SSH/ssh_host_\${type}_key.pub"
  ssh-keygen -q -t "$type" -N '' -C '' -f "$SSH/ssh_host_\${type}_key"
done
`
const TO_ALL = `
for dir in /proc/[0-9]*; do
  read -r name < "$dir/comm" || continue
  case "$name" in sshd*) kill "-$SIGNAL" "\${dir#/proc/}" || true;; esac
done 2>/dev/null
`

/** @param exec  runs a program inside the machine  @param dir  the machine's folder, with ssh/ and log/ */
export function sshdOf(
  exec: (argv: readonly string[], options: ExecOptions) => Promise<Finished>,
  dir: string,
): Sshd {
  const ssh = join(dir, 'ssh')
  const sh = async (script: string, signal = '') => {
    const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', SSH: ssh, SIGNAL: signal }
    const { code, stderr } = await exec(['sh', '-euc', script], { env, cwd: '/', timeoutMs: 10_000 })
    if (code !== 0) throw new Error(`sshd did not obey: ${stderr}`)
  }
  const hostKeys = () => Promise.all(TYPES.map(type => readHostKey(join(ssh, `ssh_host_${type}_key.pub`))))
  const hostKey = () => readHostKey(join(ssh, 'ssh_host_ed25519_key.pub'))
  return {
    stop: () => sh(STOP),
    start: () => sh(START),
    freeze: () => sh(TO_ALL, 'STOP'),
    thaw: () => sh(TO_ALL, 'CONT'),
    swapHostKey: async () => {
      await sh(STOP + NEW_KEYS + START)
      return hostKey()
    },
    hostKey,
    hostKeys,
    log: () => readFile(join(dir, 'log', 'sshd.log'), 'utf8'),
  }
}

async function readHostKey(file: string): Promise<HostKey> {
  const [type = '', key = ''] = (await readFile(file, 'utf8')).trim().split(' ')
  const digest = createHash('sha256').update(Buffer.from(key, 'base64')).digest('base64').replace(/=+$/, '')
  return { type, key, fingerprint: `SHA256:${digest}` }
}
