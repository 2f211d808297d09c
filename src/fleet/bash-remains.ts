import { bashLines } from './bash-crontab.ts'
import { type ByteText, linesOf, withoutEnd } from './marked-block.ts'

/** A home whose bash version may have left lines in the crontab. */
export type BashHome = {
  /** Absolute paths of the home, by whatever links; one character per byte as a crontab has them. */
  readonly homes: readonly ByteText[]
  /** It is `~/.openclaw/claw-clan`, which a crontab may call by `~` or `$HOME`. */
  readonly isUsual: boolean
  /** Scripts that go on working and that we have no program for: their lines stay. */
  readonly keptScripts: readonly string[]
}

const USUAL = /(?:~|\$HOME|\$\{HOME\})\/\.openclaw\/claw-clan\/scripts\//

/** The crontab lines by which the bash version of this very home runs, as far as we take over what they do. */
export function bashLinesOf(text: ByteText, { homes, isUsual, keptScripts }: BashHome): readonly ByteText[] {
  return bashLines(text).filter(
    line =>
      (homes.some(home => line.includes(`${home}/scripts/`)) || (isUsual && USUAL.test(line))) &&
      !keptScripts.some(script => line.includes(`/scripts/${script}`)),
  )
}

/** The crontab without those lines; every other byte stays. */
export function withoutBashLinesOf(text: ByteText, of: BashHome): ByteText {
  const theirs = new Set(bashLinesOf(text, of))
  return linesOf(text)
    .filter(line => !theirs.has(withoutEnd(line)))
    .join('')
}
