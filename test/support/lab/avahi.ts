import { existsSync } from 'node:fs'
import { type Daemon, eventually, type Finished } from './run.ts'

/** What avahi-browse resolved. */
export type Browsed = {
  readonly protocol: string
  readonly name: string
  readonly host: string
  readonly address: string
  readonly port: number
  readonly txt: readonly string[]
}

export type Publication = {
  readonly name: string
  readonly type: string
  readonly port: number
  readonly txt?: readonly string[]
}

/** What this file needs of a machine. */
export type AvahiHost = {
  readonly exec: (argv: readonly string[], options?: { timeoutMs?: number }) => Promise<Finished>
  readonly spawn: (argv: readonly string[]) => Promise<Daemon>
  /** A path inside the machine, as seen from outside. */
  readonly inside: (path: string) => string
}

/** A running avahi with the message bus it needs. */
export type Avahi = { readonly daemon: Daemon; readonly stop: () => Promise<void> }

/** Debian's avahi-daemon as it comes, on the machine's own message bus. It calls itself by the machine's host name. */
export async function startAvahi(host: AvahiHost): Promise<Avahi> {
  await host.exec(['mkdir', '-p', '/run/dbus'])
  const bus = await host.spawn(['dbus-daemon', '--system', '--nofork', '--nopidfile', '--nosyslog'])
  await eventually('the message bus listens', () => existsSync(host.inside('/run/dbus/system_bus_socket')))
  // its limit of three processes counts every avahi of the host, whatever namespace it runs in
  const daemon = await host.spawn(['avahi-daemon', '--no-rlimits'])
  await daemon.waitFor(/Server startup complete/, 20_000)
  return {
    daemon,
    stop: async () => {
      await daemon.stop()
      await bus.stop()
    },
  }
}

/** Announce a service until the daemon is stopped; resolves when avahi says it is established. */
export async function publishWithAvahi(
  host: AvahiHost,
  { name, type, port, txt = [] }: Publication,
): Promise<Daemon> {
  const daemon = await host.spawn(['avahi-publish', '-s', name, type, `${port}`, ...txt])
  await daemon.waitFor(/Established under name/, 20_000)
  return daemon
}

/** One whole `avahi-browse -rpt`: what it found and resolved before it ended by itself. */
export async function browseWithAvahi(host: AvahiHost, type: string): Promise<readonly Browsed[]> {
  const { code, stdout, stderr } = await host.exec(['avahi-browse', '-rpt', type])
  if (code !== 0) throw new Error(`avahi-browse failed: ${stderr}`)
  return stdout
    .split('\n')
    .filter(line => line.startsWith('='))
    .map(parseResolved)
}

function parseResolved(line: string): Browsed {
  const [, , protocol = '', name = '', , , host = '', address = '', port = '', ...txt] = line.split(';')
  const strings = [...txt.join(';').matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, text = '']) => unescaped(text))
  return { protocol, name: unescaped(name), host, address, port: Number(port), txt: strings }
}

/** avahi writes bytes that are no plain letters as `\DDD`, and a backslash before a dot or backslash. */
function unescaped(text: string): string {
  const bytes = [...text.matchAll(/\\(\d{3})|\\(.)|([^\\])/gsu)].map(([, code, escaped, plain]) =>
    code === undefined ? Buffer.from(escaped ?? plain ?? '') : Buffer.from([Number(code)]),
  )
  return Buffer.concat(bytes).toString('utf8')
}
