import { mkdirSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { ClawError } from '../fleet/error.ts'
import { PROTOCOL_VERSION } from '../fleet/probe.ts'
import { shellQuote } from '../fleet/remote.ts'
import { quoteValue } from '../fleet/text.ts'
import type { HomePaths } from './home-paths.ts'
import { replaceFile } from './whole-file.ts'

/** What to start: program name without `claw-` to the absolute path of its script. */
export type LauncherPlan = {
  readonly paths: Pick<HomePaths, 'home' | 'bin' | 'identity'>
  /** Absolute path of node. */
  readonly node: string
  readonly programs: Readonly<Record<string, string>>
}

/**
 * Write `bin/claw-<name>` for every program, each replaced whole, mode 0700; `peer` becomes the gate. What else lies
 * in `bin` stays. Nothing is written unless all of the plan is allowed.
 *
 * @returns absolute paths of what was written
 * @throws {ClawError} `bad-input` for a path that is not absolute or an odd name; `store-unavailable`
 */
export function writeLaunchers({ paths, node, programs }: LauncherPlan): readonly string[] {
  const texts = Object.entries(programs).map(([name, script]) => {
    checkPlan(name, [node, script, paths.home])
    const start = { home: paths.home, identity: paths.identity, node, script }
    return [join(paths.bin, `claw-${name}`), name === 'peer' ? gateText(start) : launcherText(start)] as const
  })
  try {
    mkdirSync(paths.bin, { recursive: true, mode: 0o700 })
    for (const [file, text] of texts) replaceFile(file, text, 0o700)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new ClawError('store-unavailable', `Cannot write the launchers in "${paths.bin}": ${why}`, {
      cause,
    })
  }
  return texts.map(([file]) => file)
}

/** What a launcher knows; all absolute paths, of any characters. */
export type Start = {
  readonly home: string
  readonly identity: string
  readonly node: string
  readonly script: string
}

/** Text of a launcher: cron has no PATH and no CLAW_CLAN_HOME, so it brings both; one that is set wins. */
export const launcherText = ({ home, node, script }: Start): string =>
  '#!/bin/sh\n' +
  `[ -n "\${CLAW_CLAN_HOME-}" ] || CLAW_CLAN_HOME=${shellQuote(home)}; export CLAW_CLAN_HOME; ` +
  `exec ${shellQuote(node)} ${shellQuote(script)} "$@"\n`

/**
 * Text of the gate: the forced command of every clan key, POSIX sh without extensions.
 *
 * `ping <nonce>` is answered by sh itself, so it costs 2 ms and tells the truth also where node is broken; the
 * identity is read by sh as well, which spares a process. Whatever is neither `ping` nor `serve` is refused with
 * exit code 126. A person who calls it with arguments gets the program behind it.
 */
export const gateText = ({ home, identity, node, script }: Start): string => `#!/bin/sh
# What other machines of the clan may ask of this one. Written by claw-setup: changes here are lost.
PATH=/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin:/opt/homebrew/bin
CLAW_CLAN_HOME=${shellQuote(home)}
export PATH CLAW_CLAN_HOME
identity=${shellQuote(identity)}

program() {
  exec ${shellQuote(node)} ${shellQuote(script)} "$@"
}

refuse() {
  printf '%s\\n' 'claw-peer: refused: this key may only ping and serve' >&2
  exit 126
}

ping() {
  case $1 in '' | *[!0123456789abcdefABCDEF]*) refuse ;; esac
  [ "\${#1}" -le 64 ] || refuse
  if [ ! -r "$identity" ]; then
    printf '%s\\n' 'claw-peer: this machine has no identity: run claw-setup' >&2
    exit 1
  fi
  printf 'claw-clan-ack %s %s ${PROTOCOL_VERSION}\\n' "$1" "$(date +%s)"
  while IFS= read -r line || [ -n "$line" ]; do
    printf '%s\\n' "$line"
  done <"$identity"
}

if [ -z "\${SSH_ORIGINAL_COMMAND+set}" ] && [ "$#" -gt 0 ]; then
  program "$@"
fi
case \${SSH_ORIGINAL_COMMAND-} in
  'ping '*) ping "\${SSH_ORIGINAL_COMMAND#ping }" ;;
  serve) program serve ;;
  *) refuse ;;
esac
`

function checkPlan(name: string, paths: readonly string[]): void {
  if (!/^[a-z][a-z0-9-]{0,31}$/.test(name)) {
    throw new ClawError('bad-input', `Cannot write a launcher for ${quoteValue(name)}: it is no program name`)
  }
  const odd = paths.find(path => !isAbsolute(path))
  if (odd !== undefined) {
    throw new ClawError(
      'bad-input',
      `Cannot write the launcher of "${name}": ${quoteValue(odd)} is not an absolute path`,
    )
  }
}
