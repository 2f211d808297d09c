import { ClawError } from '../fleet/error.ts'
import type { RemoteRun } from '../fleet/install-step.ts'
import { lazy } from '../fleet/lazy.ts'
import { z } from '../fleet/parse.ts'
import { loginText } from '../fleet/ssh-failure.ts'
import { foreignLine } from '../fleet/text.ts'
import type { Installing } from './remote-installation.ts'

const testAnswer = lazy(() =>
  z.object({
    ok: z.boolean(),
    version: z.string(),
    node: z.string(),
    checks: z.array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string() })),
  }),
)

/**
 * Test what was sent where it lies, before anybody uses it.
 *
 * @throws {ClawError} `self-test-failed`; the version in use stays in use
 */
export async function testVersion(installing: Installing): Promise<void> {
  const { deps, login, node, survey, done } = installing
  deps.onProgress(`testing ${deps.offered.name} on ${login.host}`)
  const program = `${versionFolder(installing)}/dist/peer.js`
  const said = await selfTestSays(installing, [node, program, '--self-test', '--json'])
  if (said.failure === undefined) return done('self-test', 'ok', said.summary)
  const kept = survey.current === undefined ? 'it is not used' : `${survey.current} stays in use`
  throw new ClawError(
    'self-test-failed',
    `${deps.offered.name} does not work on "${loginText(login)}": ${said.failure}; ${kept}`,
    { hint: 'See which check failed; another Node can be named with --node PATH' },
  )
}

/**
 * Make the version the one in use there, and test it again through the launcher that other machines will reach. What
 * does not work then is taken back.
 *
 * @throws {ClawError} `self-test-failed` saying which version is in use now
 */
export async function activateVersion(installing: Installing): Promise<void> {
  const { deps, login, node, survey, done } = installing
  const { name } = deps.offered
  deps.onProgress(`switching ${login.host} to ${name}`)
  const activated = await ownSetup(installing, ['activate', '--node', node])
  if (activated.code !== 0) {
    const why = failureOf(activated.stdout, activated.complaint)
    throw notWorking(installing, why, survey.current === undefined ? 'nothing is' : `${survey.current} stays`)
  }
  const launcher = [`${survey.home}/bin/claw-peer`, '--self-test', '--json']
  const { failure } = await selfTestSays(installing, launcher)
  if (failure !== undefined) throw notWorking(installing, failure, await takenBack(installing))
  const isSame = survey.current === name
  const from = survey.current === undefined || isSame ? '' : `, was ${survey.current}`
  done('in use', isSame ? 'unchanged' : 'ok', `${name}${from}`)
  for (const warning of warningsIn(activated.stdout)) done('note', 'finding', warning)
}

const notWorking = ({ deps, login }: Installing, why: string, inUse: string): ClawError =>
  new ClawError(
    'self-test-failed',
    `${deps.offered.name} does not work in its place on "${loginText(login)}": ${why}; ${inUse} in use there`,
    { hint: 'Look at what failed, then run the same command again' },
  )

/** @returns which version is in use now, in words */
async function takenBack(installing: Installing): Promise<string> {
  const { current } = installing.survey
  // There is nothing to step back to, or what failed was in use before: stepping back would lead to an older one.
  if (current === undefined || current === installing.deps.offered.name) return 'it is'
  // The former version may not know the way back: the new one does.
  const back = await ownSetup(installing, ['rollback'])
  if (back.code === 0) return `${current} is again`
  return `it is, and ${current} could not be put back (${failureOf(back.stdout, back.complaint)}): run "claw-setup rollback" there,`
}

/** The setup program of what was sent, wherever `current` leads. */
function ownSetup(installing: Installing, words: readonly string[]): Promise<RemoteRun> {
  const { deps, login, node, survey } = installing
  const setup = `${versionFolder(installing)}/dist/setup.js`
  return deps.run(login, [node, setup, ...words, '--home', survey.home, '--json'])
}

const versionFolder = ({ survey, deps }: Installing): string => `${survey.home}/versions/${deps.offered.name}`

async function selfTestSays(
  { deps, login }: Installing,
  words: readonly string[],
): Promise<{ readonly failure: string | undefined; readonly summary: string }> {
  const { stdout, complaint, code } = await deps.run(login, words)
  const read = z.safeParse(testAnswer(), parseJson(stdout))
  if (!read.success) return { failure: foreignLine(complaint) || `it ended with ${code}`, summary: '' }
  const { ok, version, node, checks } = read.data
  const failed = checks.filter(check => !check.ok).map(({ name, detail }) => `${name}: ${detail}`)
  if (!ok) return { failure: foreignLine(failed.join('; ')), summary: '' }
  if (version !== deps.offered.version)
    return { failure: foreignLine(`${version} answers instead`), summary: '' }
  return { failure: undefined, summary: foreignLine(`${checks.length} checks, Node ${node}`) }
}

const failed = lazy(() =>
  z.object({ error: z.object({ message: z.string(), hint: z.catch(z.optional(z.string()), undefined) }) }),
)
const warned = lazy(() => z.object({ warnings: z.array(z.string()) }))

function warningsIn(stdout: string): readonly string[] {
  const read = z.safeParse(warned(), parseJson(stdout))
  return read.success ? read.data.warnings.map(foreignLine) : []
}

/** Why a program of ours failed and what to do: its own words, else the last line of what it complained about. */
export function failureOf(stdout: string, complaint: string): string {
  const read = z.safeParse(failed(), parseJson(stdout))
  if (read.success) {
    const { hint, ...error } = read.data.error
    const [message] = error.message.split('\n')
    return foreignLine(hint === undefined ? `${message}` : `${message}; ${hint}`)
  }
  const warnings = warningsIn(stdout)
  if (warnings.length > 0) return warnings.join('; ')
  return foreignLine(complaint) || 'it gave no reason'
}

/** @returns undefined for text that is no JSON */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
