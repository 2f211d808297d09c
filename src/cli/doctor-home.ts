import { userInfo } from 'node:os'
import type { Check } from '../actions/doctor.ts'
import { roomAt } from '../adapters/disk.ts'
import { foreignConfigIn } from '../adapters/foreign-config.ts'
import { surveyHome } from '../adapters/home-survey.ts'
import { readSettingsFile, settingsPath } from '../adapters/settings-file.ts'
import { ClawError } from '../fleet/error.ts'
import {
  judgeDisk,
  judgeLeftovers,
  judgePermissions,
  judgeRecords,
  judgeSettings,
} from '../fleet/finding-home.ts'
import { judgeLeadNumbers, judgePending } from '../fleet/finding-peers.ts'
import { readCandidates } from '../store/fleet-files.ts'
import { viewJournal } from '../store/journal.ts'
import { readJson } from '../store/json-file.ts'
import { check, type Patient } from './doctor-patient.ts'

const LOOK_MS = 10_000

/** What lies in the home: modes, leftovers, records, settings, and room for more. */
export function homeChecks(patient: Patient): readonly Check[] {
  const { home, self, peers } = patient
  const { paths, clock } = home
  const survey = surveyHome(paths.home, clock.now())
  survey.catch(() => {}) // told by the checks that wait for it
  return [
    check('permissions', 'the files of the home', LOOK_MS, async () => {
      const { uid, username } = userInfo()
      return judgePermissions({ home: paths.home, user: { uid, name: username }, ...(await survey) })
    }),
    check('leftovers', 'what killed runs left', LOOK_MS, async () => judgeLeftovers(await survey)),
    check('disk', 'the disk', LOOK_MS, async () =>
      judgeDisk({ home: paths.home, ...(await roomAt(paths.home)) }),
    ),
    check('records', 'the records', LOOK_MS, async () => judgeRecords(damages(patient), peers.length)),
    check('settings', 'the settings', LOOK_MS, () => settingsFindings(patient)),
    check('lead-numbers', 'the lead numbers', LOOK_MS, async () =>
      judgeLeadNumbers([...(self === undefined ? [] : [self]), ...peers]),
    ),
    check('pending', 'what waits', LOOK_MS, async () =>
      judgePending(
        (await home.store.pending()).map(({ kind, about, gatewayId }) => `${kind} ${about} on ${gatewayId}`),
      ),
    ),
  ]
}

/** Whatever of ours does not read, except state.json, which has a check of its own. */
function damages({ home, damaged }: Patient): readonly ClawError[] {
  const { paths } = home
  const reads = [() => readJson(paths.fleet), () => viewJournal(paths.journal)?.[Symbol.dispose]()]
  const candidates = readCandidates(paths).damaged.map(({ path, error }) => {
    return new ClawError(error.code, error.message, { hint: `rm "${path}": it was only heard, not enrolled` })
  })
  return [...damaged.map(({ error }) => error), ...candidates, ...reads.flatMap(read => troubleOf(read))]
}

function troubleOf(read: () => unknown): readonly ClawError[] {
  try {
    read()
    return []
  } catch (error) {
    if (error instanceof ClawError) return [error]
    throw error
  }
}

async function settingsFindings({ home }: Patient) {
  const { paths } = home
  const reading = await readSettingsFile(paths, process.env)
  const file = settingsPath(paths, process.env)
  const ignored = [...foreignConfigIn(paths.home, true, file), ...foreignConfigIn(process.cwd(), false, file)]
  const problems = reading.problems.map(({ message, hint }) => ({ message, hint }))
  return judgeSettings({
    problems,
    unknownKeys: reading.unknownKeys,
    ignored: [...new Set(ignored)],
    file: file ?? paths.config,
  })
}
