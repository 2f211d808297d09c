import { lazy } from './lazy.ts'
import { parseValue, type Source, z } from './parse.ts'
import { isVersionName } from './version-folder.ts'

/** What installing did outside the version folders: `versions/install.json`. */
export type InstallRecord = {
  readonly schema: 1
  /** Versions in the order in which they became current. */
  readonly activated: readonly string[]
  /** Folder that holds links to our launchers; null when the owner wants none; absent when nothing is known. */
  readonly binDir?: string | null
  /** OpenClaw's folder that holds links to our skills. */
  readonly skillsDir?: string | null
  /** Folders that were not there before us; removed with us when they are empty. */
  readonly madeFolders: readonly string[]
}

/** The record of a machine on which nothing was installed. */
export const NO_RECORD: InstallRecord = {
  schema: 1,
  activated: [],
  madeFolders: [],
}

const absolute = () => z.string().check(z.refine(text => text.startsWith('/')))
const record = lazy(() =>
  z.object({
    schema: z.literal(1),
    activated: z.array(z.string()).check(z.maxLength(100)),
    binDir: z.optional(z.nullable(absolute())),
    skillsDir: z.optional(z.nullable(absolute())),
    madeFolders: z.catch(z.array(absolute()), []),
  }),
)

/** Read the record. @throws {ClawError} `damaged-state` */
export function parseInstallRecord(value: unknown, source: Source): InstallRecord {
  const { schema, activated, binDir, skillsDir, madeFolders } = parseValue(
    record,
    value,
    source,
    'damaged-state',
  )
  return {
    ...{ schema, activated: activated.filter(isVersionName), madeFolders },
    ...(binDir === undefined ? {} : { binDir }),
    ...(skillsDir === undefined ? {} : { skillsDir }),
  }
}
