import { homedir } from 'node:os'
import type { Uninstallation } from '../actions/uninstall.ts'
import { printable } from '../fleet/text.ts'

/** Text for people: what went, what stayed, and what other machines still know. */
export function renderUninstall(done: Uninstallation): string {
  const { home, outside, programs, data, keptData, left, dryRun } = done
  return [
    dryRun ? 'Would remove claw-clan from this machine:' : 'Removed claw-clan from this machine:',
    ...outside
      .filter(({ removed }) => removed.length > 0)
      .flatMap(({ what, removed }) => [`  ${what}`, ...removed.map(line => `    ${shortPath(line)}`)]),
    ...(programs.length === 0 ? [] : [`  programs in ${shortPath(home)}`]),
    ...(data.length === 0 ? [] : [`  data in ${shortPath(home)}`]),
    ...data.map(path => `    ${printable(path.slice(home.length + 1))}`),
    ...(keptData ? [`Data is kept in ${shortPath(home)}`] : []),
    ...leftLines(done, left),
    ...enrolledLines(done),
  ].join('\n')
}

function leftLines(
  { home, keptData, dryRun }: Uninstallation,
  left: Uninstallation['left'],
): readonly string[] {
  if (left === null || keptData || dryRun) return []
  if (left.length === 0) return [`Empty, and left: ${shortPath(home)} is a link, or cannot be removed`]
  return [`Not ours and still in ${shortPath(home)}: ${left.map(printable).join(', ')}`]
}

function enrolledLines({ enrolledAt, gatewayId, dryRun }: Uninstallation): readonly string[] {
  if (enrolledAt.length === 0) return []
  return [
    `${dryRun ? 'Would still be' : 'Still'} enrolled at: ${enrolledAt.join(', ')}`,
    `  next, on one of them: claw-setup-ssh revoke ${gatewayId ?? 'ID'} --everywhere`,
  ]
}

function shortPath(path: string): string {
  const home = homedir()
  return printable(path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path)
}
