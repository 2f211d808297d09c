import { statfs } from 'node:fs/promises'

/** Room on the disk of a folder. */
export type Room = {
  /** For us, not what is kept for root. */
  readonly freeBytes: number
  /** Files that can still be made; undefined where the file system does not count them. */
  readonly freeFiles: number | undefined
}

/** @throws the system's error when there is no such folder */
export async function roomAt(folder: string): Promise<Room> {
  const { bavail, bsize, files, ffree } = await statfs(folder)
  return { freeBytes: bavail * bsize, freeFiles: files > 0 ? ffree : undefined }
}
