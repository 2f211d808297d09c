import { type IntroductionRequest, introductionRequestText } from './enrolment.ts'
import { ClawError } from './error.ts'
import { type GatewayId, isGatewayId } from './parse.ts'
import { foreignLine } from './text.ts'

/** What the owner's own login is used for on another machine. */
export type OperatorStep =
  | { readonly kind: 'look' }
  | { readonly kind: 'introduce'; readonly request: IntroductionRequest }
  | { readonly kind: 'ping'; readonly gatewayIds: readonly GatewayId[] }

/** What a step found on the other machine. */
export type OperatorReport = {
  /** Our own address as its sshd saw it; undefined when it would not say. */
  readonly ownAddress: string | undefined
  /** `older` is the bash version: a `state.json`, and none of our programs. */
  readonly setUp: 'yes' | 'older' | 'no'
  /** The id in its `state.json`, else its host name; undefined when that is no id. */
  readonly gatewayId: GatewayId | undefined
  /** What the program of the step printed. */
  readonly output: string
  /** The last line of what it complained about; empty when it did not. */
  readonly complaint: string
}

/** The command every step gives to ssh: a constant, understood by sh, bash, zsh, fish and csh alike. */
export const OPERATOR_COMMAND = '/bin/sh -s'

/**
 * The text for the remote shell's stdin.
 *
 * All of it stands between braces, so a shell that got only a part runs nothing. Data stands in a quoted
 * here-document and is never part of the program.
 *
 * @param nonce  hex digits; tells our lines from what the login shell's start files print
 * @see POSIX.1-2017, Shell Command Language 2.7.4
 */
export function operatorScript(step: OperatorStep, nonce: string): string {
  if (!/^[0-9a-f]{16,64}$/.test(nonce)) throw new TypeError('a nonce is hex digits')
  const data =
    step.kind === 'introduce'
      ? introductionRequestText(step.request)
      : step.kind === 'ping'
        ? step.gatewayIds.join('\n')
        : ''
  return `{\nclaw_nonce=${nonce} claw_step=${step.kind}\nclaw_data() {\ncat <<'END-OF-CLAW-CLAN-DATA'\n${data}\nEND-OF-CLAW-CLAN-DATA\n}\n${PROGRAM}exit\n}\n`
}

const PROGRAM = `claw_home=\${CLAW_CLAN_HOME:-$HOME/.openclaw/claw-clan}
printf '\\nclaw-clan-operator %s\\n' "$claw_nonce"
printf 'address %s\\n' "\${SSH_CONNECTION%% *}"
claw_id=\`sed -n 's/.*"gatewayId"[[:space:]]*:[[:space:]]*"\\([^"]*\\)".*/\\1/p' "$claw_home/state.json" 2>/dev/null | head -n 1\`
if [ -z "$claw_id" ]; then claw_id=\`uname -n\`; fi
printf 'id %s\\n' "$claw_id"
if [ -x "$claw_home/bin/claw-peer" ] && [ -x "$claw_home/bin/claw-setup-ssh" ] && [ -f "$claw_home/identity.json" ]; then
  printf 'set-up yes\\noutput\\n'
  case $claw_step in
    introduce) claw_data | "$claw_home/bin/claw-setup-ssh" introduce --json --home "$claw_home" ;;
    ping)
      set --
      for claw_peer in \`claw_data\`; do set -- "$@" --only "$claw_peer"; done
      for claw_try in 1 2 3; do
        claw_said=\`"$claw_home/bin/claw-ping" --once --json --home "$claw_home" "$@" </dev/null\`
        case $claw_said in *'"skipped"'*) sleep 2 ;; *) break ;; esac
      done
      printf '%s\\n' "$claw_said" ;;
  esac
elif [ -f "$claw_home/state.json" ]; then
  printf 'set-up older\\noutput\\n'
else
  printf 'set-up no\\noutput\\n'
fi
`

/**
 * Read what a step printed; whatever the login shell printed before it is skipped.
 *
 * @throws {ClawError} `bad-answer` when the program did not run there to its first line
 */
export function parseOperatorReport(stdout: string, stderr: string, nonce: string): OperatorReport {
  const begin = stdout.indexOf(`\nclaw-clan-operator ${nonce}\n`)
  const found = /\naddress (.*)\nid (.*)\nset-up (yes|older|no)\noutput\n/.exec(
    begin < 0 ? '' : stdout.slice(begin),
  )
  if (found === null) {
    throw new ClawError('bad-answer', 'Logged in, but the remote shell did not run what it was given', {
      hint: 'Check that this login gets an ordinary shell there and is not bound to one command',
    })
  }
  const [text, address = '', id = '', setUp] = found
  return {
    ownAddress: address === '' ? undefined : address,
    setUp: setUp === 'yes' ? 'yes' : setUp === 'older' ? 'older' : 'no',
    gatewayId: isGatewayId(id) ? id : undefined,
    output: stdout.slice(begin + found.index + text.length),
    complaint: foreignLine(stderr.trim().split('\n').at(-1) ?? '').slice(0, 200),
  }
}
