import { join } from 'node:path'
import { ClawError } from '../fleet/error.ts'
import { type GatewayId, idKey, isGatewayId } from '../fleet/parse.ts'
import { quoteValue } from '../fleet/text.ts'
import { isSystemError } from './file-trouble.ts'
import { type JsonObject, readJson } from './json-file.ts'
import { damaged, namesIn } from './whole-file.ts'

/** One machine's file in `peers/` or `candidates/`. */
export type RecordFile<T> = {
  readonly path: string
  /** As it is on disk, with the keys nobody here knows. */
  readonly content: JsonObject
  readonly record: T
}

/** A file that should hold a record and does not. */
export type DamagedFile = {
  readonly path: string
  /** The machine its name stands for; undefined when the name is no gateway id. */
  readonly gatewayId: GatewayId | undefined
  /** `damaged-state`, naming the path. */
  readonly error: ClawError
}

/** Records by `idKey` of their gateway id, and what could not be read beside them. */
export type FolderReading<T> = {
  readonly records: ReadonlyMap<string, RecordFile<T>>
  readonly damaged: readonly DamagedFile[]
}

const ENDING = '.json'

/** Where a machine's record lies, when it has none yet. */
export const recordPath = (folder: string, id: GatewayId): string => join(folder, `${id}${ENDING}`)

/**
 * Read every record of a folder. A file must be named after the id it holds, regardless of case; other files, such
 * as those set aside, are passed over.
 *
 * @param parse  throws `damaged-state` for what is no record
 * @throws {ClawError} `store-unavailable` when the folder or a file cannot be read
 */
export function readFolder<T extends { readonly gatewayId: GatewayId }>(
  folder: string,
  parse: (content: unknown, source: string) => T,
): FolderReading<T> {
  const records = new Map<string, RecordFile<T>>()
  const bad: DamagedFile[] = []
  for (const name of recordNames(folder)) {
    const path = join(folder, name)
    const stem = name.slice(0, -ENDING.length)
    try {
      const file = readRecord(path, parse)
      if (file === undefined) continue
      checkName(file, stem, records)
      records.set(idKey(stem), file)
    } catch (error) {
      bad.push({ path, gatewayId: isGatewayId(stem) ? stem : undefined, error: ofOneFile(path, error) })
    }
  }
  return { records, damaged: bad }
}

/** What is wrong with one file only, so that it does not hide the others. @throws anything else */
function ofOneFile(path: string, error: unknown): ClawError {
  if (error instanceof ClawError && error.code === 'damaged-state') return error
  const cause = error instanceof ClawError ? error.cause : undefined
  if (isSystemError(cause, 'EACCES', 'EPERM', 'EIO')) return damaged(path, 'it cannot be read')
  throw error
}

/** Where each id has its file, readable or not, by `idKey`. */
export const recordPaths = (folder: string): ReadonlyMap<string, string> =>
  new Map(recordNames(folder).map(name => [idKey(name.slice(0, -ENDING.length)), join(folder, name)]))

const recordNames = (folder: string): readonly string[] =>
  namesIn(folder)
    .filter(name => name.endsWith(ENDING) && !name.startsWith('.'))
    .toSorted()

function readRecord<T>(
  path: string,
  parse: (content: unknown, source: string) => T,
): RecordFile<T> | undefined {
  const content = readJson(path)
  // Gone since the folder was listed: removed by another program.
  return content === undefined ? undefined : { path, content, record: parse(content, `"${path}"`) }
}

function checkName<T extends { readonly gatewayId: GatewayId }>(
  { path, record }: RecordFile<T>,
  stem: string,
  known: ReadonlyMap<string, RecordFile<T>>,
): void {
  const { gatewayId } = record
  if (idKey(gatewayId) !== idKey(stem)) {
    throw damaged(path, `it holds ${quoteValue(gatewayId)}, and a record is named after the machine it holds`)
  }
  const other = known.get(idKey(stem))
  if (other !== undefined) throw damaged(path, `"${other.path}" holds the same machine`)
}
