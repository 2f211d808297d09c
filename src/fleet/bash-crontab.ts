import { type ByteText, linesOf, withoutEnd } from './marked-block.ts'
import type { CrontabText } from './schedule.ts'

/**
 * The crontab lines of the bash version: `claw-ping.sh`, and `claw-monitor.sh` for a gateway, out of a claw-clan
 * scripts folder, with nothing but a redirection and its tag `# claw-clan` behind.
 *
 * A line that does anything else besides, or is a comment, is the owner's.
 */
export const bashLines = (text: CrontabText): readonly ByteText[] =>
  linesOf(text).map(withoutEnd).filter(isBashLine)

/** The crontab without exactly these lines; every other byte stays. */
export const withoutBashLines = (text: CrontabText): CrontabText =>
  linesOf(text)
    .filter(line => !isBashLine(withoutEnd(line)))
    .join('')

const TIMES = '(?:@[a-z]+|[-0-9*,/]+(?:[ \\t]+[-0-9A-Za-z*,/]+){4})'
const SHELL = '(?:(?:/usr)?/bin/)?(?:env[ \\t]+)?(?:bash|sh)[ \\t]+'
const HOME = '(?:~|\\$HOME|\\$\\{HOME\\})?'
// Nothing that a shell would act on.
const PATH = '[^\\s"\'`$;|&<>()\\\\#]*'
const SCRIPT = '(?:claw-ping\\.sh"?|claw-monitor\\.sh"?[ \\t]+"?[A-Za-z0-9._-]+"?)'
const REDIRECTION = `(?:[ \\t]*>>?[ \\t]*"?${HOME}${PATH}"?)?(?:[ \\t]*2>&1)?`
const PATTERN = new RegExp(
  `^[ \\t]*${TIMES}[ \\t]+(?:${SHELL})?"?${HOME}${PATH}/claw-clan/scripts/${SCRIPT}${REDIRECTION}(?:[ \\t]+#.*)?[ \\t]*$`,
)

const isBashLine = (line: ByteText): boolean => PATTERN.test(line)
