/**
 * What went wrong, as one word a program can act on.
 *
 * The terminal maps each code to an exit code (cli/command.ts): wrong usage 2, not set up 3, busy 75, the rest 1.
 */
export type ErrorCode =
  | 'bad-input' // a flag, id, name, number or stdin document is not what is allowed
  | 'missing-answer' // a question would be needed and there is no terminal
  | 'cancelled' // the person who was asked pressed Ctrl-C
  | 'unknown-peer'
  | 'not-set-up'
  | 'busy' // another run holds the lock and we were told not to wait
  | 'bad-settings' // config file: unreadable, wrong type, out of bounds
  | 'damaged-state' // a state file does not parse
  | 'store-unavailable' // a state file or lock cannot be read or written
  | 'no-network' // our own interfaces cannot do what is asked
  | 'host-unreachable'
  | 'ssh-refused'
  | 'ssh-busy' // closed before the handshake: sshd's MaxStartups
  | 'ssh-timeout'
  | 'ssh-failed' // handshake or protocol error that is none of the others
  | 'auth-denied'
  | 'host-key-changed'
  | 'host-key-unknown' // no pinned key, and nobody vouched for the one offered
  | 'bad-key' // our own key file is missing or unusable
  | 'bad-answer' // a peer answered, but not what the protocol says
  | 'peer-refused' // a peer understood and declined
  | 'peer-not-set-up' // its shell answered, and there is no claw-clan of ours
  | 'no-keeper' // no launchd or systemd that could keep a program running
  | 'peer-unfit' // it lacks what an install needs: Node, room, a folder that can be written to
  | 'self-test-failed' // what was put on a peer does not work there
  | 'command-failed' // a local program we need exited non-zero or is missing
  | 'not-removed' // something of ours outside the home could not be taken away
  | 'no-version' // no version to step back to, or a program that is in no version folder
  | 'timeout'

export type ErrorDetails = {
  /** The next step for the owner: one sentence, no period. */
  readonly hint?: string
  readonly cause?: unknown
}

/** An expected failure: its message is fit for the owner's eyes. Anything else that is thrown is our bug. */
export class ClawError extends Error {
  override readonly name = 'ClawError'
  readonly code: ErrorCode
  readonly hint: string | undefined

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? {} : { cause: details.cause })
    this.code = code
    this.hint = details.hint
  }
}
