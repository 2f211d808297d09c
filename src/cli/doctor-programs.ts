import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Check } from '../actions/doctor.ts'
import type { OutsideLinks, VersionFacts } from '../actions/make-current.ts'
import { isOnPath, readLaunchers } from '../adapters/launcher-files.ts'
import { askSkill, findProgram, openClawState, openClawVersion } from '../adapters/openclaw.ts'
import type { Finding } from '../fleet/finding.ts'
import { judgeLinks, judgeNode, judgeOpenClaw, judgeVersion } from '../fleet/finding-programs.ts'
import { readSkillFile } from '../fleet/skill-file.ts'
import { check, type DoctorWishes, type Patient } from './doctor-patient.ts'
import { PROGRAMS } from './setup-parts.ts'

/** Every file of the version is read. */
const VERSION_MS = 20_000
/** OpenClaw's own program needs up to 10 s to start. */
const ASK_MS = 30_000
/** Skills that come with the programs. */
const SKILLS = ['claw-clan']

/** The programs, the ways to them, and OpenClaw with our skills. */
export function programChecks(patient: Patient, { deep }: DoctorWishes): readonly Check[] {
  const { bin } = patient.home.paths
  const installed = readInstalled(patient)
  installed.catch(() => {}) // told by the checks that wait for it
  return [
    check('node', 'node and the launchers', VERSION_MS, async () => {
      const facts = await installed
      const programs = facts?.version.programs ?? PROGRAMS
      const expected = programs.map(name => `claw-${name}`)
      const launchers = readLaunchers(bin)
      return judgeNode({
        version: process.versions.node,
        bin,
        launchers,
        expected,
        isInstalled: facts !== undefined,
      })
    }),
    check('version', 'the installed version', VERSION_MS, async () => {
      const version = (await installed)?.version
      return judgeVersion({ name: version?.name, damaged: version?.damaged ?? [] })
    }),
    check('path-links', 'the links on your PATH', VERSION_MS, async () => linkFindings(await installed)),
    check('openclaw', 'OpenClaw', VERSION_MS + (deep ? ASK_MS : 0), async () =>
      openClawFindings(await installed, deep),
    ),
  ]
}

/** The version in use, and the links it wants; undefined where the programs run from a clone. */
type Installed = { readonly version: VersionFacts; readonly links: OutsideLinks }

async function readInstalled({ home: { paths } }: Patient): Promise<Installed | undefined> {
  const { currentVersion } = await import('../adapters/version-folders.ts')
  const name = currentVersion(paths)
  if (name === undefined) return undefined
  const { versionDeps } = await import('./version-deps.ts')
  const { versions, planLinks } = await versionDeps(paths, {}, { progress: () => {} })
  const version = versions.inspect(name)
  return { version, links: planLinks(versions.record(), version) }
}

function linkFindings(installed: Installed | undefined): readonly Finding[] {
  const { binDir: folder = null, programs = [] } = installed?.links ?? {}
  return judgeLinks({
    folder,
    isOnPath: folder !== null && isOnPath(folder),
    missing: programs.flatMap(({ made }) => made),
    foreign: programs.flatMap(({ foreign }) => foreign),
    kept: programs.flatMap(({ kept }) => kept),
  })
}

async function openClawFindings(
  installed: Installed | undefined,
  deep: boolean,
): Promise<readonly Finding[]> {
  const state = openClawState()
  const program = await findProgram('openclaw')
  const names = installed?.version.skills ?? SKILLS
  const asked = program === undefined || !deep ? [] : names
  return judgeOpenClaw({
    state,
    hasState: existsSync(join(state, 'openclaw.json')),
    program,
    version: program === undefined ? undefined : await openClawVersion(program),
    skills: names.map(name => ({ name, ...skillAt(join(state, 'skills', name), name) })),
    loaded: await Promise.all(
      asked.map(async name => ({ name, ...(await askSkill(program ?? '', name, ASK_MS)) })),
    ),
  })
}

function skillAt(folder: string, name: string) {
  const path = join(folder, 'SKILL.md')
  try {
    return { path, faults: readSkillFile(readFileSync(path, 'utf8'), name).faults }
  } catch {
    return { path, faults: ['it is not there'] }
  }
}
