// `npm run demo`: a fleet of three on this one machine, from nothing to a changed leader and back.
import { parseArgs } from 'node:util'
import { showLive } from './live.ts'
import { DemoProblem, Interrupted } from './problem.ts'
import { gap, paint, print } from './screen.ts'
import { openStage } from './stage.ts'
import { tellStory } from './story.ts'

const USAGE = `Shows claw-clan at work: three machines on this one, each with its own home and its
own SSH server on loopback. Writes to one temporary folder only and removes it.

Usage: npm run demo [-- --keep]

  --keep   Leave the fleet up with a live status until Ctrl-C
  --help   Show this text
`

async function main(): Promise<number> {
  const { keep, help } = readFlags()
  if (help) {
    await print(USAGE)
    return 0
  }
  const stop = new AbortController()
  for (const name of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => stop.abort(new Interrupted(name)))
  }
  process.on('uncaughtException', error => stop.abort(error))
  process.stdout.on('error', ({ message }) => stop.abort(new DemoProblem(`Cannot print: ${message}`)))
  try {
    return await perform(stop, keep)
  } catch (error) {
    return await report(stop.signal.aborted ? stop.signal.reason : error)
  }
}

async function perform(stop: AbortController, keep: boolean): Promise<number> {
  const startedAt = performance.now()
  await act(stop, keep)
  if (keep) {
    await print('\nThe fleet is gone, and nothing of it is left on this machine.\n')
    return 0
  }
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0)
  const well = paint('green', 'Everything worked')
  await print(`\n${well}, in ${seconds} s. Nothing of it is left on this machine.\n`)
  await print('Your own machines: README.md, "Put it on your machines". To play: npm run demo -- --keep\n')
  return 0
}

/** Everything is removed when this returns or throws. */
async function act(stop: AbortController, keep: boolean): Promise<void> {
  await using stage = await openStage(stop.signal)
  await print(`${paint('bold', 'claw-clan')}: a fleet of three machines, all of them on this one\n`)
  await print(paint('dim', `Loopback only; everything is kept in ${stage.folder}\n`))
  await tellStory(stage)
  if (keep) await showLive(stage, stop)
}

function readFlags(): { readonly keep: boolean; readonly help: boolean } {
  const options = {
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  } as const
  try {
    return parseArgs({ options }).values
  } catch (error) {
    process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`)
    process.exit(2)
  }
}

/** @returns the exit code */
async function report(error: unknown): Promise<number> {
  if (error instanceof Interrupted) {
    process.stderr.write(`${gap()}demo: ${error.message}; everything was removed\n`)
    return error.exitCode
  }
  const isOurs = error instanceof DemoProblem
  const text = isOurs
    ? error.message
    : error instanceof Error
      ? (error.stack ?? error.message)
      : String(error)
  const output = isOurs && error.output !== '' ? `${error.output}\n` : ''
  process.stderr.write(`${gap()}${output}demo: ${text}\n`)
  return 1
}

process.exit(await main())
