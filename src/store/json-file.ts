import { LowSync, type SyncAdapter } from 'lowdb'
import type { Replacement } from './replace-files.ts'
import { damaged, readWholeFile } from './whole-file.ts'

/** The content of every state file: one JSON object. */
export type JsonObject = { readonly [key: string]: unknown }

const ABSENT: JsonObject = Object.freeze({})

/**
 * Read one JSON object.
 *
 * @returns undefined when there is no such file
 * @throws {ClawError} `damaged-state` naming the path for anything but a JSON object; `store-unavailable`
 */
export function readJson(path: string): JsonObject | undefined {
  const document = new LowSync<JsonObject>(reading(path), ABSENT)
  document.read()
  return document.data === ABSENT ? undefined : document.data
}

/** What to write to one state file; only what JSON can carry is written. */
export type JsonDocument = {
  readonly value: object
  /** For a file that a shell reads line by line; others are laid out as the bash version's jq did. */
  readonly oneLine?: true
}

/** Add one document to the files that are about to be replaced. */
export function stageJson(files: Replacement, path: string, document: JsonDocument): void {
  new LowSync<JsonDocument>(staging(path, files), document).write()
}

/** The text a document is written as. */
export const jsonText = ({ value, oneLine }: JsonDocument): string =>
  `${JSON.stringify(value, undefined, oneLine === true ? undefined : 2)}\n`

/**
 * Check and parse the text of a state file.
 *
 * @throws {ClawError} `damaged-state` for anything but a JSON object; a byte order mark is not JSON
 */
export function parseJsonObject(text: string, path: string): JsonObject {
  if (text.trim() === '') throw damaged(path, 'the file is empty')
  const value = parseJson(text, path)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw damaged(path, 'it is not a JSON object')
  }
  return { ...value }
}

/** @throws {ClawError} `damaged-state` naming the path */
export function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) throw damaged(path, 'it is not JSON')
    throw error
  }
}

/**
 * lowdb's own file adapter neither syncs nor locks, keeps no mode, writes through planted links and loses
 * acknowledged writes of two programs. These read with care, and leave writing to `Replacement`.
 */
function reading(path: string): SyncAdapter<JsonObject> {
  const read = () => {
    const text = readWholeFile(path)
    return text === undefined ? null : parseJsonObject(text, path)
  }
  return { read, write: () => undefined }
}

function staging(path: string, files: Replacement): SyncAdapter<JsonDocument> {
  return { read: () => null, write: document => files.stage(path, jsonText(document)) }
}
