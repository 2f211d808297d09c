import { ClawError } from '../fleet/error.ts'
import { checkCall, type ProgramCall } from '../fleet/program-call.ts'
import { isSafeText, quoteValue } from '../fleet/text.ts'

/** One service of a user's systemd. */
export type UserService = ProgramCall & {
  /** Its unit is `<name>.service`. */
  readonly name: string
  readonly description: string
  readonly when: /** Starts with the user's manager, and again this long after every end. */
    | { readonly kind: 'always'; readonly restartSeconds: number }
    /** Runs once at a time, started by a timer. */
    | { readonly kind: 'on-demand' }
}

/** The timer `<name>.timer`, which starts `<name>.service`. */
export type UserTimer = {
  readonly name: string
  readonly description: string
  /** systemd calendar expressions, `*-*-* *:03/15:27`; it starts at each of their times. */
  readonly onCalendar: readonly string[]
  /** Whether one missed run is made up for after the machine was off or asleep. */
  readonly persistent: boolean
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/

/**
 * The unit file of a service: starting it gives the program exactly this argv.
 *
 * @throws {ClawError} `bad-input` for what a unit cannot say
 * @see systemd.service(5) "Command lines", systemd.syntax(7) "Quoting"
 */
export function serviceText(service: UserService): string {
  checkCall(service)
  const { argv, env = {}, when, stdoutLog, stderrLog } = service
  const lines = [
    ...unitSection(service),
    // Restarting for ever is what a resident program is for.
    ...(when.kind === 'always' ? ['StartLimitIntervalSec=0'] : []),
    '',
    '[Service]',
    `Type=${when.kind === 'always' ? 'exec' : 'oneshot'}`,
    `ExecStart=${commandLine(argv)}`,
    ...Object.entries(env).map(([name, value]) => `Environment=${quoted(`${name}=${value}`)}`),
    ...(when.kind === 'always' ? ['Restart=always', `RestartSec=${when.restartSeconds}`] : []),
    'UMask=0077',
    `StandardOutput=append:${path(stdoutLog)}`,
    `StandardError=append:${path(stderrLog)}`,
    ...(when.kind === 'always' ? ['', '[Install]', 'WantedBy=default.target'] : []),
  ]
  return `${lines.join('\n')}\n`
}

/** The unit file of a timer. @throws {ClawError} `bad-input` for what a unit cannot say */
export function timerText(timer: UserTimer): string {
  const { onCalendar, persistent } = timer
  const odd = onCalendar.find(time => !/^[A-Za-z0-9*:,./~ -]{1,256}$/.test(time))
  if (odd !== undefined)
    throw new ClawError('bad-input', `Cannot use ${quoteValue(odd)} as a systemd calendar time`)
  const lines = [
    ...unitSection(timer),
    '',
    '[Timer]',
    ...onCalendar.map(time => `OnCalendar=${time}`),
    // Without it systemd may be a minute late.
    'AccuracySec=1s',
    `Persistent=${persistent}`,
    '',
    '[Install]',
    'WantedBy=timers.target',
  ]
  return `${lines.join('\n')}\n`
}

function unitSection({ name, description }: Pick<UserService, 'name' | 'description'>): readonly string[] {
  if (!NAME.test(name))
    throw new ClawError('bad-input', `Cannot use ${quoteValue(name)} as a systemd unit name`)
  if (!isSafeText(description) || /[\\\n]/.test(description))
    throw new ClawError('bad-input', `Cannot use ${quoteValue(description)} as a systemd description`)
  return ['[Unit]', `Description=${description.replaceAll('%', '%%')}`]
}

/**
 * systemd takes no program whose path has quotes or backslashes, and expands no variable in it; a shell that becomes
 * the program starts any.
 */
function commandLine([program = '', ...words]: readonly string[]): string {
  if (/^[A-Za-z0-9/._+@: %-]+$/.test(program)) return [quoted(program), ...words.map(argument)].join(' ')
  return ['"/bin/sh"', '"-c"', ...['exec "$0" "$@"', program, ...words].map(argument)].join(' ')
}

const argument = (text: string): string => quoted(text).replaceAll('$', '$$$$')

/** One word: `%` begins a specifier, a backslash an escape, and a quote ends it. */
const quoted = (text: string): string =>
  `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%')}"`

/** Taken to the end of the line as it is, but for specifiers; a backslash at the end would join the next line. */
function path(text: string): string {
  if (/\\$|\s$/.test(text))
    throw new ClawError(
      'bad-input',
      `Cannot use ${quoteValue(text)} as a log file: it ends in "\\" or a space`,
    )
  return text.replaceAll('%', '%%')
}
