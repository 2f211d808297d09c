import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Check } from '../actions/doctor.ts'
import { isOnPath, readLaunchers, readProgramLinks } from '../adapters/launcher-files.ts'
import { askSkill, findProgram, openClawState, openClawVersion } from '../adapters/openclaw.ts'
import { judgeLinks, judgeNode, judgeOpenClaw, type OpenClawFacts } from '../fleet/finding-programs.ts'
import { readSkillFile } from '../fleet/skill-file.ts'
import { check, type DoctorWishes, type Patient } from './doctor-patient.ts'
import { PROGRAMS } from './setup-parts.ts'

const LOOK_MS = 10_000
/** OpenClaw's own program needs up to 10 s to start. */
const ASK_MS = 30_000
/** Skills that come with the programs; later ones may be missing in an older version. */
const SKILLS = ['claw-clan']

/** The programs, the ways to them, and OpenClaw with our skills. */
export function programChecks({ home }: Patient, { deep }: DoctorWishes): readonly Check[] {
  const { bin } = home.paths
  const folder = join(homedir(), '.local', 'bin')
  return [
    check('node', 'node and the launchers', LOOK_MS, async () =>
      judgeNode({
        version: process.versions.node,
        bin,
        launchers: readLaunchers(bin),
        expected: PROGRAMS.map(name => `claw-${name}`),
      }),
    ),
    check('path-links', 'the links on your PATH', LOOK_MS, async () =>
      judgeLinks({ folder, isOnPath: isOnPath(folder), links: readProgramLinks(folder, bin) }),
    ),
    check('openclaw', 'OpenClaw', deep ? ASK_MS + LOOK_MS : LOOK_MS, async () =>
      judgeOpenClaw(await openClawFacts(deep)),
    ),
  ]
}

async function openClawFacts(deep: boolean): Promise<OpenClawFacts> {
  const state = openClawState()
  const program = await findProgram('openclaw')
  const version = program === undefined ? undefined : await openClawVersion(program)
  const skills = SKILLS.map(name => ({ name, ...skillAt(join(state, 'skills', name), name) }))
  const asked = program === undefined || !deep ? [] : SKILLS
  const loaded = await Promise.all(
    asked.map(async name => ({ name, ...(await askSkill(program ?? '', name, ASK_MS)) })),
  )
  return { state, hasState: existsSync(join(state, 'openclaw.json')), program, version, skills, loaded }
}

function skillAt(folder: string, name: string) {
  const path = join(folder, 'SKILL.md')
  try {
    return { path, faults: readSkillFile(readFileSync(path, 'utf8'), name).faults }
  } catch {
    return { path, faults: ['it is not there'] }
  }
}
