import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { basename, join } from 'node:path'
import { backUp } from './backups.ts'

/** The bash version's LaunchAgent: announcing, by one of its scripts. */
export type BashAgent = { readonly file: string; readonly text: Buffer }

/** @returns undefined where there is none, or where ours has taken its place */
export function bashAgent(env: NodeJS.ProcessEnv = process.env): BashAgent | undefined {
  const folder = join(env.HOME || homedir(), 'Library', 'LaunchAgents')
  const file = join(folder, 'com.openclaw.claw-clan-mdns.plist')
  try {
    const text = readFileSync(file)
    return /\/scripts\/claw-[a-z-]+\.sh/.test(text.toString('latin1')) ? { file, text } : undefined
  } catch {
    return undefined // not there, or not ours to read: then it is none of the bash version's either
  }
}

/** Keep a copy before ours takes its place. @returns its path. @throws the system's error */
export const keepBashAgent = ({ file, text }: BashAgent, folder: string, at: Date): string =>
  backUp({ folder, name: basename(file) }, text, at)
