import type { SetupActions } from '../actions/setup-actions.ts'
import { ClawError } from '../fleet/error.ts'
import type { GatewayId } from '../fleet/parse.ts'
import type { ReadyHome } from './home.ts'
import { scheduleDeps } from './schedule-deps.ts'
import type { Terminal } from './terminal.ts'

type Actions = Pick<SetupActions, 'schedulePings' | 'scheduleState' | 'unschedulePings'>

export type Renaming = {
  readonly home: ReadyHome
  readonly terminal: Terminal
  readonly formerId: GatewayId
}

/**
 * A crontab's block bears the gateway id: after a change of it the old block would ping beside the new one for ever.
 *
 * @returns what the owner must know of it
 */
export async function renameSchedule(actions: Actions, renaming: Renaming): Promise<readonly string[]> {
  const { home, terminal, formerId } = renaming
  try {
    const former = await scheduleDeps({ ...home, self: { ...home.self, gatewayId: formerId } }, terminal)
    if (!(await actions.scheduleState(former)).installed) return []
    await actions.unschedulePings(former, { dryRun: false, keepSetting: true })
    const { warnings } = await actions.schedulePings(await scheduleDeps(home, terminal), {
      wait: false,
      dryRun: false,
    })
    return warnings
  } catch (error) {
    if (!(error instanceof ClawError)) throw error
    return [`The schedule is still that of "${formerId}": ${error.message}`]
  }
}
