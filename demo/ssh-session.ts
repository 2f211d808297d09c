import type { ChildProcess } from 'node:child_process'
import type { ServerChannel } from 'ssh2'

/** Join one exec request of a client to the program it started, until either of them ends. */
export function runSession(channel: ServerChannel, child: ChildProcess): void {
  const { stdin, stdout, stderr, pid } = child
  stdin?.on('error', () => undefined) // it need not read what it is sent
  channel.on('error', () => undefined) // its client may vanish
  if (stdin !== null) channel.pipe(stdin)
  stdout?.pipe(channel, { end: false })
  stderr?.pipe(channel.stderr, { end: false })
  child.once('error', () => channel.close())
  child.once('close', code => {
    channel.exit(code ?? 255)
    channel.end()
  })
  channel.once('close', () => {
    if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return
    try {
      process.kill(-pid, 'SIGTERM')
    } catch {
      // It ended meanwhile.
    }
  })
}
