import { MANAGED_NODES, NODE_FLOOR, OWN_NODES, STABLE_NODES } from './node-places.ts'
import { PROTOCOL_VERSION } from './probe.ts'
import { shellQuote } from './remote.ts'

/** What a launcher knows; all absolute paths, of any characters. */
export type Start = {
  /** As it is typed: `claw-ping`. */
  readonly name: string
  readonly home: string
  readonly identity: string
  /** The owner's home, below which version managers keep their nodes. */
  readonly userHome: string
  readonly node: string
  readonly script: string
}

/** In every launcher: what we may replace and remove. */
export const LAUNCHER_MARK = 'Written by claw-setup: changes here are lost.'

/**
 * Text of a launcher: POSIX sh without extensions, and no process of its own where node is where it was.
 *
 * cron has no PATH and no CLAW_CLAN_HOME, so it brings both; a home that is set wins. Whatever the owner's umask is,
 * what our programs write is the owner's alone.
 */
export const launcherText = (start: Start): string => `#!/bin/sh
# ${LAUNCHER_MARK}
umask 077
[ -n "\${CLAW_CLAN_HOME-}" ] || CLAW_CLAN_HOME=${shellQuote(start.home)}
export CLAW_CLAN_HOME
${startText(start)}
program "$@"
`

/**
 * Text of the gate: the forced command of every clan key, POSIX sh without extensions.
 *
 * `ping <nonce>` is answered by sh itself, so it costs 2 ms and tells the truth also where node is broken; the
 * identity is read by sh as well, which spares a process. Whatever is neither `ping` nor `serve` is refused with
 * exit code 126. A person who calls it with arguments gets the program behind it.
 */
export const gateText = (start: Start): string => `#!/bin/sh
# What other machines of the clan may ask of this one. ${LAUNCHER_MARK}
umask 077
PATH=/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin:/opt/homebrew/bin
# sshd lets the other side choose the language, and an odd one can end node before it starts.
LC_ALL=C
unset NODE_OPTIONS NODE_PATH
CLAW_CLAN_HOME=${shellQuote(start.home)}
export PATH LC_ALL CLAW_CLAN_HOME
identity=${shellQuote(start.identity)}
${startText(start)}

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

/**
 * `program`: become node with the script. Where node is gone, because a version manager or a package removed it, the
 * first other one that is new enough takes its place, and says so: a schedule must not stop for it.
 */
const startText = ({ name, home, userHome, node, script }: Start): string => `node=${shellQuote(node)}
script=${shellQuote(script)}

program() {
  [ -x "$node" ] && [ -f "$script" ] && exec "$node" "$script" "$@"
  if [ ! -f "$script" ]; then
    printf '${name}: "%s" is missing: install claw-clan again ("npm run setup" in its clone)\\n' "$script" >&2
    exit 127
  fi
  gone=$node
  for node in ${places(home, userHome).join(' \\\n    ')} \\
    "$(command -v node)"; do
    [ -f "$node" ] && [ -x "$node" ] || continue
    version=$("$node" --version 2>/dev/null </dev/null) || continue
    version=\${version#v}
    minor=\${version#*.}
    [ "\${version%%.*}" -gt ${MAJOR} ] 2>/dev/null ||
      { [ "\${version%%.*}" = ${MAJOR} ] && [ "\${minor%%.*}" -ge ${MINOR} ] 2>/dev/null; } || continue
    printf '${name}: "%s" is gone, "%s" is used: run "${remedyOf(home, script)}"\\n' "$gone" "$node" >&2
    exec "$node" "$script" "$@"
  done
  printf '${name}: "%s" is gone, and no Node >= ${NODE_FLOOR} was found: install one, then run "${remedyOf(home, script)}"\\n' "$gone" >&2
  exit 127
}
`

const [MAJOR, MINOR] = NODE_FLOOR.split('.')

/** What writes the launchers anew: an installed home knows its version, one made from a clone its clone. */
const remedyOf = (home: string, script: string): string =>
  script.startsWith(`${home}/current/`) ? 'claw-setup activate' : 'claw-setup --yes'

/** Words of sh, `*` outside the quotes. */
const places = (home: string, userHome: string): readonly string[] => [
  globWord(home, OWN_NODES),
  ...STABLE_NODES,
  ...MANAGED_NODES.map(pattern => globWord(userHome, pattern)),
]

// Only the `*` of the pattern is one: the folder may hold any character.
const globWord = (folder: string, pattern: string): string => {
  const [first = '', ...rest] = pattern.split('*')
  return [`${folder}/${first}`, ...rest].map(shellQuote).join('*')
}
