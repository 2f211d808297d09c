import { ClawError } from '../fleet/error.ts'
import type { FoundNode, InstallSurvey } from '../fleet/install-survey.ts'
import { NODE_FLOOR, usableNodeVersion } from '../fleet/node-places.ts'
import { type Login, loginText } from '../fleet/ssh-failure.ts'

/** Beside the version itself: its compile cache, the journal, and room for the disk to live. */
const SPARE_KB = 16 * 1024

export type Fitness = { readonly node: FoundNode; readonly freeKb: number | undefined }

/**
 * Can this machine take a version of so many bytes? Nothing has been changed there yet.
 *
 * @param wanted  the node that `--node` names
 * @throws {ClawError} `peer-unfit` naming what is missing, what is there instead, and the next step
 */
export function checkFitness(
  survey: InstallSurvey,
  given: { readonly login: Login; readonly bytes: number; readonly wanted: string | undefined },
): Fitness {
  const where = `Cannot install on "${loginText(given.login)}"`
  if (survey.system !== 'Darwin' && survey.system !== 'Linux') {
    throw new ClawError(
      'peer-unfit',
      `${where}: its system is "${survey.system}", and macOS or Linux is needed`,
    )
  }
  if (!survey.isWritable) {
    throw new ClawError('peer-unfit', `${where}: "${survey.home}" cannot be written to`, {
      hint: `Make that folder writable for "${given.login.user}" there (owner, permissions, a read-only disk), then try again`,
    })
  }
  const node = survey.nodes.find(({ version }) => usableNodeVersion(`v${version}`) !== undefined)
  if (node === undefined) throw unfitNode(survey, where, given.wanted)
  const needed = Math.ceil(given.bytes / 1024) + SPARE_KB
  if (survey.freeKb !== undefined && survey.freeKb < needed) {
    const [free, least] = [survey.freeKb, needed].map(kb => Math.round(kb / 1024))
    throw new ClawError(
      'peer-unfit',
      `${where}: ${free} MB are free for "${survey.home}", and ${least} MB are needed`,
      { hint: 'Free some space on that disk, then try again' },
    )
  }
  return { node, freeKb: survey.freeKb }
}

function unfitNode({ nodes }: InstallSurvey, where: string, wanted: string | undefined): ClawError {
  const needed = `Node ${NODE_FLOOR} or newer is needed`
  const found = nodes
    .slice(0, 5)
    .map(({ path, version }) =>
      version === undefined ? `"${path}" does not start` : `${version} at "${path}"`,
    )
  const more = nodes.length > 5 ? ` and ${nodes.length - 5} more` : ''
  if (wanted !== undefined) {
    const what = found.length === 0 ? `"${wanted}" is no program there` : `it has Node ${found.join(', ')}`
    return new ClawError('peer-unfit', `${where}: ${what}; ${needed}`, {
      hint: 'Name another with --node, or leave the flag out to search that machine',
    })
  }
  const what =
    found.length === 0 ? 'no Node was found there' : `found there is Node ${found.join(', ')}${more}`
  return new ClawError('peer-unfit', `${where}: ${what}; ${needed}`, {
    hint: 'Install Node 24 there (Mac: "brew install node@24"; else nvm, or https://nodejs.org/en/download), or name one with --node PATH',
  })
}
