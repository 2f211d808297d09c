import { VERSION } from '../adapters/version.ts'
import { nearest } from '../fleet/nearest.ts'
import { printable } from '../fleet/text.ts'
import { wrapIndented } from './wrap.ts'

/**
 * `claw-clan <verb>`: take the verb off the command line and load the program of that name, which then runs as if
 * it had been called itself.
 */
export async function runVerb(programs: Readonly<Record<string, () => Promise<unknown>>>): Promise<void> {
  const [verb, ...rest] = process.argv.slice(2)
  const verbs = Object.keys(programs)
  const program = verb !== undefined && Object.hasOwn(programs, verb) ? programs[verb] : undefined
  if (program !== undefined) {
    process.argv.splice(2, process.argv.length - 2, ...rest)
    await program()
  } else if (verb === '--version') {
    process.stdout.write(`${VERSION}\n`)
  } else if (verb === '--help' || verb === '-h') {
    process.stdout.write(`${helpText(verbs)}\n`)
  } else {
    process.exitCode = 2
    const json = verb === '--json' || rest.includes('--json')
    const given = verb === undefined ? 'A verb is needed' : `Unknown verb "${printable(verb)}"`
    const close = nearest(verb ?? '', verbs)
    const message = `${given}: ${close.length === 0 ? `use one of ${verbs.join(', ')}` : `did you mean ${close.join(' or ')}?`}`
    const hint = 'Run "claw-clan --help"'
    if (json)
      process.stdout.write(`${JSON.stringify({ schema: 1, error: { code: 'bad-input', message, hint } })}\n`)
    else process.stderr.write(`claw-clan: ${message}\n  next: ${hint}\n`)
  }
}

const helpText = (verbs: readonly string[]): string =>
  [
    'Look after the machines that run OpenClaw.',
    '',
    'Usage: claw-clan VERB [options]     (claw-clan ping is claw-ping, and so on)',
    '',
    wrapIndented(`Verbs: ${verbs.join(', ')}`, 80, '       '),
    '',
    'Example: claw-clan status',
    '',
    'Each verb explains itself: claw-clan VERB --help',
  ].join('\n')
