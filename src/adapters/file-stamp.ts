import { statSync } from 'node:fs'

/** A text that differs after the file was replaced or changed; `absent` while there is none. */
export function fileStamp(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false })
  return found === undefined ? 'absent' : `${found.mtimeMs}-${found.size}-${found.ino}`
}
