import { existsSync } from 'node:fs'

const FOLDERS = ['/bin', '/usr/bin', '/usr/local/bin', '/opt/homebrew/bin']
const SHELLS = [
  { program: 'sh', args: [] },
  { program: 'dash', args: [] },
  { program: 'bash', args: [] },
  { program: 'bash', args: ['--posix'] },
  { program: 'zsh', args: [] },
  { program: 'ksh', args: [] },
  { program: 'busybox', args: ['sh'] },
] as const

/** Every POSIX shell this machine has; `sh` at least. */
export const shells = SHELLS.flatMap(({ program, args }) => {
  const folder = FOLDERS.find(each => existsSync(`${each}/${program}`))
  return folder === undefined
    ? []
    : [{ name: [program, ...args].join(' '), path: `${folder}/${program}`, args }]
})
