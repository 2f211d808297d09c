import { stat } from 'node:fs/promises'

/** A text that differs after the file was replaced or changed; `absent` while there is none. */
export async function fileStamp(path: string): Promise<string> {
  try {
    const { mtimeMs, size, ino } = await stat(path)
    return `${mtimeMs}-${size}-${ino}`
  } catch {
    return 'absent'
  }
}
