import { ClawError } from './error.ts'
import { MANAGED_NODES, NODE_FLOOR, OWN_NODES, STABLE_NODES } from './node-places.ts'
import { type GatewayId, isGatewayId } from './parse.ts'
import { shellQuote } from './remote.ts'

/** One Node.js that was tried on another machine. */
export type FoundNode = {
  /** Where it lies for good: never a folder that a version manager makes for one shell. */
  readonly path: string
  /** `24.11.0`; undefined when it did not start, or not within its time. */
  readonly version: string | undefined
}

/** What another machine has, before anything is changed there. */
export type InstallSurvey = {
  /** Absolute path of its claw-clan home, which may not exist yet. */
  readonly home: string
  /** `Darwin` or `Linux` as uname says it, and its processor. */
  readonly system: string
  readonly machine: string
  readonly hostName: string
  /** Our own address as its sshd saw it; empty when it would not say. */
  readonly ownAddress: string
  /** KiB free for the login where the home is or would be; undefined when `df` would not say. */
  readonly freeKb: number | undefined
  /** False when the home, or the folder it would be made in, cannot be written to. */
  readonly isWritable: boolean
  /** `older` is the bash version: a `state.json`, and none of our programs. */
  readonly setUp: 'yes' | 'older' | 'no'
  /** The id in its `state.json`; undefined without one, or for text that is no id. */
  readonly gatewayId: GatewayId | undefined
  /** Name of the version folder that is in use; undefined when there is none. */
  readonly current: string | undefined
  /** Every Node.js that was tried, in that order; the search ends with the first that is new enough. */
  readonly nodes: readonly FoundNode[]
}

/**
 * The text of the look at another machine, for the stdin of `/bin/sh -s`; it changes nothing there.
 *
 * All of it stands between braces, so a shell that got only a part runs nothing.
 *
 * @param nonce  hex digits; tells our lines from what the login shell's start files print
 * @param node   the only Node.js to try; the machine is searched when absent
 */
export function surveyScript(nonce: string, node: string | undefined): string {
  if (!/^[0-9a-f]{16,64}$/.test(nonce)) throw new TypeError('a nonce is hex digits')
  return `{\nclaw_nonce=${nonce}\nclaw_wanted=${shellQuote(node ?? '')}\n${FACTS}${NODES}printf 'end %s\\n' "$claw_nonce"\nexit\n}\n`
}

const FACTS = `claw_home=\${CLAW_CLAN_HOME:-$HOME/.openclaw/claw-clan}
printf '\\nclaw-clan-survey %s\\n' "$claw_nonce"
printf 'home %s\\n' "$claw_home"
printf 'system %s\\n' "$(uname -s)"
printf 'machine %s\\n' "$(uname -m)"
printf 'host %s\\n' "$(uname -n)"
printf 'address %s\\n' "\${SSH_CONNECTION%% *}"
claw_at=$claw_home
while [ ! -d "$claw_at" ] && [ "$claw_at" != / ] && [ "$claw_at" != . ]; do claw_at=$(dirname "$claw_at"); done
printf 'free %s\\n' "$(df -Pk "$claw_at" 2>/dev/null | sed -n 's/.*[[:space:]]\\([0-9][0-9]*\\)[[:space:]][[:space:]]*[0-9][0-9]*%[[:space:]].*/\\1/p')"
claw_writable=yes
for claw_dir in "$claw_at" "$claw_home/versions" "$claw_home/bin"; do
  if [ -d "$claw_dir" ] && [ ! -w "$claw_dir" ]; then claw_writable=no; fi
done
printf 'writable %s\\n' "$claw_writable"
if [ -x "$claw_home/bin/claw-peer" ] && [ -f "$claw_home/identity.json" ] && [ -f "$claw_home/state.json" ]; then
  printf 'set-up yes\\n'
elif [ -f "$claw_home/state.json" ]; then
  printf 'set-up older\\n'
else
  printf 'set-up no\\n'
fi
printf 'id %s\\n' "$(sed -n 's/.*"gatewayId"[[:space:]]*:[[:space:]]*"\\([^"]*\\)".*/\\1/p' "$claw_home/state.json" 2>/dev/null | head -n 1)"
claw_current=$(readlink "$claw_home/current" 2>/dev/null)
printf 'current %s\\n' "\${claw_current##*/}"
`

const [MAJOR, MINOR] = NODE_FLOOR.split('.')

/** A pattern below a folder as shell text: all of it quoted but its "*". */
const below = (folder: string, pattern: string): string =>
  `"${folder}"/${pattern.split('*').map(shellQuote).join('*')}`

const PLACES = [
  ...STABLE_NODES.map(shellQuote),
  ...MANAGED_NODES.map(pattern => below('$HOME', pattern)),
  below('$claw_home', OWN_NODES),
].join(' ')

// A start file may hang, or leave a program behind that keeps a pipe open: so nobody is waited for without a bound, and
// the login shell answers into a file. fnm's folder for one shell and the shims of volta, asdf and mise are answered by
// the path behind them; Homebrew's own links are stable while what they point to is removed with every update.
const NODES = `claw_bounded() {
  "$@" </dev/null 2>/dev/null &
  claw_run=$!
  ( sleep 10; kill -9 "$claw_run" ) >/dev/null 2>&1 </dev/null &
  claw_guard=$!
  wait "$claw_run"
  claw_ended=$?
  kill "$claw_guard" 2>/dev/null
  return "$claw_ended"
}
claw_seen=:
claw_found=
claw_try() {
  if [ -n "$claw_found" ] || [ ! -x "$1" ] || [ -d "$1" ]; then return 0; fi
  case \${claw_wanted:+any}\${1##*/} in any* | node | nodejs | node24 | node-24) ;; *) return 0 ;; esac
  case $claw_seen in *":$1:"*) return 0 ;; esac
  claw_seen=$claw_seen$1:
  claw_said=$(claw_bounded "$1" -p 'process.versions.node + " " + process.execPath' | tail -n 1)
  claw_version=\${claw_said%% *}
  claw_path=$1
  case $1 in */fnm_multishells/* | */shims/* | */.volta/bin/*) claw_path=\${claw_said#* } ;; esac
  case $claw_version in
    '' | *[!0-9.]* | *.*.*.*) printf 'node ? %s\\n' "$1"; return 0 ;;
    *.*.*) printf 'node %s %s\\n' "$claw_version" "$claw_path" ;;
    *) printf 'node ? %s\\n' "$1"; return 0 ;;
  esac
  claw_minor=\${claw_version#*.}
  claw_minor=\${claw_minor%%.*}
  if [ "\${claw_version%%.*}" -gt ${MAJOR} ]; then claw_found=$1; fi
  if [ "\${claw_version%%.*}" -eq ${MAJOR} ] && [ "$claw_minor" -ge ${MINOR} ]; then claw_found=$1; fi
}
claw_login_shell() {
  claw_file=$(mktemp "\${TMPDIR:-/tmp}/claw-clan-XXXXXX" 2>/dev/null) || return 0
  claw_bounded "\${SHELL:-/bin/sh}" -lc 'command -v node' >"$claw_file"
  claw_try "$(grep '^/' "$claw_file" | tail -n 1)"
  rm -f "$claw_file"
}
claw_service() {
  for claw_unit in "$HOME"/.config/systemd/user/openclaw-gateway*.service; do
    claw_try "$(sed -n 's/^ExecStart="\\([^"]*\\)".*/\\1/p; s/^ExecStart=\\([^" ][^ ]*\\).*/\\1/p' "$claw_unit" 2>/dev/null | head -n 1)"
  done
  for claw_plist in "$HOME"/Library/LaunchAgents/ai.openclaw.*.plist; do
    claw_try "$(sed -n '/<key>ProgramArguments</,/<\\/array>/s/.*<string>\\([^<]*\\)<.*/\\1/p' "$claw_plist" 2>/dev/null | sed 's/&amp;/\\&/g' | head -n 1)"
  done
}
if [ -n "$claw_wanted" ]; then
  claw_try "$claw_wanted"
else
  claw_try "$(sed -n "s/^node='\\([^']*\\)'.*/\\1/p" "$claw_home/bin/claw-status" 2>/dev/null | head -n 1)"
  claw_login_shell
  claw_try "$(command -v node)"
  claw_service
  for claw_node in ${PLACES}; do claw_try "$claw_node"; done
fi
`

/**
 * Read what a look printed; whatever the login shell printed before it is skipped.
 *
 * @throws {ClawError} `bad-answer` when the script did not run there to its last line
 */
export function parseSurvey(stdout: string, nonce: string): InstallSurvey {
  const begin = stdout.indexOf(`\nclaw-clan-survey ${nonce}\n`)
  const end = stdout.indexOf(`\nend ${nonce}\n`, begin)
  const home = /\nhome (\/.*)\n/.exec(stdout.slice(begin))?.[1]
  if (begin < 0 || end < 0 || home === undefined) {
    throw new ClawError('bad-answer', 'Logged in, but the remote shell did not run what it was given', {
      hint: 'Check that this login gets an ordinary shell there and is not bound to one command',
    })
  }
  const lines = stdout.slice(begin, end).split('\n')
  const values = (key: string) =>
    lines.filter(line => line.startsWith(`${key} `)).map(line => line.slice(key.length + 1).trim())
  const value = (key: string) => values(key)[0] ?? ''
  const gatewayId = value('id')
  const setUp = value('set-up')
  return {
    home,
    system: value('system'),
    machine: value('machine'),
    hostName: value('host'),
    ownAddress: value('address'),
    freeKb: /^\d{1,15}$/.test(value('free')) ? Number(value('free')) : undefined,
    isWritable: value('writable') === 'yes',
    setUp: setUp === 'yes' || setUp === 'older' ? setUp : 'no',
    gatewayId: isGatewayId(gatewayId) ? gatewayId : undefined,
    current: value('current') === '' ? undefined : value('current'),
    nodes: values('node').flatMap(foundNode),
  }
}

function foundNode(text: string): readonly FoundNode[] {
  const [, version, path] = /^(\S+) (\/.*)$/.exec(text) ?? []
  return path === undefined ? [] : [{ path, version: version === '?' ? undefined : version }]
}
