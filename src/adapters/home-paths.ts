import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

/** Absolute paths of everything kept on one machine. */
export type HomePaths = {
  readonly home: string
  readonly state: string
  readonly identity: string
  readonly config: string
  readonly fleet: string
  readonly peers: string
  readonly candidates: string
  readonly keys: string
  /** Private clan key; the public one has `.pub` appended. */
  readonly clanKey: string
  readonly knownHosts: string
  readonly bin: string
  /** Folder of the installed versions, and the link to the one in use. */
  readonly versions: string
  readonly current: string
  /** A node of our own, where the machine has none that is new enough: `<version>/bin/node`. */
  readonly node: string
  readonly logs: string
  readonly eventsLog: string
  /** What the announcer says, from whoever keeps it running. */
  readonly announcerLog: string
  readonly locks: string
  readonly journal: string
  readonly backups: string
}

/**
 * Where this machine's home is: `--home`, else `CLAW_CLAN_HOME`, else `~/.openclaw/claw-clan`.
 *
 * cron may start us without HOME; the password database then says where the user lives.
 */
export function homePaths(given?: string, env: NodeJS.ProcessEnv = process.env): HomePaths {
  const home = resolve(given ?? (env.CLAW_CLAN_HOME || join(homedir(), '.openclaw', 'claw-clan')))
  const at = (...parts: string[]) => join(home, ...parts)
  return {
    home,
    state: at('state.json'),
    identity: at('identity.json'),
    config: at('config.json'),
    fleet: at('fleet.json'),
    peers: at('peers'),
    candidates: at('candidates'),
    keys: at('keys'),
    clanKey: at('keys', 'id_ed25519'),
    knownHosts: at('known_hosts'),
    bin: at('bin'),
    versions: at('versions'),
    current: at('current'),
    node: at('node'),
    logs: at('logs'),
    eventsLog: at('logs', 'events.log'),
    announcerLog: at('logs', 'mdns-register-err.log'),
    locks: at('locks'),
    journal: at('journal.db'),
    backups: at('backups'),
  }
}
